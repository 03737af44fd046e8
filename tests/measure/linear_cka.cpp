#include "strata/measure/linear_cka.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "measure/samples.hpp"

namespace {

/// tr(K·C·L·C) of the Gram matrices K, L and the centring matrix C, entry by entry in long double.
long double kernel_alignment(const strata::matrix<double>& x, const strata::matrix<double>& y) {
  const std::size_t n = x.rows();
  const auto centred_gram = [n](const strata::matrix<double>& of) {
    std::vector<long double> gram(n * n), rows(n), cols(n), out(n * n);
    long double all = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t k = 0; k < of.cols(); ++k)
          gram[i * n + j] += static_cast<long double>(of(i, k)) * static_cast<long double>(of(j, k));
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) rows[i] += gram[i * n + j] / n, cols[j] += gram[i * n + j] / n;
    for (const long double row : rows) all += row / n;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) out[i * n + j] = gram[i * n + j] - rows[i] - cols[j] + all;
    return out;
  };
  const std::vector<long double> k = centred_gram(x), l = centred_gram(y);
  long double sum = 0;
  for (std::size_t i = 0; i < k.size(); ++i) sum += k[i] * l[i];
  return sum;
}

strata::matrix<double> random(std::size_t rows, std::size_t cols, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  strata::matrix<double> out(rows, cols);
  for (double& value : out.values()) value = 5 + normal(engine);
  return out;
}

double cka(const strata::matrix<double>& x, const strata::matrix<double>& y) {
  return strata::linear_cka<double>(x, y).value();
}

}  // namespace

// numpy 2.4.6: ‖YᵀX‖² / (‖XᵀX‖·‖YᵀY‖) of samples (7, 13, 5) and (3, 11, 2) without the means of their columns.
TEST_CASE_TEMPLATE("agrees with numpy, by products of samples and of columns", T, float, double) {
  CHECK(strata::linear_cka<T>(samples::make<T>(6, 5, 7, 13, 5), samples::make<T>(6, 9, 3, 11, 2)).value() ==
        doctest::Approx(0.4068246220250299).epsilon(1e-13));
  CHECK(strata::linear_cka<T>(samples::make<T>(40, 3, 7, 13, 5), samples::make<T>(40, 2, 3, 11, 2)).value() ==
        doctest::Approx(0.1300220090418031).epsilon(1e-13));
}

TEST_CASE("agrees with the definition by kernels, for all shapes") {
  for (const std::size_t samples : {2u, 3u, 7u, 20u})
    for (const std::size_t width : {1u, 2u, 9u, 33u})
      for (const std::size_t other : {1u, 5u, 40u}) {
        const auto x = random(samples, width, 1), y = random(samples, other, 2);
        const long double expected =
            kernel_alignment(x, y) / std::sqrt(kernel_alignment(x, x) * kernel_alignment(y, y));
        CHECK(cka(x, y) == doctest::Approx(static_cast<double>(expected)).epsilon(1e-11));
      }
}

TEST_CASE("rotating, mirroring, scaling and shifting change nothing") {
  const auto x = random(11, 2, 3), y = random(11, 4, 4);
  strata::matrix<double> turned(11, 2);
  for (std::size_t i = 0; i < 11; ++i) {
    turned(i, 0) = 7 * (0.6 * x(i, 0) + 0.8 * x(i, 1)) - 100;
    turned(i, 1) = 7 * (0.8 * x(i, 0) - 0.6 * x(i, 1)) + 1;
  }
  CHECK(cka(turned, y) == doctest::Approx(cka(x, y)).epsilon(1e-11));
  CHECK(cka(turned, x) == doctest::Approx(1.0).epsilon(1e-13));
  CHECK(cka(turned, x) <= 1.0);
}

TEST_CASE("samples that are all the same have no alignment") {
  strata::matrix<double> same(7, 3);
  for (std::size_t i = 0; i < 7; ++i) same(i, 0) = 0.1, same(i, 1) = 1e9 / 3, same(i, 2) = -0.7;
  const auto other = random(7, 2, 5);
  CHECK_FALSE(strata::linear_cka<double>(same, other).has_value());
  CHECK_FALSE(strata::linear_cka<double>(other, same).has_value());
  CHECK_FALSE(strata::linear_cka<double>(random(1, 2, 1), random(1, 2, 1)).has_value());
  CHECK_FALSE(strata::linear_cka<double>(random(0, 2, 1), random(0, 2, 1)).has_value());
  CHECK_THROWS_AS(static_cast<void>(strata::linear_cka<double>(same, random(6, 3, 1))), contract_violation);
}
