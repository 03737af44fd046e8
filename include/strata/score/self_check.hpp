/// The self-check: a layer's attention output must be what its told parts add up to.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/score/attention_record.hpp"

namespace strata::detail {

// max_j Σ_{h,s} |a·u_j| + |b_j| of one target, the scale of the self-check; formed only where the cheaper bound does
// not decide.
template <class T, class WeightsOf>
[[nodiscard]] double contribution_scale(std::size_t heads, WeightsOf weights_of, const attention_parts<T>& parts,
                                        std::size_t token) {
  std::vector<double> sum(parts.output.cols);
  for (std::size_t j = 0; j < parts.output_bias.size(); ++j)
    sum[j] = std::abs(static_cast<double>(parts.output_bias[j]));
  matrix<T> u(parts.values.rows, parts.output.cols), storage;
  for (std::size_t h = 0; h < heads; ++h) {
    product<T>(values_of(parts, heads, h), output_of(parts, heads, h), u);
    const matrix_view<const T> weights = weights_of(h, std::span<const std::size_t>(&token, 1), storage);
    for (std::size_t s = 0; s <= token; ++s) {
      const double a = std::abs(static_cast<double>(weights(0, s)));
      if (a != 0)
        for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += a * std::abs(static_cast<double>(u(s, j)));
    }
  }
  return *std::max_element(sum.begin(), sum.end());
}

// The larger of two numbers; NaN if either is, so that it is refused.
template <class T>
[[nodiscard]] T larger(T a, T b) {
  return a > b || a != a ? a : b;
}

/// Rows of normally distributed numbers, the same in every run: (4, width). Of directions, two components of an error would cancel
/// in every second row.
template <class T>
[[nodiscard]] matrix<T> random_directions(std::size_t width) {
  matrix<T> directions;
  directions.resize_uninitialised(4, width);
  std::minstd_rand random(1);
  const auto uniform = [&random] { return (static_cast<double>(random()) - 0.5) / 2147483646.0; };
  constexpr double two_pi = 6.283185307179586;
  for (T& value : directions.values())  // Box and Muller
    value = static_cast<T>(std::sqrt(-2 * std::log(uniform())) * std::cos(two_pi * uniform()));
  return directions;
}

/// Checks max|Σ a·u + b − out| ≤ tolerance · max(Σ|a·u| + |b|) for each of the tokens whose rows `out` holds.
///
/// Few tokens are checked component by component. Of many, both sides are first compared along four random vectors r with
/// normal components: r·δ is normal with standard deviation ‖δ‖₂ ≥ max|δ|, and W_O·r is formed once for all tokens. A
/// token is accepted if all four are below an eighth of the tolerance, otherwise it is checked by component too. (An error
/// at the tolerance is below that in one of the four with a chance of at most 0.1, in all with 1e-4.)
/// weights_of: (head, tokens, storage) → the weights of these tokens, (tokens, sources), all sources up to the last of
///             them; may lie in `storage`.
/// Returns: the largest relative error found, of the tokens that were compared along r as seen there.
/// Throws:  strata::contract_error with layer, token and error.
template <class T, class WeightsOf>
double self_check(std::size_t layer, std::size_t heads, WeightsOf weights_of, const attention_parts<T>& parts,
                  matrix_view<const T> out, std::span<const std::size_t> tokens, double tolerance,
                  std::size_t threads = 1) {
  // Σ_h Σ_s a·u = (concat_h Σ_s a·v) · W_O: cheaper than forming the sum from u once the prompt is longer than a head
  // is wide. In blocks of rows, of which only the sources that they see are read.
  constexpr std::size_t block_rows = 64;
  matrix<T> mixed;
  mixed.resize_uninitialised(tokens.size(), parts.output.rows);
  const std::size_t head_width = parts.output.rows / heads;
  parallel_for(threads, heads, [&](std::size_t h) {
    matrix<T> storage;
    for (std::size_t first = 0; first < tokens.size(); first += block_rows) {
      const auto block = tokens.subspan(first, std::min(block_rows, tokens.size() - first));
      const std::size_t sources = block.back() + 1;
      product<T>(weights_of(h, block, storage).col_range(0, sources), values_of(parts, heads, h).row_range(0, sources),
                 mixed.view().row_range(first, block.size()).col_range(h * head_width, head_width));
    }
  });
  const auto bias = [&](std::size_t j) { return parts.output_bias.empty() ? T{0} : parts.output_bias[j]; };

  double worst = 0;
  std::vector<std::size_t> rows;  // to be checked component by component
  constexpr std::size_t few = 16;
  if (tokens.size() <= few) {
    rows.resize(tokens.size());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
  } else {
    const matrix<T> directions = random_directions<T>(out.cols);
    matrix<T> along(parts.output.rows, directions.rows()), expected(tokens.size(), directions.rows()),
        found(tokens.size(), directions.rows());
    product<T>(parts.output, directions.view().transposed(), along, threads);
    product<T>(mixed, along, expected);
    product<T>(out, directions.view().transposed(), found);
    std::vector<T> bias_along(directions.rows(), T{0});
    for (std::size_t k = 0; k < directions.rows(); ++k)
      for (std::size_t j = 0; j < parts.output_bias.size(); ++j)
        bias_along[k] += directions(k, j) * parts.output_bias[j];
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      T difference = 0;
      for (std::size_t k = 0; k < directions.rows(); ++k)
        difference = larger(difference, std::abs(expected(i, k) + bias_along[k] - found(i, k)));
      T largest = 0;
      for (std::size_t j = 0; j < out.cols; ++j) largest = std::max(largest, std::abs(out(i, j)));
      const double error = difference == 0 ? 0 : static_cast<double>(difference) / static_cast<double>(largest);
      if (error <= tolerance / 8)
        worst = std::max(worst, error);
      else
        rows.push_back(i);
    }
  }

  matrix<T> sum(1, parts.output.cols);
  for (const std::size_t i : rows) {
    product<T>(mixed.view().row_range(i, 1), parts.output, sum);
    T difference = 0;
    T largest = 0;  // of |Σ a·u + b|: at most the scale, so an error that is small against it needs no better scale
    for (std::size_t j = 0; j < sum.cols(); ++j) {
      const T expected = sum(0, j) + bias(j);
      difference = larger(difference, std::abs(expected - out(i, j)));
      largest = std::max(largest, std::abs(expected));
    }
    if (difference == 0) continue;
    double error = static_cast<double>(difference) / static_cast<double>(largest);
    if (!(error <= tolerance / 8))
      error = static_cast<double>(difference) /
              std::max(contribution_scale<T>(heads, weights_of, parts, tokens[i]), std::numeric_limits<double>::min());
    if (!(error <= tolerance))
      raise<contract_error>("layer ", layer, ", token ", tokens[i],
                            ": the attention output is not the sum of its contributions; relative error ", error,
                            ", allowed ", tolerance);
    worst = std::max(worst, error);
  }
  return worst;
}

}  // namespace strata::detail
