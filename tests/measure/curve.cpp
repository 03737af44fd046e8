#include "strata/measure/curve.hpp"

#include <doctest/doctest.h>

#include <vector>

TEST_CASE("density of a constant curve is its width in decades") {
  const std::vector<double> ones(strata::published_sizes.size(), 1.0);
  CHECK(strata::density(strata::published_sizes, ones) == doctest::Approx(5.0).epsilon(1e-14));
  CHECK(strata::tv_area(strata::published_sizes, ones) == doctest::Approx(3.0).epsilon(1e-14));
}

TEST_CASE("density is a trapezoid over log10 of the size") {
  const std::vector<double> sizes{0.01, 0.1, 1.0}, values{1.0, 0.5, 0.0};
  CHECK(strata::density(sizes, values) == doctest::Approx(1.0).epsilon(1e-14));
}

TEST_CASE("the smallest size is the first hit on the grid") {
  const std::vector<double> sizes{0.1, 0.2, 0.4, 1.0}, values{0.9, 0.3, 0.6, 0.0};
  CHECK(strata::smallest_size_below(sizes, values, 0.5).value() == 0.2);
  CHECK(strata::smallest_size_below(sizes, values, 0.3).value() == 1.0);
  CHECK_FALSE(strata::smallest_size_below(sizes, values, 0.0).has_value());
}

TEST_CASE("an area over the size is a trapezoid over it, not divided by the width") {
  const std::vector<double> sizes{0.2, 0.4, 1.0}, values{1.0, 0.5, 0.0};
  CHECK(strata::area_over_size(sizes, values) == doctest::Approx(0.15 + 0.15).epsilon(1e-14));
  CHECK_THROWS_AS(static_cast<void>(strata::area_over_size(std::vector<double>{0.0, 0.4, 1.0}, values)),
                  strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::area_over_size(sizes, std::vector<double>{1.0})), contract_violation);
}

TEST_CASE("trapezoids over any places, equal ones included") {
  const std::vector<double> x{-2, 0, 0, 3}, y{1, 3, 5, 1};
  CHECK(strata::trapezoids(x, y) == 4 + 0 + 9);
  CHECK(strata::trapezoids({}, {}) == 0);
}

TEST_CASE("sizes that do not ascend in (0, 1] are refused with their index") {
  const std::vector<double> values{1, 1};
  const auto density = [&values](std::vector<double> sizes) { return strata::density(sizes, values); };
  CHECK_THROWS_WITH_AS(static_cast<void>(density({0.2, 0.1})), "size 1 is 0.1 after 0.2, expected ascending sizes",
                       strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(density({0.1, 0.1})), strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(density({0.0, 0.1})), strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(density({0.1, 1.5})), strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(density({0.1})), contract_violation);
}
