/// Curves over the size of the trace, and the numbers that are read off them.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"

namespace strata {

/// The published grid of sizes: shares of all edges.
inline constexpr std::array<double, 27> published_sizes = {1e-5,   2e-5,   4e-5, 8e-5, 1e-4, 2e-4, 4e-4, 8e-4, 1e-3,
                                                           1.2e-3, 1.4e-3, 2e-3, 3e-3, 4e-3, 6e-3, 8e-3, 1e-2, 2e-2,
                                                           4e-2,   6e-2,   8e-2, 1e-1, 2e-1, 4e-1, 6e-1, 8e-1, 1.0};

/// Over what a curve is drawn: what it is straight over between two sizes, and what its area is taken over.
enum class size_axis { logarithmic, linear };

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

/// ∫ y dx by trapezoids.
/// Shape:    x, y: (points).
[[nodiscard]] inline double trapezoids(std::span<const double> x, std::span<const double> y) {
  STRATA_ASSERT(x.size() == y.size(), "a curve needs one value a point");
  double area = 0;
  for (std::size_t i = 1; i < x.size(); ++i) area += 0.5 * (y[i - 1] + y[i]) * (x[i] - x[i - 1]);
  return area;
}

/// Area under a curve over the size, by trapezoids, from the first size to the last; not divided by the width.
/// Shape:    sizes, values: (sizes).
/// Throws:   option_error for sizes that are not ascending in (0, 1].
[[nodiscard]] inline double area_over_size(std::span<const double> sizes, std::span<const double> values) {
  check_sizes(sizes);
  return trapezoids(sizes, values);
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

/// The first size of the grid of which holds(index) is true.
/// Throws:   option_error for sizes that are not ascending in (0, 1].
template <class Holds>
[[nodiscard]] std::optional<double> smallest_size_where(std::span<const double> sizes, Holds holds) {
  check_sizes(sizes);
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (holds(i)) return sizes[i];
  return std::nullopt;
}

/// The first size of the grid whose value is below the bound; later values may be above it again.
/// Shape:    sizes, values: (sizes).
/// Throws:   option_error for sizes that are not ascending in (0, 1].
[[nodiscard]] inline std::optional<double> smallest_size_below(std::span<const double> sizes,
                                                               std::span<const double> values, double bound) {
  STRATA_ASSERT(sizes.size() == values.size(), "a curve needs one value a size");
  return smallest_size_where(sizes, [&](std::size_t i) { return values[i] < bound; });
}

}  // namespace strata
