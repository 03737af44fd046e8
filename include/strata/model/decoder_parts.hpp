/// The parts of a decoder's forward pass, each for any set of rows: norm, projection, attention pattern, MLP.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/activation.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/norm.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/layer_weights.hpp"

namespace strata::detail {

template <class T>
[[nodiscard]] norm<T> norm_of(const norm_weights<T>& weights, const decoder_config& config) {
  return {config.norm, weights.gain, weights.bias, config.norm_eps};
}

/// norm(x), or x where there is no norm.
template <class T>
[[nodiscard]] matrix<T> normed(const norm_weights<T>& weights, const decoder_config& config, matrix_view<const T> x,
                               std::size_t threads = 1) {
  matrix<T> y(x);
  if (weights.gain.empty()) return y;
  const norm<T> n = norm_of(weights, config);
  parallel_rows(threads, y.rows(), [&](std::size_t r) { n.apply(y.row(r)); });
  return y;
}

/// y ← x · weightsᵀ + bias.
/// Shape: x: (rows, in); weights: (out, in); bias: (out), or empty; y: any, it gets (rows, out).
template <class T>
void linear_into(matrix<T>& y, matrix_view<const T> x, matrix_view<const T> weights, std::span<const T> bias,
                 std::size_t threads) {
  y.resize_uninitialised(x.rows, weights.rows);
  product<T>(x, weights.transposed(), y, threads);
  for (std::size_t r = 0; r < y.rows() && !bias.empty(); ++r) {
    const std::span<T> row = y.row(r);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] += bias[j];
  }
}
template <class T>
[[nodiscard]] matrix<T> linear(matrix_view<const T> x, matrix_view<const T> weights, std::span<const T> bias,
                               std::size_t threads = 1) {
  matrix<T> y;
  linear_into<T>(y, x, weights, bias, threads);
  return y;
}

/// Some of the rows that linear() gives.
template <class T>
[[nodiscard]] matrix<T> linear(matrix_view<const T> x, const matrix<T>& weights, const std::vector<T>& bias,
                               std::size_t first, std::size_t count, std::size_t threads = 1) {
  const std::span<const T> all(bias);
  return linear<T>(x, weights.view().row_range(first, count), all.empty() ? all : all.subspan(first, count), threads);
}

/// y: any, it gets the rows.
template <class T, class Index>
void copy_rows(matrix<T>& y, const matrix<T>& x, std::span<const Index> rows) {
  y.resize_uninitialised(rows.size(), x.cols());
  for (std::size_t r = 0; r < rows.size(); ++r) std::copy_n(x.row(rows[r]).begin(), x.cols(), y.row(r).begin());
}
template <class T, class Index>
[[nodiscard]] matrix<T> rows_of(const matrix<T>& x, std::span<const Index> rows) {
  matrix<T> y;
  copy_rows(y, x, rows);
  return y;
}

/// Attention weights from scores: of the sources that token `token` sees, exactly 0 for later ones and outside the
/// window.
/// Shape:    row: (sources), at least token + 1. window: 0: all tokens before it.
template <class T>
void weights_from_scores(std::span<T> row, std::size_t token, std::size_t window) {
  const std::size_t end = token + 1;
  const std::size_t begin = window == 0 || window >= end ? 0 : end - window;
  std::fill(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(begin), T{0});
  softmax_in_place<T>(row.subspan(begin, end - begin));
  std::fill(row.begin() + static_cast<std::ptrdiff_t>(end), row.end(), T{0});
}

template <class T>
void activate(activation f, std::span<T> x) {
  switch (f) {
    case activation::silu:
      return silu_in_place<T>(x);
    case activation::gelu:
      return gelu_in_place<T>(x);
    case activation::gelu_tanh:
      return gelu_tanh_in_place<T>(x);
  }
}

/// x ← f′(x).
template <class T>
void slopes(activation f, std::span<T> x) {
  switch (f) {
    case activation::silu:
      return silu_slope_in_place<T>(x);
    case activation::gelu:
      return gelu_slope_in_place<T>(x);
    case activation::gelu_tanh:
      return gelu_tanh_slope_in_place<T>(x);
  }
}

/// The MLP of rows that are normed already; its post-norm included.
template <class T>
[[nodiscard]] matrix<T> mlp(const layer_weights<T>& w, const decoder_config& config, matrix_view<const T> h,
                            std::size_t threads = 1) {
  matrix<T> inner = linear<T>(h, w.gate_up, w.gate_up_bias, threads);
  matrix_view<const T> activated = inner.view();
  parallel_rows(threads, inner.rows(), [&](std::size_t r) {
    const std::span<T> row = inner.row(r);
    const std::span<T> gate = row.first(config.mlp_width);
    activate<T>(config.activates, gate);
    if (!config.gated) return;
    const std::span<const T> up = row.last(config.mlp_width);
    for (std::size_t j = 0; j < gate.size(); ++j) gate[j] *= up[j];
  });
  if (config.gated) activated = activated.col_range(0, config.mlp_width);
  matrix<T> out = linear<T>(activated, w.down, w.down_bias, threads);
  if (!w.mlp_post_norm.gain.empty()) {
    const norm<T> n = norm_of(w.mlp_post_norm, config);
    parallel_rows(threads, out.rows(), [&](std::size_t r) { n.apply(out.row(r)); });
  }
  return out;
}

}  // namespace strata::detail
