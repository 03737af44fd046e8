/// The next-token distribution of logits: p_i = e^(x_i) / Σ e^(x_j). A logit of −∞ is a token of probability zero.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/detail/exp.hpp"
#include "strata/detail/simd.hpp"

namespace strata {

namespace detail {

/// The largest logit. Refuses NaN, +∞, and logits that are all −∞; `whose` names the distribution in the message.
template <class T, class Arch>
[[nodiscard]] double largest_logit(std::span<const T> logits, const char* whose) {
  STRATA_ASSERT(!logits.empty(), "a distribution without logits");
  constexpr std::size_t step = lanes<T, Arch>::size;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const std::size_t n = logits.size(), whole = n - n % step;
  lanes<T, Arch> largest_lanes(-infinity);
  auto below_infinity = largest_lanes < lanes<T, Arch>(infinity);
  for (std::size_t i = 0; i < whole; i += step) {
    const auto x = load<T, Arch>(logits.data() + i);
    below_infinity = below_infinity && (x < lanes<T, Arch>(infinity));
    largest_lanes = max(x, largest_lanes);
  }
  bool valid = !any(!below_infinity);
  T largest = reduce_largest<T, Arch>(largest_lanes);
  for (std::size_t i = whole; i < n; ++i) {
    valid = valid && logits[i] < infinity;
    if (logits[i] > largest) largest = logits[i];
  }
  for (std::size_t i = 0; !valid && i < n; ++i)
    if (!(logits[i] < infinity))
      raise<numeric_error>("logit ", i, " of ", whose, " is ", logits[i], ", expected a finite number or −∞");
  if (largest == -infinity) raise<numeric_error>("all ", n, " logits of ", whose, " are −∞, expected a finite one");
  return static_cast<double>(largest);
}

/// ln Σ e^(x_i) = largest + log_rest. Kept apart, the logarithm of a probability near 1 does not lose its digits.
struct log_normalizer {
  double largest = 0;
  double weight = 1;    // Σ e^(x_i − largest)
  double log_rest = 0;  // ln(weight), from the sum over all but one of the largest

  [[nodiscard]] double log_sum_exp() const { return largest + log_rest; }
  [[nodiscard]] double log_probability(double logit) const { return (logit - largest) - log_rest; }
};

/// Calls each(i, e^(x − largest), x − largest) for registers of logits; beyond the last logit x = −∞ and e^x = 3e-308.
template <class T, class Arch, class Each>
[[nodiscard]] log_normalizer normalize(std::span<const T> logits, const char* whose, Each each) {
  using wide = lanes<double, Arch>;
  const double largest = largest_logit<T, Arch>(logits, whose);
  const wide zero(0.0), one(1.0);
  wide rest(0.0), ties(0.0);
  for (std::size_t i = 0; i < logits.size(); i += wide::size) {
    const wide x = load_double<Arch>(logits.data() + i, logits.size() - i, -std::numeric_limits<double>::infinity()) -
                   wide(largest);
    const wide weight = split_exp<T, Arch>(x).value();
    const auto is_largest = x == zero;
    rest += select(is_largest, zero, weight);
    ties += select(is_largest, one, zero);
    each(i, weight, x);
  }
  const double others = reduce_sum<double, Arch>(rest) + (reduce_sum<double, Arch>(ties) - 1.0);
  return {largest, 1.0 + others, std::log1p(others)};
}

template <class T, class Arch>
[[nodiscard]] log_normalizer normalize(std::span<const T> logits, const char* whose = "the distribution") {
  using wide = lanes<double, Arch>;
  return normalize<T, Arch>(logits, whose, [](std::size_t, const wide&, const wide&) {});
}

/// Σ w·(−x) for w = e^x, the part of the entropy that is not the normalizer; 0·∞ = 0.
template <class Arch>
[[nodiscard]] lanes<double, Arch> surprise(const lanes<double, Arch>& weight, const lanes<double, Arch>& x) {
  return weight * min(-x, lanes<double, Arch>(800.0));
}

}  // namespace detail

/// ln Σ e^(x_i).
/// Shape:    logits: (vocabulary).
/// Requires: at least one logit.
/// Throws:   numeric_error at the first NaN or +∞, or if all are −∞.
/// Cost:     two passes; no allocation.
/// Accuracy: sums in double; error ≤ 1e-15 (double), 1e-10 (float) of the result or of the largest logit.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] double log_sum_exp(std::span<const T> logits) {
  return detail::normalize<T, Arch>(logits).log_sum_exp();
}

/// ln p_i.
/// Shape:    logits, out: (vocabulary); they may be the same.
/// Throws:   as log_sum_exp.
/// Accuracy: computed in double, rounded once to T.
template <class T, class Arch = detail::default_arch>
void log_softmax(std::span<const T> logits, std::span<T> out) {
  STRATA_ASSERT(logits.size() == out.size(), "log_softmax: different lengths");
  const detail::log_normalizer normalizer = detail::normalize<T, Arch>(logits);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<T>(normalizer.log_probability(static_cast<double>(logits[i])));
}

/// p_i.
/// Shape:    logits, out: (vocabulary); they may be the same.
/// Throws:   as log_sum_exp.
/// Accuracy: computed in double, rounded once to T.
template <class T, class Arch = detail::default_arch>
void softmax(std::span<const T> logits, std::span<T> out) {
  using wide = detail::lanes<double, Arch>;
  STRATA_ASSERT(logits.size() == out.size(), "softmax: different lengths");
  const double log_sum = detail::normalize<T, Arch>(logits).log_rest;
  const double largest = detail::largest_logit<T, Arch>(logits, "the distribution");
  for (std::size_t i = 0; i < out.size(); i += wide::size) {
    const std::size_t count = out.size() - i < wide::size ? out.size() - i : wide::size;
    const wide x = detail::load_double<Arch>(logits.data() + i, count, 0.0) - wide(largest) - wide(log_sum);
    double probability[wide::size];
    detail::full_range_exp<Arch>(x).store_unaligned(probability);
    for (std::size_t j = 0; j < count; ++j) out[i + j] = static_cast<T>(probability[j]);
  }
}

/// Entropy −Σ p·ln p in nats.
/// Shape:    logits: (vocabulary).
/// Returns:  0 … ln(vocabulary).
/// Throws:   as log_sum_exp.
/// Cost:     two passes; no allocation.
/// Accuracy: ln Σe^x − Σ p·x with the largest x = 0: two terms ≥ 0; relative error ≤ 1e-13 (double), 1e-10 (float).
template <class T, class Arch = detail::default_arch>
[[nodiscard]] double entropy(std::span<const T> logits) {
  using wide = detail::lanes<double, Arch>;
  wide surprise(0.0);
  const detail::log_normalizer normalizer = detail::normalize<T, Arch>(
      logits, "the distribution",
      [&surprise](std::size_t, const wide& weight, const wide& x) { surprise += detail::surprise<Arch>(weight, x); });
  return normalizer.log_rest + detail::reduce_sum<double, Arch>(surprise) / normalizer.weight;
}

/// −ln p of one token, in nats; +∞ if its logit is −∞.
/// Shape:    logits: (vocabulary).
/// Requires: token < vocabulary.
/// Throws:   as log_sum_exp.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] double cross_entropy(std::span<const T> logits, std::size_t token) {
  STRATA_ASSERT(token < logits.size(), "cross_entropy: no such token");
  return -detail::normalize<T, Arch>(logits).log_probability(static_cast<double>(logits[token]));
}

}  // namespace strata
