/// A dense matrix that owns its values, row by row.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/matrix_view.hpp"
#include "strata/core/uninitialised_allocator.hpp"

namespace strata {

template <class T>
class matrix {
 public:
  matrix() = default;
  matrix(std::size_t rows, std::size_t cols) : values_(rows * cols, T{}), rows_(rows), cols_(cols) {}

  explicit matrix(matrix_view<const T> source) {
    resize_uninitialised(source.rows, source.cols);
    for (std::size_t i = 0; i < rows_; ++i) {
      T* const to = values_.data() + i * cols_;
      const T* const from = source.data + i * source.row_stride;
      if (source.col_stride == 1) {
        std::copy_n(from, cols_, to);
      } else {
        for (std::size_t j = 0; j < cols_; ++j) to[j] = from[j * source.col_stride];
      }
    }
  }

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t cols() const { return cols_; }
  /// Values that the memory it has would hold.
  [[nodiscard]] std::size_t capacity() const { return values_.capacity(); }
  [[nodiscard]] T* data() { return values_.data(); }
  [[nodiscard]] const T* data() const { return values_.data(); }
  [[nodiscard]] std::span<T> values() { return values_; }
  [[nodiscard]] std::span<const T> values() const { return values_; }

  T& operator()(std::size_t i, std::size_t j) { return view()(i, j); }
  const T& operator()(std::size_t i, std::size_t j) const { return view()(i, j); }
  [[nodiscard]] std::span<T> row(std::size_t i) { return view().row(i); }
  [[nodiscard]] std::span<const T> row(std::size_t i) const { return view().row(i); }

  [[nodiscard]] matrix_view<T> view() { return {values_.data(), rows_, cols_}; }
  [[nodiscard]] matrix_view<const T> view() const { return {values_.data(), rows_, cols_}; }
  operator matrix_view<T>() { return view(); }
  operator matrix_view<const T>() const { return view(); }

  /// Other dimensions; the values are whatever the memory holds, to be written before they are read. Keeps the memory
  /// that it has where that is enough.
  void resize_uninitialised(std::size_t rows, std::size_t cols) {
    if (values_.capacity() < rows * cols) values_ = {};  // nothing to move
    values_.resize(rows * cols);
    rows_ = rows;
    cols_ = cols;
  }

  /// Other dimensions; the values are zero afterwards. Keeps the memory that it has.
  void reset(std::size_t rows, std::size_t cols) {
    values_.assign(rows * cols, T{});
    rows_ = rows;
    cols_ = cols;
  }

  void fill(T value) { std::fill(values_.begin(), values_.end(), value); }

 private:
  std::vector<T, detail::uninitialised_allocator<T>> values_;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
};

}  // namespace strata
