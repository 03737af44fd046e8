/// Divergences of two next-token distributions P and Q, from their logits, in nats. No epsilon anywhere: a probability
/// of zero (a logit of −∞) counts as what it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/detail/exp.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/log_ratio.hpp"
#include "strata/measure/softmax.hpp"

namespace strata {

/// What Q is compared with P, all in nats but total_variation.
struct divergences {
  double kl = 0;               // KL(P‖Q) = Σ p·(ln p − ln q)
  double total_variation = 0;  // ½ Σ|p − q|
  double jensen_shannon = 0;   // ½ KL(P‖M) + ½ KL(Q‖M), M = ½ (P + Q)
  double entropy = 0;          // −Σ q·ln q
};

namespace detail {

/// Which sums a pass over both distributions takes.
enum class terms { total_variation, jensen_shannon, all };

/// [p·ln(2p/(p+q)) + q·ln(2q/(p+q))] / ((p+q)/2), a function of |Δ| = |ln p − ln q| alone; `ratio` is e^(−Δ) = q/p.
/// With t = tanh(|Δ|/2) = |q−p|/(q+p) it is (1+t)·ln(1+t) + (1−t)·ln(1−t): the series t² + t⁴/6 + t⁶/15 + … near 0,
/// 2·ln 2 − |Δ|·(1−t) − 2·ln(1 + e^(−|Δ|)) elsewhere.
template <class T, class Arch>
[[nodiscard]] lanes<double, Arch> jensen_shannon_density(const lanes<double, Arch>& delta,
                                                         const split_exp<T, Arch>& ratio) {
  using wide = lanes<double, Arch>;
  static constexpr double series[] = {1.0,      1.0 / 6,  1.0 / 15,  1.0 / 28,  1.0 / 45,
                                      1.0 / 66, 1.0 / 91, 1.0 / 120, 1.0 / 153, 1.0 / 190};  // 1 / (k·(2k − 1))
  // artanh(z)/z by z²: interpolated at the Chebyshev points of z² ≤ 0.0685, relative error 2e-17.
  static constexpr double artanh[] = {1.0,
                                      0.33333333333329135,
                                      0.20000000001630325,
                                      0.14285714042272207,
                                      0.11111129278516237,
                                      0.0909015007233976,
                                      0.07710830899087966,
                                      0.0640608483717508,
                                      0.07805745867516234};
  constexpr double ln2 = 0.6931471805599453;
  const wide one(1.0), two(2.0);
  const wide difference = ratio.minus_one(), value = ratio.value();
  const wide t = abs(difference) / (two + difference), t2 = t * t, t4 = t2 * t2;
  const auto falls = delta >= wide(0.0);  // e^(−|Δ|) is `value` or 1 / value
  const wide z = select(falls, value, one) / select(falls, two + value, fma(two, value, one)), z2 = z * z;
  const wide size = min(abs(delta), wide(800.0));
  const wide apart = wide(2 * ln2) - size * (one - t) - wide(4.0) * z * polynomial<Arch>(artanh, z2, z2 * z2);
  return select(size < wide(ln2 / 2), t2 * polynomial<Arch>(series, t2, t4), apart);
}

/// Total variation and Jensen–Shannon divergence as Σ p·|e^(−Δ) − 1| and Σ (p+q)·(a function of Δ): as accurate as Δ.
template <class T, class Arch, terms Terms, class Weights>
[[nodiscard]] divergences differences(std::span<const T> p_logits, double p_largest, std::span<const T> q_logits,
                                      double q_largest, const log_ratio& ratio, const Weights& weight_of) {
  using wide = lanes<double, Arch>;
  constexpr double none = -std::numeric_limits<double>::infinity();
  constexpr double ln2 = 0.6931471805599453;
  const double far_scale = (ratio.base - p_largest) - ratio.offset;
  wide differ(0.0), share(0.0), mass(0.0), surprised(0.0);
  for (std::size_t i = 0; i < p_logits.size(); i += wide::size) {
    const std::size_t count = p_logits.size() - i;
    const wide p_logit = load_double<Arch>(p_logits.data() + i, count, none);
    const wide q_logit = load_double<Arch>(q_logits.data() + i, count, none);
    const wide p = weight_of(i, p_logit);
    const wide delta = ((p_logit - q_logit) - wide(ratio.base)) + wide(ratio.offset);
    const split_exp<T, Arch> e(-delta);
    wide q = p * e.value(), difference = p * abs(e.minus_one());
    wide divergence(0.0);
    if constexpr (Terms != terms::total_variation) divergence = (p + q) * jensen_shannon_density<T, Arch>(delta, e);

    const auto far = (p == wide(0.0)) || (delta < wide(far_below));
    if (any(far)) {
      q = select(far, full_range_exp<Arch>(q_logit + wide(far_scale)), q);
      difference = select(far, q, difference);
      divergence = select(far, q * wide(2 * ln2), divergence);
    }
    differ += difference;
    share += divergence;
    if constexpr (Terms == terms::all) {
      mass += q;
      surprised += surprise<Arch>(q, q_logit - wide(q_largest));
    }
  }

  divergences result;
  result.kl = ratio.kl;
  result.total_variation = std::min(0.5 * reduce_sum<double, Arch>(differ) / ratio.weight, 1.0);
  result.jensen_shannon = std::min(0.25 * reduce_sum<double, Arch>(share) / ratio.weight, ln2);
  if constexpr (Terms == terms::all) {
    const double q_mass = reduce_sum<double, Arch>(mass);
    const double log_rest = std::log(q_mass) - far_scale - q_largest;
    result.entropy = std::max(log_rest + reduce_sum<double, Arch>(surprised) / q_mass, 0.0);
  }
  return result;
}

template <class T, class Arch, terms Terms>
[[nodiscard]] divergences one_pair(std::span<const T> p_logits, std::span<const T> q_logits) {
  STRATA_ASSERT(p_logits.size() == q_logits.size(), "two distributions of different lengths");
  const double p_largest = largest_logit<T, Arch>(p_logits, "P"), q_largest = largest_logit<T, Arch>(q_logits, "Q");
  const computed_weights<T, Arch> weights{p_largest};
  const log_ratio ratio = compare<T, Arch>(p_logits, p_largest, q_logits, q_largest, weights);
  return differences<T, Arch, Terms>(p_logits, p_largest, q_logits, q_largest, ratio, weights);
}

}  // namespace detail

/// Kullback–Leibler divergence KL(P‖Q) = Σ p·(ln p − ln q) of two next-token distributions, in nats.
/// Shape:    p_logits, q_logits: (vocabulary).
/// Requires: equal, non-zero lengths.
/// Returns:  ≥ 0; exactly 0 for identical inputs; +∞ if some q = 0 where p > 0.
/// Throws:   numeric_error at the first NaN or +∞, or if all logits are −∞.
/// Cost:     two passes over both, one for the largest logits; no allocation. 2 exponentials a token.
/// Accuracy: sums in double; relative error ≤ 1e-12 (double), 1e-9 (float) where KL > 1e-10, absolute ≤ 1e-16 below,
///           for logits up to 100. docs/accuracy.md says what larger ones cost.
/// Source:   Cover & Thomas, Elements of Information Theory, §2.3.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] double kl_divergence(std::span<const T> p_logits, std::span<const T> q_logits) {
  STRATA_ASSERT(p_logits.size() == q_logits.size(), "kl_divergence: two distributions of different lengths");
  const double p_largest = detail::largest_logit<T, Arch>(p_logits, "P");
  const double q_largest = detail::largest_logit<T, Arch>(q_logits, "Q");
  const detail::computed_weights<T, Arch> weights{p_largest};
  return detail::compare<T, Arch>(p_logits, p_largest, q_logits, q_largest, weights).kl;
}

/// Total variation distance ½ Σ|p − q| of two next-token distributions.
/// Shape:    p_logits, q_logits: (vocabulary).
/// Requires: equal, non-zero lengths.
/// Returns:  0 … 1; exactly 0 for identical inputs.
/// Throws:   as kl_divergence.
/// Cost:     three passes over both; no allocation. 4 exponentials a token.
/// Accuracy: as kl_divergence, on the square root of its scale: |p − q| = p·|e^(−Δ) − 1| does not cancel.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] double total_variation(std::span<const T> p_logits, std::span<const T> q_logits) {
  return detail::one_pair<T, Arch, detail::terms::total_variation>(p_logits, q_logits).total_variation;
}

/// Jensen–Shannon divergence ½ KL(P‖M) + ½ KL(Q‖M), M = ½ (P + Q), in nats, without a root.
/// Shape:    p_logits, q_logits: (vocabulary).
/// Requires: equal, non-zero lengths.
/// Returns:  0 … ln 2; exactly 0 for identical inputs.
/// Throws:   as kl_divergence.
/// Cost:     three passes over both; no allocation. 4 exponentials a token.
/// Accuracy: as kl_divergence.
/// Source:   Lin, Divergence measures based on the Shannon entropy (1991), with equal weights.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] double jensen_shannon(std::span<const T> p_logits, std::span<const T> q_logits) {
  return detail::one_pair<T, Arch, detail::terms::jensen_shannon>(p_logits, q_logits).jensen_shannon;
}

/// All of them and the entropy of Q, at little more than the cost of the dearest.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] divergences compare_distributions(std::span<const T> p_logits, std::span<const T> q_logits) {
  return detail::one_pair<T, Arch, detail::terms::all>(p_logits, q_logits);
}

}  // namespace strata
