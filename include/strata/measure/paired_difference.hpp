/// Means over prompts and their standard errors, of values and of the differences of two methods on the same prompts.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"

namespace strata {

struct mean_and_error {
  double mean = 0;
  double error = 0;  // standard error of the mean, √(Σ(x − x̄)² / (n − 1) / n); NaN for a single value
};

/// Shape:    values: (prompts), at least one.
[[nodiscard]] inline mean_and_error mean_with_error(std::span<const double> values) {
  STRATA_ASSERT(!values.empty(), "mean_with_error: there is no mean of no values");
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1) / n) : std::numeric_limits<double>::quiet_NaN()};
}

/// Of x − y prompt by prompt: what differs between prompts is not in its error.
/// Shape:    x, y: (prompts), at least one.
[[nodiscard]] inline mean_and_error paired_difference(std::span<const double> x, std::span<const double> y) {
  STRATA_ASSERT(x.size() == y.size(), "paired_difference: both need a value of each prompt");
  std::vector<double> differences(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) differences[i] = x[i] - y[i];
  return mean_with_error(differences);
}

}  // namespace strata
