#include "strata/detail/reduce.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <span>
#include <vector>

namespace {

constexpr std::size_t longest = 300;

template <class T>
std::vector<T> random_values(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<T> values(longest + 3);
  for (T& v : values) v = static_cast<T>(std::normal_distribution<double>()(random));
  return values;
}

// Every length up to 300, at every place in a register.
template <class T, class F>
void at_all_lengths(F f) {
  const std::vector<T> x = random_values<T>(1), y = random_values<T>(2);
  for (std::size_t n = 0; n <= longest; ++n)
    for (std::size_t from = 0; from < 3; ++from)
      f(std::span<const T>(x).subspan(from, n), std::span<const T>(y).subspan(from, n));
}

template <class T>
void check_dot_in_double() {
  at_all_lengths<T>([](std::span<const T> x, std::span<const T> y) {
    long double sum = 0, magnitude = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto product = static_cast<long double>(x[i]) * static_cast<long double>(y[i]);
      sum += product, magnitude += std::abs(product);
    }
    const double got = strata::detail::dot_in_double<T>(x, y);
    REQUIRE(std::abs(static_cast<double>(got - sum)) <= (static_cast<double>(x.size()) / 4 + 7) *
                                                            std::numeric_limits<double>::epsilon() *
                                                            static_cast<double>(magnitude));
  });
}

template <class T>
void check_proximity_sum() {
  at_all_lengths<T>([](std::span<const T> x, std::span<const T> u) {
    for (const T f : {T{1}, T{0.375}, T{2.5}}) {
      long double sum = 0, magnitude = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const auto c = static_cast<long double>(f) * static_cast<long double>(u[i]);
        sum += std::abs(static_cast<long double>(x[i])) - std::abs(static_cast<long double>(x[i]) - c);
        magnitude += std::abs(c);
      }
      const T got = strata::detail::proximity_sum<T>(x, f, u);
      REQUIRE(std::abs(static_cast<double>(static_cast<long double>(got) - sum)) <=
              (static_cast<double>(x.size()) / 4 + 8) * static_cast<double>(std::numeric_limits<T>::epsilon()) *
                  static_cast<double>(magnitude));
    }
  });
}

}  // namespace

TEST_CASE("inner products in double") {
  check_dot_in_double<float>();
  check_dot_in_double<double>();
  const std::vector<float> tiny(40, 1e-30F);
  CHECK(strata::detail::dot_in_double<float>(tiny, tiny) == doctest::Approx(4e-59).epsilon(1e-6));
}

TEST_CASE("the l1 norm of a value less that without a contribution") {
  check_proximity_sum<float>();
  check_proximity_sum<double>();
}
