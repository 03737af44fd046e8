#include "strata/measure/average_curve.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace average_curve_test {

namespace {

using list = std::vector<double>;

const list sizes{1e-4, 1e-3, 0.02, 0.3, 1}, values{0.9, 0.8, 0.5, 0.1, 0};
constexpr std::array<std::size_t, 6> looked_at{0, 29, 60, 100, 140, 149};

}  // namespace

// numpy 2.4.6, grid = logspace(−5, 0, 150).
TEST_CASE("the common grid is numpy's") {
  const list grid = strata::log_spaced_sizes();
  REQUIRE(grid.size() == 150);
  CHECK(grid.front() == 1e-5);
  CHECK(grid.back() == 1.0);
  CHECK(grid[1] == doctest::Approx(1.0803315190764666e-05).epsilon(1e-14));
  CHECK(grid[2] == doctest::Approx(1.1671161911100682e-05).epsilon(1e-14));
  CHECK(grid[74] == doctest::Approx(0.0030424361767690034).epsilon(1e-14));
  CHECK(grid[148] == doctest::Approx(0.9256417889712791).epsilon(1e-14));
  CHECK_NOTHROW(strata::check_sizes(grid));
  CHECK(strata::log_spaced_sizes(2, 0.1) == list{0.1, 1.0});
  CHECK_THROWS_AS(static_cast<void>(strata::log_spaced_sizes(1)), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(strata::log_spaced_sizes(9, 1.0)), contract_violation);
}

// interp(grid, sizes, values) and interp(log(grid), log(sizes), values).
TEST_CASE("curves between their sizes agree with numpy, over the size and over its logarithm") {
  const list grid = strata::log_spaced_sizes();
  const list linear{0.9, 0.9, 0.7995043720782308, 0.4961668290900566, 0.07159013305936975, 0.0};
  const list logarithmic{0.9, 0.9, 0.7969048787107105, 0.4814046055009384, 0.05775974363939192, 0.0};
  for (std::size_t k = 0; k < looked_at.size(); ++k) {
    const double size = grid[looked_at[k]];
    CHECK(strata::value_at(sizes, values, size, strata::size_axis::linear) ==
          doctest::Approx(linear[k]).epsilon(1e-12));
    CHECK(strata::value_at(sizes, values, size) == doctest::Approx(logarithmic[k]).epsilon(1e-12));
  }
}

TEST_CASE("a curve has its own values at its own sizes, and is flat outside") {
  for (const auto axis : {strata::size_axis::linear, strata::size_axis::logarithmic}) {
    for (std::size_t i = 0; i < sizes.size(); ++i) CHECK(strata::value_at(sizes, values, sizes[i], axis) == values[i]);
    CHECK(strata::value_at(sizes, values, 1e-9, axis) == 0.9);
    CHECK(strata::value_at(list{0.1, 0.2}, list{5, 7}, 0.9, axis) == 7);
    CHECK(strata::value_at(list{0.1}, list{5}, 0.9, axis) == 5);
  }
  CHECK(strata::value_at(list{0.01, 1}, list{4, 2}, 0.1) == doctest::Approx(3.0).epsilon(1e-14));
  CHECK(strata::value_at(list{0.2, 1}, list{4, 2}, 0.6, strata::size_axis::linear) == doctest::Approx(3.0));
}

TEST_CASE("the mean of two curves with different sizes agrees with numpy") {
  strata::average_curve average(strata::log_spaced_sizes(), strata::size_axis::linear);
  average.add(sizes, values);
  average.add(list{1e-5, 1e-2, 1}, list{1, 0.6, 0.2});
  CHECK(average.count() == 2);
  const list expected{0.95, 0.9483182034469904, 0.8793039424279298, 0.545521147951703, 0.237033638532834, 0.1};
  const list mean = average.mean();
  REQUIRE(mean.size() == average.sizes().size());
  for (std::size_t k = 0; k < looked_at.size(); ++k)
    CHECK(mean[looked_at[k]] == doctest::Approx(expected[k]).epsilon(1e-12));
}

TEST_CASE("a curve that is refused leaves the average as it was") {
  strata::average_curve average(list{0.1, 1});
  CHECK_THROWS_AS(static_cast<void>(average.mean()), contract_violation);
  average.add(list{0.1, 1}, list{4, 2});
  CHECK_THROWS_WITH_AS(average.add(list{0.1, 1}, list{1, std::numeric_limits<double>::infinity()}),
                       "value 1 of a curve is inf, expected a finite number", strata::numeric_error);
  CHECK_THROWS_AS(average.add(list{0.0, 1}, list{1, 1}), strata::option_error);
  CHECK_THROWS_AS(average.add(list{0.1, 1}, list{1}), contract_violation);
  CHECK_THROWS_AS(average.add(list{}, list{}), strata::option_error);
  CHECK(average.count() == 1);
  CHECK(average.mean() == list{4, 2});
  CHECK_THROWS_AS(static_cast<void>(strata::average_curve(list{1, 0.1})), strata::option_error);
}

}  // namespace average_curve_test
