/// Where most of a distribution's mass is likely to be, from one pass: for a first estimate of means under it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "strata/detail/simd.hpp"
#include "strata/measure/softmax.hpp"

namespace strata::detail {

/// The most probable token of each of at most 64 stretches of the vocabulary: most of P's mass, or a fair sample of it.
struct likely_tokens {
  std::array<std::size_t, 64> tokens;
  std::array<double, 64> weights;  // e^(logit − largest)
  std::size_t count = 0;
  std::size_t top = 0;  // the most probable of all
  double largest = 0;   // its logit

  /// Mean of a function of the token.
  template <class Of>
  [[nodiscard]] double mean(Of of) const {
    double weight = 0, moment = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (weights[i] == 0) continue;
      weight += weights[i];
      moment += weights[i] * of(tokens[i]);
    }
    return moment / weight;
  }
};

/// Throws: as largest_logit.
template <class T, class Arch>
[[nodiscard]] likely_tokens find_likely(std::span<const T> logits, const char* whose) {
  likely_tokens out;
  out.largest = largest_logit<T, Arch>(logits, whose);
  const std::size_t stretch = (logits.size() + out.tokens.size() - 1) / out.tokens.size();
  for (std::size_t first = 0; first < logits.size(); first += stretch) {
    const std::span<const T> here = logits.subspan(first, std::min(stretch, logits.size() - first));
    lanes<T, Arch> largest_lanes(here.front());
    std::size_t i = 0;
    for (; i + lanes<T, Arch>::size <= here.size(); i += lanes<T, Arch>::size)
      largest_lanes = max(load<T, Arch>(here.data() + i), largest_lanes);
    T largest = reduce_largest<T, Arch>(largest_lanes);
    for (; i < here.size(); ++i) largest = std::max(largest, here[i]);
    const std::size_t token =
        first + static_cast<std::size_t>(std::find(here.begin(), here.end(), largest) - here.begin());
    const double logit = static_cast<double>(largest);
    if (logit == out.largest && logit > static_cast<double>(logits[out.top])) out.top = token;
    out.tokens[out.count] = token;
    out.weights[out.count] = std::exp(logit - out.largest);
    ++out.count;
  }
  return out;
}

}  // namespace strata::detail
