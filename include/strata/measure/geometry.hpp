/// Distances of vectors, and the path that a vector takes from size to size: the last token's final state, for
/// instance, which starts near what the model knows without the prompt and ends at the plain run's.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix_view.hpp"

namespace strata {

namespace detail {

/// x / ‖x‖; the zero vector stays what it is.
[[nodiscard]] inline std::vector<double> unit(std::vector<double> x) {
  double square = 0;
  for (const double v : x) square += v * v;
  const double length = std::sqrt(square);
  if (length != 0)
    for (double& v : x) v /= length;
  return x;
}

/// ‖x + factor·y‖.
template <class X, class Y>
[[nodiscard]] double length_of_sum(const X& x, double factor, const Y& y) {
  double square = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = static_cast<double>(x[i]) + factor * static_cast<double>(y[i]);
    square += v * v;
  }
  return std::sqrt(square);
}

/// A value for each two rows that follow each other.
template <class T, class Distance>
[[nodiscard]] std::vector<double> steps(matrix_view<const T> path, Distance distance) {
  std::vector<double> out;
  for (std::size_t i = 1; i < path.rows; ++i) out.push_back(distance(path.row(i - 1), path.row(i)));
  return out;
}

template <class T, class Distance>
[[nodiscard]] std::vector<double> to_last(matrix_view<const T> path, Distance distance) {
  std::vector<double> out;
  for (std::size_t i = 0; i < path.rows; ++i) out.push_back(distance(path.row(i), path.row(path.rows - 1)));
  return out;
}

}  // namespace detail

/// Euclidean distance ‖x − y‖.
/// Shape:    x, y: (width).
/// Requires: values whose squares are in double's range, as those of all floats are.
/// Accuracy: in double; relative error ≤ width·1e-16.
template <class T>
[[nodiscard]] double l2_distance(std::span<const T> x, std::span<const T> y) {
  STRATA_ASSERT(x.size() == y.size(), "l2_distance: different lengths");
  return detail::length_of_sum(x, -1.0, y);
}

/// Cosine distance 1 − x·y / (‖x‖·‖y‖), as ½‖x/‖x‖ − y/‖y‖‖², which does not cancel where the directions are close.
/// Shape:    x, y: (width).
/// Requires: as l2_distance.
/// Returns:  0 … 2; exactly 0 for identical vectors; 1 from a zero vector to any other, whose cosine counts as 0, and 0
///           between two zero vectors, which are identical.
/// Cost:     allocates both in double.
template <class T>
[[nodiscard]] double cosine_distance(std::span<const T> x, std::span<const T> y) {
  STRATA_ASSERT(x.size() == y.size(), "cosine_distance: different lengths");
  const std::vector<double> u = detail::unit({x.begin(), x.end()}), v = detail::unit({y.begin(), y.end()});
  const auto zero = [](const std::vector<double>& of) {
    return std::all_of(of.begin(), of.end(), [](double value) { return value == 0; });
  };
  if (zero(u) != zero(v)) return 1.0;
  const double apart = detail::length_of_sum(u, -1.0, v);
  return std::min(0.5 * apart * apart, 2.0);
}

/// Lengths ‖x_(i+1) − x_i‖ of a path's steps.
/// Shape:    path: (sizes, width), each row side by side. Returned: (sizes − 1), none for fewer than two sizes.
template <class T>
[[nodiscard]] std::vector<double> step_lengths(matrix_view<const T> path) {
  return detail::steps(path, l2_distance<T>);
}

/// Cosine distances of a path's steps. Shape: as step_lengths.
template <class T>
[[nodiscard]] std::vector<double> step_cosine_distances(matrix_view<const T> path) {
  return detail::steps(path, cosine_distance<T>);
}

/// Distances ‖x_i − x_last‖. Shape: path: (sizes, width). Returned: (sizes).
template <class T>
[[nodiscard]] std::vector<double> distances_to_last(matrix_view<const T> path) {
  return detail::to_last(path, l2_distance<T>);
}

/// Cosine distances to the last point. Shape: as distances_to_last.
template <class T>
[[nodiscard]] std::vector<double> cosine_distances_to_last(matrix_view<const T> path) {
  return detail::to_last(path, cosine_distance<T>);
}

/// Menger curvature at every inner point of a path: 4·area / (‖y−x‖·‖z−y‖·‖z−x‖) of three successive points x, y, z,
/// one over the radius of the circle through them.
/// Shape:    path: (sizes, width), each row side by side. Returned: (sizes − 2), none for fewer than three sizes.
/// Returns:  ≥ 0, in one over the unit of the values; 0 where two of the three coincide, and, up to rounding, where they
///           are collinear.
/// Accuracy: with the unit vectors u, v of the two steps it is ‖u−v‖·‖u+v‖ / ‖z−x‖, which does not cancel where the
///           path is nearly straight.
/// Source:   Menger, Untersuchungen über allgemeine Metrik (1930).
template <class T>
[[nodiscard]] std::vector<double> menger_curvature(matrix_view<const T> path) {
  const auto step = [&](std::size_t i) {
    std::vector<double> to(path.row(i + 1).begin(), path.row(i + 1).end());
    for (std::size_t j = 0; j < path.cols; ++j) to[j] -= static_cast<double>(path.row(i)[j]);
    return detail::unit(std::move(to));
  };
  std::vector<double> out;
  for (std::size_t i = 0; i + 2 < path.rows; ++i) {
    const std::span<const T> x = path.row(i), y = path.row(i + 1), z = path.row(i + 2);
    const double straight = l2_distance(x, z);
    if (straight == 0 || l2_distance(x, y) == 0 || l2_distance(y, z) == 0) {
      out.push_back(0);
      continue;
    }
    const std::vector<double> u = step(i), v = step(i + 1);
    out.push_back(detail::length_of_sum(u, -1.0, v) * detail::length_of_sum(u, 1.0, v) / straight);
  }
  return out;
}

}  // namespace strata
