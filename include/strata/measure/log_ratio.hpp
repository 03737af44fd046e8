/// The logarithm of the ratio of two distributions, Δ_i = ln p_i − ln q_i, and with it KL(P‖Q), from logits.
///
/// With d_i = p_logit_i − q_logit_i, its mean c = Σ p_i·d_i and y_i = d_i − c,
///     KL(P‖Q) = ln Σ p_i·e^(−y_i) = ln(1 + A),   A = Σ p_i·(e^(−y_i) − 1 + y_i),   Δ_i = y_i + KL(P‖Q).
/// Every term of A is ≥ 0 and keeps its relative accuracy near 0, so KL does too; no normalizer enters. c is known only
/// after a pass over all tokens: with y' = d − c', c' near c, and m = c − c' the mean of y',
///     A = (Σ p_i·(e^(−y'_i) − 1 + y'_i) − (e^(−m) − 1 + m)) · e^m.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>

#include "strata/detail/exp.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/likely_tokens.hpp"
#include "strata/measure/softmax.hpp"

namespace strata::detail {

/// Δ_i = (d_i − base) + offset. The base is d of P's most probable token, whose offset is then exact, however small.
struct log_ratio {
  double kl = 0;
  double base = 0;
  double offset = 0;
  double weight = 1;      // Σ e^(p_logit − largest)
  double q_largest = 0;   // largest logit of Q
  bool in_range = false;  // no weight is 0, no token's Δ is near ±700
};

/// Below this logarithm a weight is taken as zero; then q, which may be large, is computed from its own logit.
inline constexpr double far_below = -700.0;

/// If every offset is this close to a centre, KL and every |Δ| are below 700.
inline constexpr double checked_range = 150.0;

/// e^(p_logit − largest), computed when asked for.
template <class T, class Arch>
struct computed_weights {
  using wide = lanes<double, Arch>;
  static constexpr bool stored = false, positive = true;  // as far as is known
  double largest;

  [[nodiscard]] wide operator()(std::size_t, const wide& logit) const {
    const wide x = logit - wide(largest);
    return select(x < wide(far_below), wide(0.0), split_exp<T, Arch>(x).value());
  }
};

/// The same, computed before; as many as fill whole registers.
template <class Arch>
struct stored_weights {
  using wide = lanes<double, Arch>;
  static constexpr bool stored = true;
  const double* values;
  double total;
  bool positive;  // none is 0

  [[nodiscard]] wide operator()(std::size_t i, const wide&) const { return load<double, Arch>(values + i); }
};

/// e^(−y) and e^(−y) − 1 + y.
template <class Arch>
struct scalar_exp {
  double value, excess;

  explicit scalar_exp(double y) {
    using wide = lanes<double, Arch>;
    const split_exp<double, Arch> e(wide(std::min(-y, 709.0)));
    double values[wide::size], excesses[wide::size];
    e.value().store_unaligned(values);
    e.excess().store_unaligned(excesses);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    value = y < -709.0 ? infinity : values[0];
    excess = y < -709.0 ? infinity : excesses[0];
  }
};

/// Scalar and slow, for distributions so different that the way above overflows, and for q = 0 where p > 0.
template <class T, class Arch>
[[nodiscard]] log_ratio far_log_ratio(std::span<const T> p_logits, std::span<const T> q_logits) {
  const log_normalizer p_all = normalize<T, Arch>(p_logits, "P");
  const log_normalizer q_all = normalize<T, Arch>(q_logits, "Q");
  const double centre = (p_all.largest - q_all.largest) + (p_all.log_rest - q_all.log_rest);
  double kl = 0;
  for (std::size_t i = 0; i < p_logits.size(); ++i) {
    const double x = static_cast<double>(p_logits[i]), y = static_cast<double>(q_logits[i]);
    const double p = std::exp(p_all.log_probability(x)), q = std::exp(q_all.log_probability(y));
    if (x == -std::numeric_limits<double>::infinity()) {
      kl += q;
    } else {
      const double delta = (x - y) - centre;
      kl += std::abs(delta) < 0.3 ? p * scalar_exp<Arch>(delta).excess : q - p + p * delta;
      if (delta == std::numeric_limits<double>::infinity()) kl = delta;
    }
  }
  return {std::max(kl, 0.0), centre, 0.0, p_all.weight, q_all.largest, false};
}

/// q as a multiple of the largest p, for tokens whose p is (next to) nothing; +∞ where q = 0 although p > 0; NaN stays.
template <class Arch>
[[nodiscard]] lanes<double, Arch> far_weight(const lanes<double, Arch>& p_logit, const lanes<double, Arch>& q_logit,
                                             double log_scale) {
  using wide = lanes<double, Arch>;
  const wide infinity(std::numeric_limits<double>::infinity());
  const wide none = select(p_logit > -infinity, infinity, wide(0.0));
  const wide q = select(q_logit == q_logit, full_range_exp<Arch>(q_logit + wide(log_scale)), q_logit);
  return select(q_logit == -infinity, none, q);
}

/// Calls each(range, i, p_logit, q_logit) for registers of both. The range is `checked` for whole registers if asked for,
/// `wide` otherwise; beyond the last logit both are −∞.
template <class T, class Arch, class Each>
STRATA_DETAIL_INLINE inline void for_registers(std::span<const T> p_logits, std::span<const T> q_logits,
                                               std::size_t first, std::size_t last, bool checked, Each each) {
  constexpr std::size_t step = lanes<double, Arch>::size;
  constexpr double none = -std::numeric_limits<double>::infinity();
  const T *p = p_logits.data(), *q = q_logits.data();
  std::size_t i = first;
  for (; checked && i + step <= last; i += step) {
    prefetch(q + std::min(i + 512, q_logits.size() - 1));  // more than the processor does by itself
    each(std::integral_constant<exp_range, exp_range::checked>(), i, load_double<Arch>(p + i),
         load_double<Arch>(q + i));
  }
  for (; i < last; i += step)
    each(std::integral_constant<exp_range, exp_range::wide>(), i, load_double<Arch>(p + i, last - i, none),
         load_double<Arch>(q + i, last - i, none));
}

/// What a pass about a centre finds: for x = centre − (d − base), the mean of −x and of e^x − 1 − x.
struct excess_sums {
  double weight = 0, mean = 0, excess = 0;
  double q_largest = 0;
  bool in_range = false;  // every w > 0 and every |x| below `checked_range`; if checked, the sums are of use only then
};

/// Tokens that are added up first, so that long sums lose no digits.
inline constexpr std::size_t summed_block = 512;

/// Largest: whether the largest logit of Q is found too.
template <class T, class Arch, bool Largest, class Weights>
[[nodiscard]] excess_sums sum_excess(std::span<const T> p_logits, std::span<const T> q_logits, double base,
                                     double centre, double p_largest, bool checked, const Weights& weight_of) {
  using wide = lanes<double, Arch>;
  const std::size_t n = p_logits.size();
  const wide from_base(base), from_centre(centre);
  wide weight(0.0), moment(0.0), sum(0.0), largest(0.0), lightest(1.0);
  wide q_largest(-std::numeric_limits<double>::infinity());

  for (std::size_t first = 0; first < n; first += summed_block) {
    wide block_weight(0.0), block_moment(0.0), block_sum(0.0);
    for_registers<T, Arch>(
        p_logits, q_logits, first, std::min(first + summed_block, n), checked,
        [&](auto range, std::size_t i, const wide& p_logit, const wide& q_logit) STRATA_DETAIL_INLINE {
          const wide w = weight_of(i, p_logit);
          wide x = from_centre - ((p_logit - q_logit) - from_base);
          if constexpr (range() == exp_range::checked) {
            block_sum = fma(w, split_exp<T, Arch, exp_range::checked>(x).excess(), block_sum);
            largest = max(abs(x), largest);
            if constexpr (!Weights::stored) lightest = min(w, lightest);
          } else {
            const auto nothing = w == wide(0.0);
            x = select(nothing, wide(0.0), x);
            wide term = w * split_exp<T, Arch>(x).excess();
            const auto far = nothing || (x > wide(-far_below));
            if (any(far)) term = select(far, far_weight<Arch>(p_logit, q_logit, (base - p_largest) + centre), term);
            block_sum += term;
          }
          if constexpr (!Weights::stored) block_weight += w;
          block_moment = fma(w, x, block_moment);
          if constexpr (Largest) q_largest = max(q_logit, q_largest);
        });
    weight += block_weight;
    moment += block_moment;
    sum += block_sum;
  }

  excess_sums out;
  if constexpr (Weights::stored)
    out.weight = weight_of.total;
  else
    out.weight = reduce_sum<double, Arch>(weight);
  out.mean = -reduce_sum<double, Arch>(moment) / out.weight;
  out.excess = reduce_sum<double, Arch>(sum) / out.weight;
  out.q_largest = reduce_largest<double, Arch>(q_largest);
  out.in_range = checked && !any(!(largest < wide(checked_range) && lightest > wide(0.0)));
  return out;
}

/// One pass over both, about the mean of the likely tokens; a second one, about the mean that the first has found, where
/// that was so far off that A would lose digits. Largest: whether Q's largest logit is asked for.
template <class T, class Arch, bool Largest, class Weights>
[[nodiscard]] log_ratio compare(std::span<const T> p_logits, std::span<const T> q_logits, const likely_tokens& likely,
                                const Weights& weight_of) {
  const double base = static_cast<double>(p_logits[likely.top]) - static_cast<double>(q_logits[likely.top]);
  double centre = likely.mean([&](std::size_t token) {
    return (static_cast<double>(p_logits[token]) - static_cast<double>(q_logits[token])) - base;
  });

  for (bool again = false; std::abs(centre) < std::numeric_limits<double>::infinity(); again = true) {
    const auto pass = [&](bool checked) {
      return sum_excess<T, Arch, Largest>(p_logits, q_logits, base, centre, likely.largest, checked, weight_of);
    };
    excess_sums sums = pass(weight_of.positive);
    const bool in_range = sums.in_range;
    if (!in_range) sums = pass(false);
    const double about_centre = sums.excess, off = sums.mean;
    if (!(about_centre < std::numeric_limits<double>::max())) break;
    const scalar_exp<Arch> shift(off);
    const double excess = std::max(about_centre - shift.excess, 0.0);
    centre += off;
    if (!again && (std::abs(off) > 100 || excess < about_centre / 4)) continue;
    const double kl = std::log1p(excess / shift.value);
    return {kl, base, kl - centre, sums.weight, sums.q_largest, in_range};
  }
  return far_log_ratio<T, Arch>(p_logits, q_logits);
}

}  // namespace strata::detail
