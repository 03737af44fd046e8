#include "strata/forward/norm.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

using strata::norm;
using strata::norm_kind;

namespace {

std::vector<double> numbers(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<double> v(n);
  for (double& x : v) x = std::normal_distribution<double>(0.5, 2)(random);
  return v;
}

}  // namespace

TEST_CASE("norms are their formula, at every length around the unrolled eight") {
  for (const norm_kind kind : {norm_kind::rms, norm_kind::layer})
    for (const std::size_t n : {1U, 2U, 7U, 8U, 9U, 15U, 16U, 17U, 100U}) {
      const auto gain = numbers(n, 1), bias = numbers(n, 2), x = numbers(n, 3);
      const norm<double> f{kind, gain, bias, 1e-3};
      long double mean = 0, square = 0;
      for (const double v : x) mean += v;
      mean = kind == norm_kind::layer ? mean / static_cast<long double>(n) : 0;
      for (const double v : x) square += (v - mean) * (v - mean);
      const long double inverse = 1 / std::sqrt(square / static_cast<long double>(n) + 1e-3L);
      CHECK(f.inverse(x) == doctest::Approx(static_cast<double>(inverse)).epsilon(1e-14));
      std::vector<double> y = x;
      f.apply(y);
      for (std::size_t j = 0; j < n; ++j)
        CHECK(y[j] == doctest::Approx(static_cast<double>(gain[j] * (x[j] - mean) * inverse + bias[j])).epsilon(1e-13));
    }
}

TEST_CASE("the linear part is linear, and with the bias it is the norm") {
  for (const norm_kind kind : {norm_kind::rms, norm_kind::layer}) {
    const auto gain = numbers(12, 1), bias = numbers(12, 2), a = numbers(12, 3), b = numbers(12, 4);
    const norm<double> f{kind, gain, bias, 1e-5};
    std::vector<double> sum(12), pa = a, pb = b;
    for (std::size_t j = 0; j < 12; ++j) sum[j] = a[j] + b[j];
    const double inverse = f.inverse(sum);
    f.apply_linear(pa, inverse);
    f.apply_linear(pb, inverse);
    f.apply(sum);
    for (std::size_t j = 0; j < 12; ++j) CHECK(sum[j] == doctest::Approx(pa[j] + pb[j] + bias[j]).epsilon(1e-12));
  }
}

TEST_CASE("the norm of a zero vector is finite: its bias") {
  const std::vector<float> gain(4, 2.0F), bias{1, 2, 3, 4};
  std::vector<float> x(4, 0.0F);
  norm<float>{norm_kind::layer, gain, bias, 1e-5}.apply(x);
  CHECK(x == bias);
}

TEST_CASE("a gain of another width is a wrong call") {
  const std::vector<float> gain(3, 1.0F);
  std::vector<float> x(4, 1.0F);
  const norm<float> f{norm_kind::rms, gain, {}, 1e-5};
  CHECK_THROWS_AS(f.apply(x), contract_violation);
}
