#include "strata/measure/correlation.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <vector>

namespace correlation_test {

namespace {

using list = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();

list ranks_by_counting(const list& x) {
  list out;
  for (const double v : x) {
    double below = 0, equal = 0;
    for (const double other : x) below += other < v, equal += other == v;
    out.push_back(below + (equal + 1) / 2);
  }
  return out;
}

long double pearson_in_long_double(const list& x, const list& y) {
  long double mean_x = 0, mean_y = 0, xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) mean_x += x[i], mean_y += y[i];
  mean_x /= static_cast<long double>(x.size()), mean_y /= static_cast<long double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double a = x[i] - mean_x, b = y[i] - mean_y;
    xx += a * a, xy += a * b, yy += b * b;
  }
  return xy / std::sqrt(xx * yy);
}

}  // namespace

// scipy 1.17.1: scipy.stats.pearsonr, spearmanr, rankdata.
TEST_CASE("agrees with scipy, ties included") {
  const list a{3, 1, 4, 1, 5, 9, 2, 6, 5, 3}, b{2, 7, 1, 8, 2, 8, 1, 8, 2, 8};
  CHECK(strata::average_ranks(a) == list{4.5, 1.5, 6, 1.5, 7.5, 10, 3, 9, 7.5, 4.5});
  CHECK(strata::pearson(a, b).value() == doctest::Approx(0.10492284287735881).epsilon(1e-14));
  CHECK(strata::spearman(a, b).value() == doctest::Approx(0.13471506281091267).epsilon(1e-14));
}

TEST_CASE("agrees with slow references") {
  std::mt19937 engine(3);
  std::normal_distribution<double> normal;
  for (std::size_t n = 2; n < 60; ++n) {
    list x, y;
    for (std::size_t i = 0; i < n; ++i) {
      x.push_back(i == 0 ? 100 : std::round(3 * normal(engine)));  // many ties
      y.push_back(1e6 + 0.3 * x.back() + normal(engine));
    }
    CHECK(strata::average_ranks(x) == ranks_by_counting(x));
    CHECK(strata::pearson(x, y).value() ==
          doctest::Approx(static_cast<double>(pearson_in_long_double(x, y))).epsilon(1e-9));
    CHECK(strata::spearman(x, y).value() ==
          doctest::Approx(static_cast<double>(pearson_in_long_double(ranks_by_counting(x), ranks_by_counting(y))))
              .epsilon(1e-13));
  }
}

TEST_CASE("a monotone relation has Spearman 1, whatever its shape") {
  const list x{1, 2, 3, 4}, y{0.1, 0.2, 500, infinity}, down{0, -1, -8, -infinity};
  CHECK(strata::spearman(x, y).value() == 1);
  CHECK(strata::spearman(x, down).value() == -1);
  CHECK(strata::pearson(x, list{2, 4, 6, 8}).value() == 1);
}

TEST_CASE("very large and very small numbers") {
  const list x{1, 2, 4}, y{3, 1, 7};
  const double expected = strata::pearson(x, y).value();
  for (const double scale : {1e-300, 1e300}) {
    list scaled = y;
    for (double& value : scaled) value *= scale;
    CHECK(strata::pearson(x, scaled).value() == doctest::Approx(expected).epsilon(1e-14));
  }
}

TEST_CASE("no correlation where nothing varies") {
  const list same(7, 0.1), other{1, 2, 3, 4, 5, 6, 8};
  CHECK_FALSE(strata::pearson(same, other).has_value());
  CHECK_FALSE(strata::spearman(other, same).has_value());
  CHECK_FALSE(strata::pearson(list{1}, list{2}).has_value());
  CHECK_FALSE(strata::pearson(list{}, list{}).has_value());
  CHECK_FALSE(strata::spearman(list{}, list{}).has_value());
}

TEST_CASE("what has no place in a correlation is refused") {
  const list x{1, 2, 3}, hole{1, std::nan(""), 3}, endless{1, 2, infinity};
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::pearson(x, hole)), "value 1 is nan, expected a finite number",
                       strata::numeric_error);
  CHECK_THROWS_AS(static_cast<void>(strata::pearson(endless, x)), strata::numeric_error);
  CHECK_THROWS_AS(static_cast<void>(strata::spearman(hole, x)), strata::numeric_error);
  CHECK_THROWS_AS(static_cast<void>(strata::spearman(x, list{1})), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(strata::pearson(x, list{1})), contract_violation);
}

}  // namespace correlation_test
