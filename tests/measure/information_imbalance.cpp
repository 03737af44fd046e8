#include "strata/measure/information_imbalance.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "measure/samples.hpp"

namespace {

/// The other samples from the nearest to the farthest, by a stable sort of the squared distances.
std::vector<std::size_t> neighbours(const strata::matrix<double>& x, std::size_t i) {
  std::vector<std::size_t> order(x.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(i));
  const auto square = [&](std::size_t j) {
    double sum = 0;
    for (std::size_t k = 0; k < x.cols(); ++k) sum += (x(i, k) - x(j, k)) * (x(i, k) - x(j, k));
    return sum;
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return square(a) < square(b); });
  return order;
}

double by_sorting(const strata::matrix<double>& x, const strata::matrix<double>& y) {
  double ranks = 0;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    const auto in_y = neighbours(y, i);
    ranks += static_cast<double>(std::find(in_y.begin(), in_y.end(), neighbours(x, i)[0]) - in_y.begin()) + 1;
  }
  return 2 * ranks / static_cast<double>(x.rows() * x.rows());
}

}  // namespace

// numpy 2.4.6 with ranks from argsort of scipy 1.17.1's pdist.
TEST_CASE("agrees with numpy, and is not symmetric") {
  strata::matrix<double> x(12, 2), y(12, 3);
  for (std::size_t k = 0; k < 24; ++k) x.values()[k] = std::sin(static_cast<double>(k) * 1.7 + 0.3);
  for (std::size_t k = 0; k < 36; ++k) y.values()[k] = std::cos(static_cast<double>(k) * 2.3);
  CHECK(strata::information_imbalance<double>(x, y) == doctest::Approx(0.6388888888888888).epsilon(1e-14));
  CHECK(strata::information_imbalance<double>(y, x) == doctest::Approx(1.6944444444444444).epsilon(1e-14));
  CHECK(strata::information_imbalance<double>(x, x) == doctest::Approx(2.0 / 12).epsilon(1e-14));
}

TEST_CASE("agrees with sorting, with many ties") {
  for (std::size_t n = 2; n < 30; ++n)
    for (const std::size_t width : {1u, 2u, 6u}) {
      const auto x = samples::make(n, width, 7, 13, 5), y = samples::make(n, 3, 3, 11, 2);
      CHECK(strata::information_imbalance<double>(x, y) == doctest::Approx(by_sorting(x, y)).epsilon(1e-14));
      CHECK(strata::information_imbalance<double>(y, x) == doctest::Approx(by_sorting(y, x)).epsilon(1e-14));
    }
}

TEST_CASE("wrong calls") {
  const strata::matrix<double> one(1, 2), two(2, 2), three(3, 2);
  CHECK_THROWS_AS(static_cast<void>(strata::information_imbalance<double>(one, one)), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(strata::information_imbalance<double>(two, three)), contract_violation);
}
