/// How a divergence of P and Q changes with the logits of Q.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "strata/core/contract.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/divergence.hpp"
#include "strata/measure/likely_tokens.hpp"
#include "strata/measure/log_ratio.hpp"
#include "strata/measure/softmax.hpp"

namespace strata {

/// What a search is to make small.
enum class objective : std::uint8_t { kl, jensen_shannon, total_variation };

inline constexpr std::array<std::string_view, 3> objective_names{"kl", "jensen_shannon", "total_variation"};

[[nodiscard]] constexpr std::string_view name_of(objective which) {
  return objective_names[static_cast<std::size_t>(which)];
}

/// The divergence that is named, as divergence.hpp has it.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] double divergence(objective which, std::span<const T> p_logits, std::span<const T> q_logits) {
  if (which == objective::kl) return kl_divergence<T, Arch>(p_logits, q_logits);
  return which == objective::jensen_shannon ? jensen_shannon<T, Arch>(p_logits, q_logits)
                                            : total_variation<T, Arch>(p_logits, q_logits);
}

namespace detail {

/// p, q and Δ = ln p − ln q of each token.
template <class T, class Arch>
class probability_pairs {
 public:
  probability_pairs(std::span<const T> p_logits, std::span<const T> q_logits)
      : p_logits_(p_logits), q_logits_(q_logits), p_(normalize<T, Arch>(p_logits, "P")) {
    const likely_tokens likely = find_likely<T, Arch>(p_logits, "P");
    ratio_ = compare<T, Arch, false>(p_logits, q_logits, likely, computed_weights<T, Arch>{likely.largest});
    q_ = normalize<T, Arch>(q_logits, "Q");
  }

  [[nodiscard]] double kl() const { return ratio_.kl; }
  [[nodiscard]] double p(std::size_t i) const { return std::exp(p_.log_probability(logit(p_logits_, i))); }
  [[nodiscard]] double q(std::size_t i) const { return std::exp(q_.log_probability(logit(q_logits_, i))); }

  /// NaN where both are 0.
  [[nodiscard]] double log_ratio_of(std::size_t i) const {
    return ((logit(p_logits_, i) - logit(q_logits_, i)) - ratio_.base) + ratio_.offset;
  }

 private:
  [[nodiscard]] static double logit(std::span<const T> logits, std::size_t i) { return static_cast<double>(logits[i]); }

  std::span<const T> p_logits_, q_logits_;
  log_normalizer p_, q_;
  log_ratio ratio_;
};

/// ½ ln(2q / (p + q)) = −½ ln((1 + e^Δ) / 2): what a probability q adds to the Jensen–Shannon divergence, for each unit.
[[nodiscard]] inline double jensen_shannon_slope(double delta) {
  constexpr double largest = 700;  // e^Δ overflows soon after; q is below 1e-304 there
  return -0.5 * std::log1p(0.5 * std::expm1(std::min(delta, largest)));
}

}  // namespace detail

/// The value of a divergence of P and Q and its gradient with respect to the logits of Q. With d_i = ∂value/∂q_i it is
/// q_i·(d_i − Σ q_j·d_j):
///     KL(P‖Q):        q_i − p_i
///     Jensen–Shannon: d_i = ½ ln(2·q_i / (p_i + q_i))
///     total variation: d_i = ½ sign(q_i − p_i), a subgradient: 0 where they are equal
/// Shape:    p_logits, q_logits, gradient: (vocabulary).
/// Requires: equal, non-zero lengths.
/// Returns:  the value, as divergence.hpp has it. Where KL is +∞ the gradient is q − p all the same.
/// Throws:   as kl_divergence.
/// Cost:     that of the value, and 2 exponentials a token for KL, 2 for total variation, 6 and logarithms for
///           Jensen–Shannon, one after the other; no allocation.
/// Accuracy: sums in double, rounded once to T; error ≤ 1e-12 (double), 6e-8 (float) of the largest component, where
///           that is above 1e-12.
/// Source:   the derivative of softmax is diag(q) − q·qᵀ.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] double divergence_gradient(objective which, std::span<const T> p_logits, std::span<const T> q_logits,
                                         std::span<T> gradient) {
  STRATA_ASSERT(p_logits.size() == q_logits.size() && q_logits.size() == gradient.size(),
                "divergence_gradient: different lengths");
  const detail::probability_pairs<T, Arch> tokens(p_logits, q_logits);
  if (which == objective::kl) {
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      const double p = tokens.p(i), delta = tokens.log_ratio_of(i);
      gradient[i] = static_cast<T>(std::abs(delta) < 1 ? p * std::expm1(-delta) : tokens.q(i) - p);
    }
    return tokens.kl();
  }
  const auto slope = [&](std::size_t i) {
    const double delta = tokens.log_ratio_of(i);
    if (which == objective::jensen_shannon) return detail::jensen_shannon_slope(delta);
    return delta > 0 ? -0.5 : delta < 0 ? 0.5 : 0.0;
  };
  // d from that of the most probable token on: where that has nearly all of Q, its own d_i − Σ q_j·d_j cancels.
  const auto top = std::max_element(q_logits.begin(), q_logits.end()) - q_logits.begin();
  const double of_top = slope(static_cast<std::size_t>(top));
  double mean = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i)
    if (const double q = tokens.q(i); q > 0) mean += q * (slope(i) - of_top);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const double q = tokens.q(i);
    gradient[i] = q > 0 ? static_cast<T>(q * ((slope(i) - of_top) - mean)) : T{0};
  }
  return divergence<T, Arch>(which, p_logits, q_logits);
}

}  // namespace strata
