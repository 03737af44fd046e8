#include "strata/measure/paired_difference.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

TEST_CASE("by hand") {
  const auto of_three = strata::mean_with_error(std::vector<double>{1, 2, 6});
  CHECK(of_three.mean == 3);
  CHECK(of_three.error == doctest::Approx(std::sqrt((4.0 + 1 + 9) / 2 / 3)));
  const auto paired = strata::paired_difference(std::vector<double>{10, 21, 34}, std::vector<double>{9, 19, 28});
  CHECK(paired.mean == of_three.mean);
  CHECK(paired.error == of_three.error);
  const auto single = strata::mean_with_error(std::vector<double>{4});
  CHECK(single.mean == 4);
  CHECK(std::isnan(single.error));
}

TEST_CASE("the error of the mean of n draws is what such means scatter by") {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal(2, 3);
  constexpr std::size_t trials = 4000, n = 16;
  std::vector<double> means, variances;
  for (std::size_t i = 0; i < trials; ++i) {
    std::vector<double> draws(n);
    for (double& draw : draws) draw = normal(random);
    const auto found = strata::mean_with_error(draws);
    means.push_back(found.mean);
    variances.push_back(found.error * found.error);
  }
  const auto of_means = strata::mean_with_error(means);
  const double scatter = of_means.error * of_means.error * trials;  // variance of the means
  CHECK(scatter == doctest::Approx(9.0 / n).epsilon(0.08));
  CHECK(strata::mean_with_error(variances).mean == doctest::Approx(9.0 / n).epsilon(0.03));
}

TEST_CASE("what prompts share is not in the error of the difference") {
  const std::vector<double> y{1, 100, 10000}, x{1.5, 100.5, 10000.5};
  CHECK(strata::paired_difference(x, y).mean == 0.5);
  CHECK(strata::paired_difference(x, y).error == doctest::Approx(0));
}
