#include "strata/measure/divergence_gradient.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "measure/distributions.hpp"

namespace divergence_gradient_test {

using strata::objective;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr objective all[] = {objective::kl, objective::jensen_shannon, objective::total_variation};

template <class T>
double value_of(objective which, const std::vector<T>& p, const std::vector<T>& q) {
  switch (which) {
    case objective::kl:
      return strata::kl_divergence<T>(p, q);
    case objective::jensen_shannon:
      return strata::jensen_shannon<T>(p, q);
    default:
      return strata::total_variation<T>(p, q);
  }
}

template <class T>
std::vector<T> gradient_of(objective which, const std::vector<T>& p, const std::vector<T>& q) {
  std::vector<T> gradient(q.size(), T(7));
  CHECK(strata::divergence_gradient<T>(which, p, q, gradient) == value_of(which, p, q));
  return gradient;
}

// q·(d − Σ q·d) in long double, d from that of the most probable token on; for KL q − p.
template <class T>
std::vector<long double> reference(objective which, const distributions::pair<T>& of) {
  const std::vector<long double> log_p = distributions::log_softmax(of.p), log_q = distributions::log_softmax(of.q);
  const distributions::normalizer all_p = distributions::log_sum_exp(of.p), all_q = distributions::log_sum_exp(of.q);
  const std::size_t n = log_p.size();
  std::vector<long double> p(n), q(n), delta(n), slope(n), gradient(n);
  for (std::size_t i = 0; i < n; ++i) {
    p[i] = std::exp(log_p[i]);
    q[i] = std::exp(log_q[i]);
    const long double distance = static_cast<long double>(of.p[i]) - static_cast<long double>(of.q[i]);
    delta[i] = (distance - (all_p.largest - all_q.largest)) - (all_p.above - all_q.above);
    if (which == objective::jensen_shannon)
      slope[i] = delta[i] > 1000 ? (std::log(2.0L) - delta[i]) / 2 : -std::log1p(std::expm1(delta[i]) / 2) / 2;
    else
      slope[i] = delta[i] > 0 ? -0.5L : delta[i] < 0 ? 0.5L : 0.0L;
  }
  const auto top = static_cast<std::size_t>(std::max_element(q.begin(), q.end()) - q.begin());
  long double sum = 0;
  for (std::size_t i = 0; i < n; ++i)
    if (q[i] > 0) sum += q[i] * (slope[i] - slope[top]);
  for (std::size_t i = 0; i < n; ++i) {
    if (which == objective::kl)
      gradient[i] = std::abs(delta[i]) < 1 ? p[i] * std::expm1(-delta[i]) : q[i] - p[i];
    else if (q[i] > 0)
      gradient[i] = q[i] * ((slope[i] - slope[top]) - sum);
  }
  return gradient;
}

}  // namespace

TEST_CASE_TEMPLATE("gradients agree with long double over kinds and lengths", T, float, double) {
  for (const objective which : all)
    for (const std::string& kind : distributions::kinds()) {
      double worst = 0;
      for (const std::size_t n : {1U, 2U, 3U, 7U, 64U, 513U, 4099U, 50257U}) {
        const distributions::pair<T> of = distributions::make<T>(kind, n, static_cast<unsigned>(n));
        const std::vector<T> found = gradient_of(which, of.p, of.q);
        const std::vector<long double> expected = reference(which, of);
        long double largest = 0, error = 0;
        for (std::size_t i = 0; i < n; ++i) {
          largest = std::max(largest, std::abs(expected[i]));
          error = std::max(error, std::abs(static_cast<long double>(found[i]) - expected[i]));
        }
        if (largest > 1e-12L) worst = std::max(worst, static_cast<double>(error / largest));
      }
      MESSAGE((sizeof(T) == 4 ? "float  " : "double "), strata::name_of(which), ", ", kind, ": ", worst);
      CHECK(worst <= (sizeof(T) == 4 ? 6e-8 : 1e-12));
    }
}

TEST_CASE("gradients agree with differences of the value") {
  for (const objective which : all)
    for (const std::string kind : {"random", "near"}) {
      CAPTURE(kind);
      const distributions::pair<double> of = distributions::make<double>(kind, 40, 3);
      const std::vector<double> found = gradient_of(which, of.p, of.q);
      double largest = 0;
      for (const double g : found) largest = std::max(largest, std::abs(g));
      for (std::size_t i = 0; i < found.size(); ++i) {
        // A step that no token's sign of p − q changes in.
        const double step = kind == "near" ? 1e-6 : 1e-5;
        std::vector<double> up = of.q, down = of.q;
        up[i] += step;
        down[i] -= step;
        const double expected = (value_of(which, of.p, up) - value_of(which, of.p, down)) / (2 * step);
        CHECK(std::abs(found[i] - expected) <= 1e-6 * largest);
      }
    }
}

TEST_CASE_TEMPLATE("identical distributions have gradient 0, and every gradient adds up to 0", T, float, double) {
  for (const objective which : all)
    for (const std::string& kind : distributions::kinds()) {
      const distributions::pair<T> of = distributions::make<T>(kind, 1001, 3);
      for (const T g : gradient_of(which, of.p, of.p)) CHECK(g == 0);
      double sum = 0;
      for (const T g : gradient_of(which, of.p, of.q)) sum += static_cast<double>(g);
      CHECK(std::abs(sum) < (sizeof(T) == 4 ? 1e-6 : 1e-12));
    }
}

TEST_CASE_TEMPLATE("probabilities of zero", T, float, double) {
  const T none = -std::numeric_limits<T>::infinity();
  const std::vector<T> half{0, 0, none, none}, third{0, 0, 0, none};
  const std::vector<T> to_third = gradient_of(objective::kl, half, third);
  CHECK(to_third[0] == doctest::Approx(-1.0 / 6));
  CHECK(to_third[2] == doctest::Approx(1.0 / 3));
  CHECK(to_third[3] == 0);
  CHECK(value_of(objective::kl, third, half) == infinity);
  const std::vector<T> to_half = gradient_of(objective::kl, third, half);
  CHECK(to_half[0] == doctest::Approx(1.0 / 6));
  CHECK(to_half[2] == doctest::Approx(-1.0 / 3));

  // d = ½ ln(4/5), ½ ln(4/5), ½ ln 2
  const double low = std::log(0.8) / 2, high = std::log(2.0) / 2, mean = (2 * low + high) / 3;
  const std::vector<T> by_js = gradient_of(objective::jensen_shannon, half, third);
  CHECK(by_js[0] == doctest::Approx((low - mean) / 3));
  CHECK(by_js[2] == doctest::Approx((high - mean) / 3));
  CHECK(by_js[3] == 0);
  const std::vector<T> by_tv = gradient_of(objective::total_variation, half, third);
  CHECK(by_tv[0] == doctest::Approx(-1.0 / 9));
  CHECK(by_tv[2] == doctest::Approx(2.0 / 9));

  const std::vector<T> even{0, 0}, hardly{0, T(-740)};  // q above 0, p/q is not finite
  for (const T g : gradient_of(objective::jensen_shannon, even, hardly)) CHECK(std::abs(g) < 1e-300);

  const std::vector<T> left{0, none}, right{none, 0};  // nothing in common: no small change of logits helps
  for (const objective which : {objective::jensen_shannon, objective::total_variation})
    for (const T g : gradient_of(which, left, right)) CHECK(g == 0);
}

TEST_CASE_TEMPLATE("NaN, +∞ and wrong lengths are refused", T, float, double) {
  const std::vector<T> good(20, T(1));
  std::vector<T> gradient(20), bad = good;
  for (const T value : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
    bad[7] = value;
    for (const objective which : all) {
      CHECK_THROWS_AS(static_cast<void>(strata::divergence_gradient<T>(which, good, bad, gradient)),
                      strata::numeric_error);
      CHECK_THROWS_AS(static_cast<void>(strata::divergence_gradient<T>(which, bad, good, gradient)),
                      strata::numeric_error);
    }
  }
  gradient.resize(19);
  CHECK_THROWS_AS(static_cast<void>(strata::divergence_gradient<T>(objective::kl, good, good, gradient)),
                  contract_violation);
}

}  // namespace divergence_gradient_test
