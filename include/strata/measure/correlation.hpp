/// Correlation of two lists of numbers: entropy and density of many prompts, or the densities of two models.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"

namespace strata {

namespace detail {

/// x without its mean, the largest magnitude being 1; all zeros exactly if all are equal.
[[nodiscard]] inline std::vector<double> deviations(std::span<const double> x) {
  std::vector<double> out(x.size());
  double sum = 0, largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) raise<numeric_error>("value ", i, " is ", x[i], ", expected a finite number");
    sum += out[i] = x[i] - x[0];
  }
  const double mean = sum / static_cast<double>(x.size());
  for (double& value : out) largest = std::max(largest, std::abs(value -= mean));
  if (largest > 0)
    for (double& value : out) value /= largest;
  return out;
}

}  // namespace detail

/// Pearson's correlation Σ(x−x̄)(y−ȳ) / √(Σ(x−x̄)²·Σ(y−ȳ)²).
/// Shape:    x, y: (values).
/// Returns:  −1 … 1; empty if all of x or all of y are equal, so also for fewer than two values.
/// Throws:   numeric_error at the first value that is NaN or infinite.
[[nodiscard]] inline std::optional<double> pearson(std::span<const double> x, std::span<const double> y) {
  STRATA_ASSERT(x.size() == y.size(), "pearson: different lengths");
  const std::vector<double> a = detail::deviations(x), b = detail::deviations(y);
  const double aa = std::inner_product(a.begin(), a.end(), a.begin(), 0.0);
  const double bb = std::inner_product(b.begin(), b.end(), b.begin(), 0.0);
  if (aa == 0 || bb == 0) return std::nullopt;
  return std::clamp(std::inner_product(a.begin(), a.end(), b.begin(), 0.0) / std::sqrt(aa * bb), -1.0, 1.0);
}

/// Ranks from 1 for the smallest; equal values share the average of their ranks.
/// Throws:   numeric_error at the first NaN.
[[nodiscard]] inline std::vector<double> average_ranks(std::span<const double> x) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (std::isnan(x[i])) raise<numeric_error>("value ", i, " is ", x[i], ", which has no rank");
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&x](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  std::vector<double> ranks(x.size());
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && x[order[last]] == x[order[first]]) ++last;
    for (std::size_t i = first; i < last; ++i) ranks[order[i]] = 0.5 * static_cast<double>(first + 1 + last);
  }
  return ranks;
}

/// Spearman's correlation: Pearson's of the ranks. Infinite values have ranks, so they are allowed.
/// Shape:    x, y: (values).
/// Returns:  −1 … 1; empty as pearson().
/// Throws:   numeric_error at the first NaN.
[[nodiscard]] inline std::optional<double> spearman(std::span<const double> x, std::span<const double> y) {
  STRATA_ASSERT(x.size() == y.size(), "spearman: different lengths");
  return pearson(average_ranks(x), average_ranks(y));
}

}  // namespace strata
