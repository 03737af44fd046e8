/// A view of a matrix in somebody else's memory. Strided, so that a weight stored as (out, in) and one stored as (in,
/// out) both fit: the one is the transposed view of the other.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

#include "strata/core/contract.hpp"

namespace strata {

template <class T>
struct matrix_view {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t row_stride = 0;  // in elements
  std::size_t col_stride = 1;

  constexpr matrix_view() = default;

  /// Dense, row by row.
  constexpr matrix_view(T* values, std::size_t row_count, std::size_t col_count)
      : matrix_view(values, row_count, col_count, col_count) {}

  constexpr matrix_view(T* values, std::size_t row_count, std::size_t col_count, std::size_t step_of_row,
                        std::size_t step_of_col = 1)
      : data(values), rows(row_count), cols(col_count), row_stride(step_of_row), col_stride(step_of_col) {}

  /// matrix_view<T> converts to matrix_view<const T>.
  constexpr operator matrix_view<const T>() const requires(!std::is_const_v<T>) {
    return {data, rows, cols, row_stride, col_stride};
  }

  constexpr T& operator()(std::size_t i, std::size_t j) const {
    STRATA_ASSERT(i < rows && j < cols, "matrix_view: index out of range");
    return data[i * row_stride + j * col_stride];
  }

  [[nodiscard]] constexpr std::span<T> row(std::size_t i) const {
    STRATA_ASSERT(i < rows && col_stride == 1,
                  "matrix_view::row: no such row, or its elements do not lie side by side");
    return {data + i * row_stride, cols};
  }

  [[nodiscard]] constexpr matrix_view transposed() const { return {data, cols, rows, col_stride, row_stride}; }

  [[nodiscard]] constexpr matrix_view row_range(std::size_t first, std::size_t count) const {
    STRATA_ASSERT(first + count <= rows, "matrix_view::row_range: beyond the last row");
    return {data + first * row_stride, count, cols, row_stride, col_stride};
  }

  [[nodiscard]] constexpr matrix_view col_range(std::size_t first, std::size_t count) const {
    STRATA_ASSERT(first + count <= cols, "matrix_view::col_range: beyond the last column");
    return {data + first * col_stride, rows, count, row_stride, col_stride};
  }
};

}  // namespace strata
