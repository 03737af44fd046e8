/// Measures as the published code takes them, to compare with its figures; for all else entropy() and density().
/// Source: Kervadec et al., Tracing Computation Density in LLMs, arXiv 2605.27033, and its code.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/detail/round_to_half.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/curve.hpp"
#include "strata/measure/softmax.hpp"

namespace strata {

/// −Σ q·ln(q + 1e-7), nats.
/// Shape:    logits: (vocabulary).
/// Returns:  −1e-7 … ; below the entropy by up to 1e-7 for each token that has a probability.
/// Throws:   as entropy().
template <class T, class Arch = detail::default_arch>
[[nodiscard]] double published_entropy(std::span<const T> logits) {
  const detail::log_normalizer normalizer = detail::normalize<T, Arch>(logits);
  double sum = 0;
  for (const T logit : logits) {
    const double q = std::exp(normalizer.log_probability(static_cast<double>(logit)));
    sum -= q * std::log(q + 1e-7);
  }
  return sum;
}

/// Area under total variation by trapezoids over log10(max(share, 1e-8)), the shares n/E of the edges rounded to half. A
/// trace without edges stands at 1e-8, so that it adds about three decades.
/// Shape:    shares, total_variation: (sizes); shares not falling, equal ones allowed.
/// axis:     linear: the older way, over the rounded shares themselves.
/// Throws:   option_error for a share outside 0 … 1, or below the one before.
[[nodiscard]] inline double published_density(std::span<const double> shares, std::span<const double> total_variation,
                                              size_axis axis = size_axis::logarithmic) {
  std::vector<double> places;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (!(shares[i] >= 0 && shares[i] <= 1))
      raise<option_error>("share ", i, " is ", shares[i], ", expected 0 <= share <= 1");
    if (i > 0 && shares[i] < shares[i - 1])
      raise<option_error>("share ", i, " is ", shares[i], " after ", shares[i - 1], ", expected no falling shares");
    const double share = round_to_half(shares[i]);
    places.push_back(axis == size_axis::linear ? share : std::log10(std::max(share, 1e-8)));
  }
  return trapezoids(places, total_variation);
}

}  // namespace strata
