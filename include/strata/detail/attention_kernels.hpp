/// The two products of attention, q · Kᵀ and weights · V, row by row: what a row gives does not depend on which rows are
/// computed beside it, nor on how many sources follow. So a row that is computed again, alone or for another mask, has
/// the same bits, and rows that keep few weights cost little.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "strata/core/contract.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/simd.hpp"

namespace strata::detail {

/// The keys of one head, component by component.
template <class T>
class transposed_keys {
 public:
  /// key_of(s): the key of source s < sources, (head_width).
  template <class KeyOf>
  void fill(std::size_t head_width, std::size_t sources, KeyOf key_of) {
    // Not a power of two apart, or all components of a token would share a few lines of the cache.
    const std::size_t stride = (sources + block - 1) / block * block + block;
    values_.resize_uninitialised(head_width, stride);
    sources_ = sources;
    const T* keys[block];
    for (std::size_t first = 0; first < sources; first += block) {
      const std::size_t count = std::min(block, sources - first);
      for (std::size_t i = 0; i < count; ++i) keys[i] = key_of(first + i);
      for (std::size_t j = 0; j < head_width; ++j) {
        T* const to = values_.data() + j * stride + first;
        for (std::size_t i = 0; i < count; ++i) to[i] = keys[i][j];
        std::fill(to + count, to + block, T{0});
      }
    }
  }

  [[nodiscard]] std::size_t sources() const { return sources_; }
  [[nodiscard]] std::size_t head_width() const { return values_.rows(); }
  [[nodiscard]] const T* component(std::size_t j) const { return values_.data() + j * values_.cols(); }

 private:
  static constexpr std::size_t block = 16;
  matrix<T> values_;  // (head_width, sources and a few more)
  std::size_t sources_ = 0;
};

/// Scores of Rows queries with sources first … first + count − 1, count ≤ Registers · lanes: one sum a score, in the
/// order of the components.
template <std::size_t Rows, std::size_t Registers, class T, class Arch>
void scores_of_block(matrix_view<const T> queries, const transposed_keys<T>& keys, std::size_t first, std::size_t count,
                     matrix_view<T> out) {
  using vector = lanes<T, Arch>;
  vector sums[Rows][Registers];
  for (auto& row : sums)
    for (vector& sum : row) sum = vector(T{0});
  for (std::size_t j = 0; j < queries.cols; ++j) {
    const T* const at = keys.component(j) + first;
    vector key[Registers];
    for (std::size_t c = 0; c < Registers; ++c) key[c] = load<T, Arch>(at + c * vector::size);
    for (std::size_t r = 0; r < Rows; ++r) {
      const vector q(queries.data[r * queries.row_stride + j]);
      for (std::size_t c = 0; c < Registers; ++c) sums[r][c] = fma(q, key[c], sums[r][c]);
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    T* const to = out.data + r * out.row_stride + first;
    if (count == Registers * vector::size) {
      for (std::size_t c = 0; c < Registers; ++c) sums[r][c].store_unaligned(to + c * vector::size);
    } else {
      T values[Registers * vector::size];
      for (std::size_t c = 0; c < Registers; ++c) sums[r][c].store_unaligned(values + c * vector::size);
      std::copy_n(values, count, to);
    }
  }
}

/// out(i, s) = queries(i) · keys(s).
/// Shape:    queries: (rows, head_width), components side by side; out: (rows, sources), sources ≤ keys.sources().
template <class T, class Arch = default_arch>
void attention_scores(matrix_view<const T> queries, const transposed_keys<T>& keys, matrix_view<T> out) {
  STRATA_ASSERT(queries.cols == keys.head_width() && queries.rows == out.rows && out.cols <= keys.sources() &&
                    queries.col_stride == 1 && out.col_stride == 1,
                "attention_scores: shapes do not match");
  constexpr std::size_t step = lanes<T, Arch>::size;
  static_assert(step <= 16, "the keys' padding is 16");
  constexpr std::size_t registers = 2;
  const auto columns = [&](matrix_view<const T> q, matrix_view<T> to, auto rows) {
    std::size_t first = 0;
    for (; first + registers * step <= to.cols; first += registers * step)
      scores_of_block<rows(), registers, T, Arch>(q, keys, first, registers * step, to);
    for (; first < to.cols; first += step)
      scores_of_block<rows(), 1, T, Arch>(q, keys, first, std::min(step, to.cols - first), to);
  };
  std::size_t i = 0;
  for (; i + 4 <= out.rows; i += 4)
    columns(queries.row_range(i, 4), out.row_range(i, 4), std::integral_constant<std::size_t, 4>{});
  for (; i < out.rows; ++i)
    columns(queries.row_range(i, 1), out.row_range(i, 1), std::integral_constant<std::size_t, 1>{});
}

/// Σ_s weights(r, s) · values(s), of `count` ≤ Registers · lanes components from `first` on, over the sources that `each`
/// names to its argument in rising order.
template <std::size_t Rows, std::size_t Registers, class T, class Arch, class Each>
void weighted_sum_of_block(matrix_view<const T> weights, matrix_view<const T> values, std::size_t first,
                           std::size_t count, Each each, matrix_view<T> out) {
  using vector = lanes<T, Arch>;
  vector sums[Rows][Registers];
  for (auto& row : sums)
    for (vector& sum : row) sum = vector(T{0});
  T part[Registers * vector::size] = {};
  each([&](std::size_t s) {
    const T* at = values.data + s * values.row_stride + first;
    if (count < Registers * vector::size) {
      std::copy_n(at, count, part);
      at = part;
    }
    vector value[Registers];
    for (std::size_t c = 0; c < Registers; ++c) value[c] = load<T, Arch>(at + c * vector::size);
    for (std::size_t r = 0; r < Rows; ++r) {
      const vector weight(weights.data[r * weights.row_stride + s]);
      for (std::size_t c = 0; c < Registers; ++c) sums[r][c] = fma(weight, value[c], sums[r][c]);
    }
  });
  for (std::size_t r = 0; r < Rows; ++r) {
    T* const to = out.data + r * out.row_stride + first;
    if (count == Registers * vector::size) {
      for (std::size_t c = 0; c < Registers; ++c) sums[r][c].store_unaligned(to + c * vector::size);
    } else {
      for (std::size_t c = 0; c < Registers; ++c) sums[r][c].store_unaligned(part + c * vector::size);
      std::copy_n(part, count, to);
    }
  }
}

/// All components, in the widest blocks that fit.
template <std::size_t Rows, class T, class Arch, class Each>
void weighted_sum_of_rows(matrix_view<const T> weights, matrix_view<const T> values, Each each, matrix_view<T> out) {
  constexpr std::size_t step = lanes<T, Arch>::size;
  std::size_t j = 0;
  for (; j + 2 * step <= out.cols; j += 2 * step)
    weighted_sum_of_block<Rows, 2, T, Arch>(weights, values, j, 2 * step, each, out);
  for (; j < out.cols; j += step)
    weighted_sum_of_block<Rows, 1, T, Arch>(weights, values, j, std::min(step, out.cols - j), each, out);
}

/// out(i) = Σ_s weights(i, s) · values(s).
/// Shape:    weights: (rows, sources); values: (sources, head_width); out: (rows, head_width); components side by side.
template <class T, class Arch = default_arch>
void weighted_sums(matrix_view<const T> weights, matrix_view<const T> values, matrix_view<T> out) {
  STRATA_ASSERT(weights.rows == out.rows && weights.cols == values.rows && values.cols == out.cols &&
                    weights.col_stride == 1 && values.col_stride == 1 && out.col_stride == 1,
                "weighted_sums: shapes do not match");
  const auto all = [&](auto add) {
    for (std::size_t s = 0; s < weights.cols; ++s) add(s);
  };
  std::size_t i = 0;
  for (; i + 4 <= out.rows; i += 4)
    weighted_sum_of_rows<4, T, Arch>(weights.row_range(i, 4), values, all, out.row_range(i, 4));
  for (; i < out.rows; ++i) weighted_sum_of_rows<1, T, Arch>(weights.row_range(i, 1), values, all, out.row_range(i, 1));
}

/// The same of one row whose weights are 0 but for the sources in `kept`, which rise.
/// Shape:    weights: (sources); out: (head_width).
template <class T, class Arch = default_arch>
void weighted_sum_of_kept(std::span<const T> weights, std::span<const std::uint32_t> kept, matrix_view<const T> values,
                          std::span<T> out) {
  weighted_sum_of_rows<1, T, Arch>(
      matrix_view<const T>(weights.data(), 1, weights.size()), values,
      [&](auto add) {
        for (const std::uint32_t s : kept) add(s);
      },
      matrix_view<T>(out.data(), 1, out.size()));
}

}  // namespace strata::detail
