/// Curves over the size of the trace, and the numbers that are read off them.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/measure/faithfulness.hpp"

namespace strata {

/// The published grid of sizes: shares of all edges.
inline constexpr std::array<double, 27> published_sizes = {1e-5,   2e-5,   4e-5, 8e-5, 1e-4, 2e-4, 4e-4, 8e-4, 1e-3,
                                                           1.2e-3, 1.4e-3, 2e-3, 3e-3, 4e-3, 6e-3, 8e-3, 1e-2, 2e-2,
                                                           4e-2,   6e-2,   8e-2, 1e-1, 2e-1, 4e-1, 6e-1, 8e-1, 1.0};

/// Refuses sizes that are not ascending in (0, 1].
/// Throws:   option_error with the index of the first wrong one.
inline void check_sizes(std::span<const double> sizes) {
  if (sizes.empty()) raise<option_error>("no sizes, expected at least one");
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!(sizes[i] > 0.0 && sizes[i] <= 1.0))
      raise<option_error>("size ", i, " is ", sizes[i], ", expected 0 < size <= 1");
    if (i > 0 && !(sizes[i] > sizes[i - 1]))
      raise<option_error>("size ", i, " is ", sizes[i], " after ", sizes[i - 1], ", expected ascending sizes");
  }
}

/// Area under a curve over log10(size), by trapezoids, from the first size that is ≥ `from`; not divided by the width.
/// Shape:    sizes, values: (sizes).
/// Throws:   option_error for sizes that are not ascending in (0, 1].
[[nodiscard]] inline double area_over_log_size(std::span<const double> sizes, std::span<const double> values,
                                               double from = 0.0) {
  STRATA_ASSERT(sizes.size() == values.size(), "a curve needs one value a size");
  check_sizes(sizes);
  double area = 0;
  for (std::size_t i = 1; i < sizes.size(); ++i)
    if (sizes[i - 1] >= from)
      area += 0.5 * (values[i - 1] + values[i]) * (std::log10(sizes[i]) - std::log10(sizes[i - 1]));
  return area;
}

/// Computation density: the area under total variation over log10(size). On the published grid 0 … 5.
[[nodiscard]] inline double density(std::span<const double> sizes, std::span<const double> total_variation) {
  return area_over_log_size(sizes, total_variation);
}

/// The same from size 1e-3 on, 0 … 3: what small prompts, whose smaller traces are empty, are compared by.
[[nodiscard]] inline double tv_area(std::span<const double> sizes, std::span<const double> total_variation) {
  return area_over_log_size(sizes, total_variation, 1e-3);
}

/// The first size of the grid whose value is below the bound; later values may be above it again.
/// Shape:    sizes, values: (sizes).
/// Throws:   option_error for sizes that are not ascending in (0, 1].
[[nodiscard]] inline std::optional<double> smallest_size_below(std::span<const double> sizes,
                                                               std::span<const double> values, double bound) {
  STRATA_ASSERT(sizes.size() == values.size(), "a curve needs one value a size");
  check_sizes(sizes);
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (values[i] < bound) return sizes[i];
  return std::nullopt;
}

/// The first size of the grid whose nucleus agrees with P's.
/// Shape:    sizes, measured: (sizes).
/// Throws:   option_error if the percent is not one of nucleus_percents, or for sizes as above.
[[nodiscard]] inline std::optional<double> smallest_size_recovering(std::span<const double> sizes,
                                                                    std::span<const faithfulness> measured,
                                                                    int percent) {
  STRATA_ASSERT(sizes.size() == measured.size(), "a curve needs one value a size");
  check_sizes(sizes);
  std::size_t k = 0;
  while (k < nucleus_percents.size() && nucleus_percents[k] != percent) ++k;
  if (k == nucleus_percents.size())
    raise<option_error>("nucleus ", percent, " %, expected 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90 or 99");
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (measured[i].nucleus_agrees[k]) return sizes[i];
  return std::nullopt;
}

}  // namespace strata
