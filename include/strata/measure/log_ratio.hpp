/// The logarithm of the ratio of two distributions, Δ_i = ln p_i − ln q_i, and with it KL(P‖Q), from logits.
///
/// With d_i = p_logit_i − q_logit_i, its mean c = Σ p_i·d_i and y_i = d_i − c,
///     KL(P‖Q) = ln Σ p_i·e^(−y_i) = ln(1 + A),   A = Σ p_i·(e^(−y_i) − 1 + y_i),   Δ_i = y_i + KL(P‖Q).
/// Every term of A is ≥ 0 and keeps its relative accuracy near 0, so KL does too; no normalizer enters.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "strata/detail/exp.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/softmax.hpp"

namespace strata::detail {

/// Δ_i = (d_i − base) + offset. The base is the difference of the largest logits: where both are the same token, its
/// offset is exact, however small.
struct log_ratio {
  double kl = 0;
  double base = 0;
  double offset = 0;
  double weight = 1;  // Σ e^(p_logit − largest)
};

/// Below this logarithm a weight is taken as zero; then q, which may be large, is computed from its own logit.
inline constexpr double far_below = -700.0;

/// e^(p_logit − largest), computed when asked for.
template <class T, class Arch>
struct computed_weights {
  using wide = lanes<double, Arch>;
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
  const double* values;

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

/// weight, mean and A·weight of the tokens so far. Joining two groups moves the mean, and A with it:
/// Σ w·(e^(−y−δ) − 1 + y + δ) = e^(−δ)·A + w·(e^(−δ) − 1 + δ) where Σ w·y = 0.
template <class Arch>
struct excess_sum {
  double weight = 0;
  double centre = 0;
  double sum = 0;

  void join(const excess_sum& other) {
    if (other.weight == 0) {  // only far tokens, measured from this centre
      sum += other.sum;
      return;
    }
    const double total = weight + other.weight;
    const double joint = centre * (weight / total) + other.centre * (other.weight / total);
    const double down = centre - joint, up = other.centre - joint;
    const scalar_exp<Arch> here(down), there(up);
    sum = here.value * sum + weight * here.excess + there.value * other.sum + other.weight * there.excess;
    centre = joint;
    weight = total;
  }
};

/// Scalar and slow, for distributions so different that the way above overflows, and for q = 0 where p > 0.
template <class T, class Arch>
[[nodiscard]] log_ratio far_log_ratio(std::span<const T> p_logits, std::span<const T> q_logits) {
  const log_normalizer p_all = normalize<T, Arch>(p_logits), q_all = normalize<T, Arch>(q_logits);
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
  return {std::max(kl, 0.0), centre, 0.0, p_all.weight};
}

/// q as a multiple of the largest p, for tokens whose p is (next to) nothing; +∞ where q = 0 although p > 0.
template <class Arch>
[[nodiscard]] lanes<double, Arch> far_weight(const lanes<double, Arch>& p_logit, const lanes<double, Arch>& q_logit,
                                             double log_scale) {
  using wide = lanes<double, Arch>;
  const wide infinity(std::numeric_limits<double>::infinity());
  const wide none = select(p_logit > -infinity, infinity, wide(0.0));
  return select(q_logit > -infinity, full_range_exp<Arch>(q_logit + wide(log_scale)), none);
}

/// One pass over both, in blocks that stay in the first-level cache; each block has its own mean.
template <class T, class Arch, class Weights>
[[nodiscard]] log_ratio compare(std::span<const T> p_logits, double p_largest, std::span<const T> q_logits,
                                double q_largest, const Weights& weight_of) {
  using wide = lanes<double, Arch>;
  constexpr std::size_t block = 512;
  constexpr double none = -std::numeric_limits<double>::infinity();
  alignas(64) double weights[block];
  alignas(64) double offsets[block];  // d − base
  const double base = p_largest - q_largest;
  excess_sum<Arch> all;  // centres are relative to the base

  for (std::size_t first = 0; first < p_logits.size(); first += block) {
    const std::size_t count = std::min(block, p_logits.size() - first);
    const T *p = p_logits.data() + first, *q = q_logits.data() + first;
    wide weight(0.0), moment(0.0);
    for (std::size_t i = 0; i < count; i += wide::size) {
      const wide p_logit = load_double<Arch>(p + i, count - i, none);
      const wide w = weight_of(first + i, p_logit);
      const wide difference = p_logit - load_double<Arch>(q + i, count - i, none);
      const wide offset = select(w == wide(0.0), wide(0.0), difference - wide(base));
      weight += w;
      moment = fma(w, offset, moment);
      w.store_aligned(weights + i);
      offset.store_aligned(offsets + i);
    }

    excess_sum<Arch> here;
    here.weight = reduce_sum<double, Arch>(weight);
    here.centre = here.weight > 0 ? reduce_sum<double, Arch>(moment) / here.weight : all.centre;
    if (!(std::abs(here.centre) < std::numeric_limits<double>::infinity())) break;

    wide sum(0.0);
    for (std::size_t i = 0; i < count; i += wide::size) {
      const wide w = load<double, Arch>(weights + i), y = load<double, Arch>(offsets + i) - wide(here.centre);
      wide term = w * split_exp<T, Arch>(-y).excess();
      const auto far = (w == wide(0.0)) || (y < wide(far_below));
      if (any(far))
        term = select(far,
                      far_weight<Arch>(load_double<Arch>(p + i, count - i, none),
                                       load_double<Arch>(q + i, count - i, none), (base - p_largest) + here.centre),
                      term);
      sum += term;
    }
    here.sum = reduce_sum<double, Arch>(sum);
    all.join(here);
    if (first + count == p_logits.size() && all.sum < std::numeric_limits<double>::max()) {
      const double kl = std::log1p(all.sum / all.weight);
      return {kl, base, kl - all.centre, all.weight};
    }
  }
  return far_log_ratio<T, Arch>(p_logits, q_logits);
}

}  // namespace strata::detail
