/// The mean of many prompts' curves, which may have different sizes, on one grid.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/measure/curve.hpp"

namespace strata {

/// `count` sizes from `first` to 1 with equal steps of the logarithm. By default the published grid of averages.
/// Requires: count ≥ 2, 0 < first < 1.
[[nodiscard]] inline std::vector<double> log_spaced_sizes(std::size_t count = 150, double first = 1e-5) {
  STRATA_ASSERT(count >= 2 && first > 0 && first < 1, "log_spaced_sizes: no such grid");
  std::vector<double> sizes(count, 1.0);
  sizes[0] = first;
  for (std::size_t i = 1; i + 1 < count; ++i)
    sizes[i] = std::pow(first, static_cast<double>(count - 1 - i) / static_cast<double>(count - 1));
  return sizes;
}

/// A curve's value at any size: between two sizes straight over the axis, outside that of the nearest size.
/// axis:     published: linear.
/// Shape:    sizes, values: (sizes).
/// Requires: sizes ascending in (0, 1], size > 0, finite values.
[[nodiscard]] inline double value_at(std::span<const double> sizes, std::span<const double> values, double size,
                                     size_axis axis = size_axis::logarithmic) {
  STRATA_ASSERT(sizes.size() == values.size() && !sizes.empty(), "a curve needs one value a size, and a size");
  const auto above = static_cast<std::size_t>(std::upper_bound(sizes.begin(), sizes.end(), size) - sizes.begin());
  if (above == 0) return values.front();
  if (above >= values.size()) return values.back();
  const double low = sizes[above - 1], high = sizes[above];
  const double share =
      axis == size_axis::linear ? (size - low) / (high - low) : std::log(size / low) / std::log(high / low);
  const double before = values[above - 1];  // g++ 12 warns of values[above] where it sees that there is one value
  return before + share * (values[std::min(above, values.size() - 1)] - before);
}

/// Adds up curves on a grid. The sum depends on the order of the curves only by rounding.
class average_curve {
 public:
  /// Throws: option_error for sizes that are not ascending in (0, 1].
  explicit average_curve(std::vector<double> sizes = log_spaced_sizes(), size_axis axis = size_axis::logarithmic)
      : sizes_(std::move(sizes)), sums_(sizes_.size()), axis_(axis) {
    check_sizes(sizes_);
  }

  /// Shape:  sizes, values: (sizes of this curve).
  /// Throws: option_error for sizes that are not ascending in (0, 1]; numeric_error at the first value that is NaN or
  ///         infinite. The average is then what it was.
  void add(std::span<const double> sizes, std::span<const double> values) {
    check_sizes(sizes);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!std::isfinite(values[i]))
        raise<numeric_error>("value ", i, " of a curve is ", values[i], ", expected a finite number");
    for (std::size_t i = 0; i < sizes_.size(); ++i) sums_[i] += value_at(sizes, values, sizes_[i], axis_);
    ++count_;
  }

  [[nodiscard]] const std::vector<double>& sizes() const { return sizes_; }
  [[nodiscard]] std::size_t count() const { return count_; }

  /// Requires: at least one curve.
  [[nodiscard]] std::vector<double> mean() const {
    STRATA_ASSERT(count_ > 0, "average_curve::mean: no curve was added");
    std::vector<double> out = sums_;
    for (double& value : out) value /= static_cast<double>(count_);
    return out;
  }

 private:
  std::vector<double> sizes_, sums_;
  size_axis axis_;
  std::size_t count_ = 0;
};

}  // namespace strata
