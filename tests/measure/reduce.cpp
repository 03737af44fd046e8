#include "strata/detail/reduce.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "measure/distributions.hpp"

TEST_CASE_TEMPLATE("reductions agree with long double at every length and alignment", T, float, double) {
  const auto of = distributions::make<T>("random", 9000, 2);
  double worst = 0;
  for (std::size_t n = 0; n < 9000 - 8; n += n < 200 ? 1 : 977)
    for (std::size_t at = 0; at < 5; at += 2) {
      const std::span<const T> x = std::span<const T>(of.p).subspan(at, n),
                               y = std::span<const T>(of.q).subspan(at + 1, n);
      long double sum_abs = 0, sum_squares = 0, dot = 0, dot_abs = 0, largest = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const long double a = x[i], b = y[i];
        sum_abs += std::abs(a);
        sum_squares += a * a;
        dot += a * b;
        dot_abs += std::abs(a * b);
        largest = std::max(largest, std::abs(a - b));
      }
      const auto within = [n](T found, long double expected, long double scale) {
        const long double unit = std::numeric_limits<T>::epsilon() / 2;
        const long double steps =
            static_cast<long double>(n) / (4 * strata::detail::lanes<T, strata::detail::default_arch>::size);
        return std::abs(static_cast<long double>(found) - expected) <= (steps + 10) * unit * scale;
      };
      CHECK(within(strata::detail::sum_abs<T>(x), sum_abs, sum_abs));
      CHECK(within(strata::detail::sum_squares<T>(x), sum_squares, sum_squares));
      CHECK(within(strata::detail::dot<T>(x, y), dot, dot_abs));
      CHECK(within(strata::detail::max_abs_difference<T>(x, y), largest, largest));
      if (n > 0)
        worst = std::max(
            worst,
            static_cast<double>(std::abs(static_cast<long double>(strata::detail::sum_abs<T>(x)) - sum_abs) / sum_abs));
    }
  MESSAGE("worst relative error of sum_abs, lengths to 9000: ", worst);
}

TEST_CASE("different lengths are wrong calls") {
  const std::vector<float> two(2), three(3);
  CHECK_THROWS_AS(static_cast<void>(strata::detail::dot<float>(two, three)), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(strata::detail::max_abs_difference<float>(two, three)), contract_violation);
}
