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

TEST_CASE_TEMPLATE("both GELUs against long double, tails included", T, float, double) {
  const auto eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  std::vector<T> x;
  for (int i = -4000; i <= 4000; ++i) x.push_back(static_cast<T>(i) / T{100});
  for (const double tiny : {0.0, 1e-30, -1e-30, 1e-8, -1e-8}) x.push_back(static_cast<T>(tiny));
  std::vector<T> exact = x, by_tanh = x;
  strata::detail::gelu_in_place<T>(exact);
  strata::detail::gelu_tanh_in_place<T>(by_tanh);
  const long double root_2 = std::sqrt(2.0L), root = std::sqrt(2 / std::acos(-1.0L));
  for (std::size_t i = 0; i < x.size(); ++i) {
    CAPTURE(x[i]);
    const auto v = static_cast<long double>(x[i]);
    // 1 + erf loses relative accuracy in the left tail, where the value itself is small: an absolute bound beside it.
    const long double e = v / 2 * (1 + std::erf(v / root_2));
    CHECK(std::abs(static_cast<double>(exact[i] - e)) <= 4 * eps * std::abs(static_cast<double>(e)) + 2e-14);
    const long double u = root * (v + 0.044715L * v * v * v);
    const long double t = v / (1 + std::exp(-2 * u));
    const double spread = static_cast<double>(std::abs(u)) * std::numeric_limits<double>::epsilon();  // as for softmax
    CHECK(std::abs(static_cast<double>(by_tanh[i] - t)) <= (4 * eps + 8 * spread) * std::abs(static_cast<double>(t)) +
                                                               32 * std::numeric_limits<T>::min());  // e^−708 is 0
  }
}

TEST_CASE("scores of -infinity get weight exactly 0") {
  std::vector<float> x{-std::numeric_limits<float>::infinity(), 1, -std::numeric_limits<float>::infinity()};
  strata::detail::softmax_in_place<float>(x);
  CHECK(x == std::vector<float>{0, 1, 0});
}
