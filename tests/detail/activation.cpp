#include "strata/detail/activation.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

TEST_CASE_TEMPLATE("softmax and SiLU against long double, at every length around the lanes", T, float, double) {
  std::mt19937 random(1);
  const auto eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (std::size_t n = 1; n <= 40; ++n)
    for (const double scale : {0.1, 5.0, 200.0}) {
      std::vector<T> x(n);
      for (T& v : x) v = static_cast<T>(std::normal_distribution<double>(0, scale)(random));
      long double largest = x[0], sum = 0;
      for (const T v : x) largest = std::max<long double>(largest, v);
      for (const T v : x) sum += std::exp(v - largest);
      std::vector<T> weights = x, silu = x;
      strata::detail::softmax_in_place<T>(weights);
      strata::detail::silu_in_place<T>(silu);
      for (std::size_t i = 0; i < n; ++i) {
        // x − largest is rounded to double, and so moves e^x by as much as its own size times epsilon.
        const double spread = static_cast<double>(largest - x[i]) * std::numeric_limits<double>::epsilon();
        const long double expected = std::exp(x[i] - largest) / sum,
                          s = x[i] / (1 + std::exp(-static_cast<long double>(x[i])));
        CHECK(std::abs(weights[i] - expected) <=
              (4 * eps + spread) * static_cast<double>(expected) + std::numeric_limits<T>::min());
        CHECK(std::abs(silu[i] - s) <= 4 * eps * std::abs(static_cast<double>(s)) + std::numeric_limits<T>::min());
        CHECK(weights[i] >= 0);
      }
    }
}

TEST_CASE("scores of -infinity get weight exactly 0") {
  std::vector<float> x{-std::numeric_limits<float>::infinity(), 1, -std::numeric_limits<float>::infinity()};
  strata::detail::softmax_in_place<float>(x);
  CHECK(x == std::vector<float>{0, 1, 0});
}
