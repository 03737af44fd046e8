/// Divergences of two next-token distributions P and Q, from their logits, in nats. No epsilon anywhere: a probability
/// of zero (a logit of −∞) counts as what it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>

#include "strata/core/contract.hpp"
#include "strata/detail/exp.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/likely_tokens.hpp"
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

/// p·ln(2p/(p+q)) + q·ln(2q/(p+q)), twice, from Δ = ln p − ln q; `ratio` is e^(−Δ) = q/p. With t = tanh(Δ/2) it is
/// (p+q)·((1+t)·ln(1+t) + (1−t)·ln(1−t)), and (p+q)·Δ²·(1/4 − Δ²/32 + …) near 0; elsewhere, s = e^(−|Δ|),
/// max(p, q)·(2·(1+s)·(ln 2 − ln(1+s)) − 2·s·|Δ|).
/// Accuracy: the polynomials, interpolated at Chebyshev points of Δ² ≤ 1 and of s ≤ 1/e, are within 1.5e-11 for float,
///           1e-16 for double.
template <class T, class Arch, exp_range Range>
[[nodiscard]] STRATA_DETAIL_INLINE inline lanes<double, Arch> jensen_shannon_term(const lanes<double, Arch>& p,
                                                                                  const lanes<double, Arch>& q,
                                                                                  const lanes<double, Arch>& delta,
                                                                                  const lanes<double, Arch>& ratio) {
  using wide = lanes<double, Arch>;
  const wide size = Range == exp_range::wide ? min(abs(delta), wide(800.0)) : abs(delta), square = size * size;
  const auto sum = [&](const auto& near, const auto& apart) STRATA_DETAIL_INLINE {
    const wide close = (p + q) * (square * polynomial<Arch>(near, square, square * square));
    const auto distant = size >= wide(1.0);
    if (!any(distant)) return close;
    const auto falls = delta >= wide(0.0);
    const wide s = select(falls, ratio, wide(1.0) / ratio);
    return select(distant, select(falls, p, q) * (polynomial<Arch>(apart, s, s * s) - (s + s) * size), close);
  };
  if constexpr (std::is_same_v<T, float>) {
    static constexpr double near[] = {0.24999999999639697,    -0.03124999964653476,  0.0034722165365678424,
                                      -0.0003688891331250483, 3.834208977580659e-05, -3.814809910584756e-06,
                                      2.883135536051659e-07};
    static constexpr double apart[] = {
        1.3862943611203937,  -0.6137056391540002, -0.9999999752485832,  0.3333324599858501,   -0.1666508875206638,
        0.09983434277633997, -0.0655887080218526, 0.043141158383009796, -0.02377122599948155, 0.007487756583391251};
    return sum(near, apart);
  } else {
    static constexpr double near[] = {0.25,
                                      -0.031249999999999698,
                                      0.0034722222222101098,
                                      -0.00036892361092140364,
                                      3.8442458790363436e-05,
                                      -3.967098554905794e-06,
                                      4.071501202019951e-07,
                                      -4.1611360161889056e-08,
                                      4.2014703690434274e-09,
                                      -3.940227848467946e-10,
                                      2.5722621449071014e-11};
    static constexpr double apart[] = {
        1.3862943611198906,    -0.6137056388801193,  -0.9999999999982313,    0.3333333332093395,   -0.16666666211382414,
        0.09999989941419123,   -0.06666521884196956, 0.04760479429903165,    -0.03561543536365422, 0.027286867144491644,
        -0.020465558270494868, 0.013659733049259649, -0.0068215002393228735, 0.0018006629320703937};
    return sum(near, apart);
  }
}

/// Total variation and Jensen–Shannon divergence as Σ p·|e^(−Δ) − 1| and Σ (p+q)·(a function of Δ): as accurate as Δ.
template <class T, class Arch, terms Terms, class Weights>
[[nodiscard]] divergences differences(std::span<const T> p_logits, double p_largest, std::span<const T> q_logits,
                                      const log_ratio& ratio, const Weights& weight_of) {
  using wide = lanes<double, Arch>;
  constexpr double ln2 = 0.6931471805599453;
  const double far_scale = (ratio.base - p_largest) - ratio.offset;
  const wide base(ratio.base), offset(ratio.offset);
  wide differ(0.0), share(0.0), mass(0.0), surprised(0.0);
  const auto add = [&](auto range, std::size_t i, const wide& p_logit, const wide& q_logit) STRATA_DETAIL_INLINE {
    const wide p = weight_of(i, p_logit);
    const wide delta = ((p_logit - q_logit) - base) + offset;
    const split_exp<T, Arch, range()> e(-delta);
    const wide odds = e.value();
    wide q = p * odds, difference = p * abs(e.minus_one());
    wide divergence(0.0);
    if constexpr (Terms != terms::total_variation)
      divergence = jensen_shannon_term<T, Arch, range()>(p, q, delta, odds);
    if constexpr (range() == exp_range::wide) {
      const auto far = (p == wide(0.0)) || (delta < wide(far_below));
      if (any(far)) {
        q = select(far, full_range_exp<Arch>(q_logit + wide(far_scale)), q);
        difference = select(far, q, difference);
        divergence = select(far, q * wide(2 * ln2), divergence);
      }
    }
    differ += difference;
    share += divergence;
    if constexpr (Terms == terms::all) {
      mass += q;
      const wide x = q_logit - wide(ratio.q_largest);
      surprised += range() == exp_range::wide ? surprise<Arch>(q, x) : -q * x;
    }
  };
  for_registers<T, Arch>(p_logits, q_logits, 0, p_logits.size(), ratio.in_range, add);

  divergences result;
  result.kl = ratio.kl;
  result.total_variation = std::min(0.5 * reduce_sum<double, Arch>(differ) / ratio.weight, 1.0);
  result.jensen_shannon = std::min(0.25 * reduce_sum<double, Arch>(share) / ratio.weight, ln2);
  if constexpr (Terms == terms::all) {
    const double q_mass = reduce_sum<double, Arch>(mass);
    const double log_rest = std::log(q_mass) - far_scale - ratio.q_largest;
    result.entropy = std::max(log_rest + reduce_sum<double, Arch>(surprised) / q_mass, 0.0);
  }
  return result;
}

template <class T, class Arch, terms Terms>
[[nodiscard]] divergences one_pair(std::span<const T> p_logits, std::span<const T> q_logits) {
  STRATA_ASSERT(p_logits.size() == q_logits.size(), "two distributions of different lengths");
  const likely_tokens likely = find_likely<T, Arch>(p_logits, "P");
  const computed_weights<T, Arch> weights{likely.largest};
  const log_ratio ratio = compare<T, Arch, Terms == terms::all>(p_logits, q_logits, likely, weights);
  return differences<T, Arch, Terms>(p_logits, likely.largest, q_logits, ratio, weights);
}

}  // namespace detail

/// Kullback–Leibler divergence KL(P‖Q) = Σ p·(ln p − ln q) of two next-token distributions, in nats.
/// Shape:    p_logits, q_logits: (vocabulary).
/// Requires: equal, non-zero lengths.
/// Returns:  ≥ 0; exactly 0 for identical inputs; +∞ if some q = 0 where p > 0.
/// Throws:   numeric_error at the first NaN or +∞, or if all logits are −∞.
/// Cost:     two passes over P and one over Q, two where P's likely tokens mislead; no allocation. 2 exponentials a
///           token and pass over Q.
/// Accuracy: sums in double; relative error ≤ 1e-12 (double), 1e-9 (float) where KL > 1e-10, absolute ≤ 1e-16 below,
///           for logits up to 100. docs/accuracy.md says what larger ones cost.
/// Source:   Cover & Thomas, Elements of Information Theory, §2.3.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] double kl_divergence(std::span<const T> p_logits, std::span<const T> q_logits) {
  STRATA_ASSERT(p_logits.size() == q_logits.size(), "kl_divergence: two distributions of different lengths");
  const detail::likely_tokens likely = detail::find_likely<T, Arch>(p_logits, "P");
  return detail::compare<T, Arch, false>(p_logits, q_logits, likely, detail::computed_weights<T, Arch>{likely.largest})
      .kl;
}

/// Total variation distance ½ Σ|p − q| of two next-token distributions.
/// Shape:    p_logits, q_logits: (vocabulary).
/// Requires: equal, non-zero lengths.
/// Returns:  0 … 1; exactly 0 for identical inputs.
/// Throws:   as kl_divergence.
/// Cost:     a pass over both more than kl_divergence; no allocation. 4 exponentials a token.
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
/// Cost:     a pass over both more than kl_divergence; no allocation. 4 exponentials a token.
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
