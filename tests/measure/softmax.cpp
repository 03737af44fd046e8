#include "strata/measure/softmax.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "measure/distributions.hpp"

namespace softmax_test {

namespace {

template <class T>
std::span<const T> view(const std::vector<T>& x) {
  return x;
}

}  // namespace

TEST_CASE_TEMPLATE("log-sum-exp, entropy and cross-entropy agree with long double", T, float, double) {
  for (const std::string& kind : distributions::kinds())
    for (std::size_t n = 1; n < 40; ++n) {
      CAPTURE(kind);
      CAPTURE(n);
      const double tolerance = sizeof(T) == 4 ? 1e-9 : 1e-13;
      const std::vector<T> x = distributions::make<T>(kind, n + 2, static_cast<unsigned>(n)).p;
      const std::vector<long double> expected = distributions::log_softmax(x);
      long double entropy = 0;
      for (const long double log_p : expected)
        if (std::exp(log_p) > 0) entropy -= std::exp(log_p) * log_p;
      CHECK(strata::entropy<T>(view(x)) == doctest::Approx(static_cast<double>(entropy)).epsilon(tolerance));
      CHECK(strata::log_sum_exp<T>(view(x)) ==
            doctest::Approx(
                static_cast<double>(distributions::log_sum_exp(x).largest + distributions::log_sum_exp(x).above))
                .epsilon(tolerance));
      for (std::size_t token = 0; token < x.size(); token += 7) {
        const double found = strata::cross_entropy<T>(view(x), token), wanted = static_cast<double>(-expected[token]);
        CHECK((found == wanted || found == doctest::Approx(wanted).epsilon(tolerance)));
      }

      std::vector<T> log_p(x.size()), p(x.size());
      strata::log_softmax<T>(view(x), std::span<T>(log_p));
      strata::softmax<T>(view(x), std::span<T>(p));
      for (std::size_t i = 0; i < x.size(); ++i) {
        const T unit = std::numeric_limits<T>::epsilon();
        if (x[i] == -std::numeric_limits<T>::infinity()) {
          CHECK(log_p[i] == x[i]);
          CHECK(p[i] == 0);
          continue;
        }
        CHECK(std::abs(static_cast<long double>(log_p[i]) - expected[i]) <= 2 * unit * std::abs(expected[i]) + 1e-10L);
        CHECK(std::abs(static_cast<long double>(p[i]) - std::exp(expected[i])) <=
              40 * static_cast<long double>(unit) * std::exp(expected[i]) + 1e-37L);
      }
    }
}

TEST_CASE("a probability near 1 keeps the digits of its logarithm") {
  const std::vector<double> x{0.0, -45.0, -46.0};
  const double rest = std::exp(-45.0) + std::exp(-46.0);
  CHECK(strata::cross_entropy<double>(view(x), 0) == doctest::Approx(rest).epsilon(1e-13));
  CHECK(strata::entropy<double>(view(x)) ==
        doctest::Approx(rest + 45 * std::exp(-45.0) + 46 * std::exp(-46.0)).epsilon(1e-13));
}

TEST_CASE("equal logits have the entropy of their number") {
  for (const std::size_t n : {1u, 3u, 64u, 50257u})
    CHECK(strata::entropy<float>(std::vector<float>(n, 7.0f)) ==
          doctest::Approx(std::log(static_cast<double>(n))).epsilon(1e-14));
}

}  // namespace softmax_test
