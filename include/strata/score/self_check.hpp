/// The self-check: a layer's attention output must be what its told parts add up to.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/score/attention_record.hpp"

namespace strata::detail {

// max_j Σ_{h,s} |a·u_j| + |b_j| of one target, the scale of the self-check; formed only where the cheaper bound does
// not decide.
template <class T>
[[nodiscard]] double contribution_scale(const attention_pattern<T>& pattern, const attention_parts<T>& parts,
                                        std::size_t token) {
  std::vector<double> sum(parts.output.cols);
  for (std::size_t j = 0; j < parts.output_bias.size(); ++j)
    sum[j] = std::abs(static_cast<double>(parts.output_bias[j]));
  matrix<T> u(parts.values.rows, parts.output.cols);
  for (std::size_t h = 0; h < pattern.heads(); ++h) {
    product<T>(values_of(parts, pattern.heads(), h), output_of(parts, pattern.heads(), h), u);
    for (std::size_t s = 0; s <= token; ++s) {
      const double a = std::abs(static_cast<double>(pattern.head(h)(token, s)));
      if (a != 0)
        for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += a * std::abs(static_cast<double>(u(s, j)));
    }
  }
  return *std::max_element(sum.begin(), sum.end());
}

/// Checks max|Σ a·u + b − out| ≤ tolerance · max(Σ|a·u| + |b|) for each of the tokens whose rows `out` holds.
/// Returns: an upper bound of the largest relative error found.
/// Throws:  strata::contract_error with layer, token and error.
template <class T>
double self_check(std::size_t layer, const attention_pattern<T>& pattern, const attention_parts<T>& parts,
                  matrix_view<const T> out, std::span<const std::size_t> tokens, double tolerance) {
  // Σ_h Σ_s a·u = (concat_h Σ_s a·v) · W_O: cheaper than forming the sum from u once the prompt is longer than a head
  // is wide.
  matrix<T> mixed(tokens.size(), parts.output.rows);
  matrix<T> storage;
  const std::size_t head_width = parts.output.rows / pattern.heads();
  for (std::size_t h = 0; h < pattern.heads(); ++h)
    product<T>(rows_of(pattern.head(h), tokens, storage), values_of(parts, pattern.heads(), h),
               mixed.view().col_range(h * head_width, head_width));
  matrix<T> sum(tokens.size(), parts.output.cols);
  product<T>(mixed, parts.output, sum);

  double worst = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    T difference = 0;
    T largest = 0;  // of |Σ a·u + b|: at most the scale, so an error that is small against it needs no better scale
    for (std::size_t j = 0; j < sum.cols(); ++j) {
      const T expected = sum(i, j) + (parts.output_bias.empty() ? T{0} : parts.output_bias[j]);
      if (const T d = std::abs(expected - out(i, j)); !(d <= difference)) difference = d;  // also NaN, which is refused
      largest = std::max(largest, std::abs(expected));
    }
    if (difference == 0) continue;
    double error = static_cast<double>(difference) / static_cast<double>(largest);
    if (!(error <= tolerance / 8))
      error = static_cast<double>(difference) /
              std::max(contribution_scale(pattern, parts, tokens[i]), std::numeric_limits<double>::min());
    if (!(error <= tolerance))
      raise<contract_error>("layer ", layer, ", token ", tokens[i],
                            ": the attention output is not the sum of its contributions; relative error ", error,
                            ", allowed ", tolerance);
    worst = std::max(worst, error);
  }
  return worst;
}

}  // namespace strata::detail
