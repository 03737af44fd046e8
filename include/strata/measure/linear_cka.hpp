/// How much two representations of the same samples are alike, whatever their widths.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/reduce.hpp"
#include "strata/detail/simd.hpp"

namespace strata {

namespace detail {

/// x without the mean of its columns, (cols, rows): a column's values side by side. Equal rows give exact zeros, since
/// the first row is taken off before the mean.
template <class T>
[[nodiscard]] matrix<double> centred_columns(matrix_view<const T> x) {
  matrix<double> out(x.cols, x.rows);
  for (std::size_t j = 0; j < x.cols; ++j) {
    const std::span<double> column = out.row(j);
    double sum = 0;
    for (std::size_t i = 0; i < x.rows; ++i)
      sum += column[i] = static_cast<double>(x(i, j)) - static_cast<double>(x(0, j));
    for (double& value : column) value -= sum / static_cast<double>(x.rows);
  }
  return out;
}

/// ‖A·Bᵀ‖² = Σ (a_i·b_j)², the rows of A and B being as long as each other.
template <class Arch>
[[nodiscard]] double square_of_product(const matrix<double>& a, const matrix<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.rows(); ++i)
    for (std::size_t j = 0; j < b.rows(); ++j) {
      const double product = dot_in_double<double, Arch>(a.row(i), b.row(j));
      sum += product * product;
    }
  return sum;
}

struct alignment_sums {
  double xx = 0, xy = 0, yy = 0;  // ‖XᵀX‖², ‖XᵀY‖², ‖YᵀY‖²
};

/// The same three from the products of samples: ‖XᵀY‖² = Σ (x_i·x_j)(y_i·y_j).
template <class Arch>
[[nodiscard]] alignment_sums products_of_samples(const matrix<double>& x, const matrix<double>& y) {
  alignment_sums sums;
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      const double a = dot_in_double<double, Arch>(x.row(i), x.row(j)),
                   b = dot_in_double<double, Arch>(y.row(i), y.row(j)), times = i == j ? 1.0 : 2.0;
      sums.xx += times * a * a;
      sums.xy += times * a * b;
      sums.yy += times * b * b;
    }
  return sums;
}

}  // namespace detail

/// Linear centred kernel alignment ‖XᵀY‖² / (‖XᵀX‖·‖YᵀY‖), Frobenius norms, of X and Y without the means of their
/// columns. It does not change when X or Y is rotated, mirrored, shifted or scaled.
/// Shape:    x: (samples, width), y: (samples, another width), a row a sample.
/// Returns:  0 … 1; empty where all samples of x, or all of y, are the same: then nothing varies that could be alike.
/// Requires: values whose fourth powers are in double's range, as those of all floats are.
/// Cost:     samples²·(widths) products of samples or, where that is less, samples·widths² products of columns;
///           copies of both in double.
/// Accuracy: in double.
/// Source:   Kornblith et al., Similarity of Neural Network Representations Revisited (2019).
template <class T, class Arch = detail::default_arch>
[[nodiscard]] std::optional<double> linear_cka(matrix_view<const T> x, matrix_view<const T> y) {
  STRATA_ASSERT(x.rows == y.rows, "linear_cka: different numbers of samples");
  if (x.rows == 0) return std::nullopt;
  const matrix<double> a = detail::centred_columns(x), b = detail::centred_columns(y);
  const double n = static_cast<double>(x.rows), p = static_cast<double>(x.cols), q = static_cast<double>(y.cols);
  detail::alignment_sums sums;
  if (0.5 * n * (p + q) <= p * p + p * q + q * q)
    sums =
        detail::products_of_samples<Arch>(matrix<double>(a.view().transposed()), matrix<double>(b.view().transposed()));
  else
    sums = {detail::square_of_product<Arch>(a, a), detail::square_of_product<Arch>(a, b),
            detail::square_of_product<Arch>(b, b)};
  if (sums.xx == 0 || sums.yy == 0) return std::nullopt;
  return std::min(std::max(sums.xy, 0.0) / (std::sqrt(sums.xx) * std::sqrt(sums.yy)), 1.0);
}

}  // namespace strata
