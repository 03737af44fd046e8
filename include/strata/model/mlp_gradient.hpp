/// The MLP of a decoder forward and back.
///
///   out = post_norm(down(f(gate) ∘ up)), gate and up of norm(x):   gy = gout·down, g_gate = gy ∘ up ∘ f′(gate), g_up = gy ∘ f(gate)
///
/// Each product with a weight matrix has one reverse product of the same size, with the matrix as it is stored.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/detail/product.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_parts.hpp"
#include "strata/model/layer_weights.hpp"

namespace strata::detail {

/// The reverse of linear(): g · weights.
/// Shape: g: (rows, out); weights: (out, in); returns (rows, in).
template <class T>
[[nodiscard]] matrix<T> linear_back(const matrix<T>& g, const matrix<T>& weights, std::size_t threads) {
  matrix<T> y;
  y.resize_uninitialised(g.rows(), weights.cols());
  product<T>(g, weights, y, threads);
  return y;
}

/// The reverse of normed(): g, at the norm's output, becomes the gradient at x; as it is where there is no norm.
template <class T>
void norm_back(const norm_weights<T>& weights, const decoder_config& config, const matrix<T>& x, matrix<T>& g,
               std::size_t threads) {
  if (weights.gain.empty()) return;
  const norm<T> n = norm_of(weights, config);
  parallel_rows(threads, g.rows(), [&](std::size_t r) { n.back(x.row(r), g.row(r)); });
}

/// What the reverse of an MLP needs of its forward pass.
template <class T>
struct mlp_tape {
  matrix<T> in;         // (rows, width), before the norm
  matrix<T> inner;      // (rows, 2 · mlp_width), or (rows, mlp_width) without a gate: before the activation
  matrix<T> activated;  // (rows, mlp_width): f(gate)
  matrix<T> out;        // (rows, width), before the post-norm; empty without one
};

/// The MLP of rows of the residual stream: its norm and its post-norm included.
template <class T>
[[nodiscard]] matrix<T> mlp_forward(const layer_weights<T>& w, const decoder_config& config, matrix<T> x,
                                    mlp_tape<T>& tape, std::size_t threads) {
  tape.in = std::move(x);
  const std::size_t width = config.mlp_width, rows = tape.in.rows();
  tape.inner = linear<T>(normed<T>(w.mlp_norm, config, tape.in, threads), w.gate_up, w.gate_up_bias, threads);
  tape.activated = matrix<T>(std::as_const(tape.inner).view().col_range(0, width));
  matrix<T> hidden;
  hidden.resize_uninitialised(rows, width);
  parallel_rows(threads, rows, [&](std::size_t r) {
    const std::span<T> activated = tape.activated.row(r);
    const std::span<const T> inner = std::as_const(tape.inner).row(r);
    activate<T>(config.activates, activated);
    const std::span<T> to = hidden.row(r);
    for (std::size_t j = 0; j < width; ++j) to[j] = config.gated ? activated[j] * inner[width + j] : activated[j];
  });
  matrix<T> out = linear<T>(hidden, w.down, w.down_bias, threads);
  if (w.mlp_post_norm.gain.empty()) return out;
  tape.out = out;
  const norm<T> n = norm_of(w.mlp_post_norm, config);
  parallel_rows(threads, rows, [&](std::size_t r) { n.apply(out.row(r)); });
  return out;
}

/// Gradient at the MLP's output → at its input. Uses the tape up.
/// Shape:    g: (rows, width).
template <class T>
[[nodiscard]] matrix<T> mlp_back(const layer_weights<T>& w, const decoder_config& config, matrix<T> g,
                                 mlp_tape<T>& tape, std::size_t threads) {
  norm_back(w.mlp_post_norm, config, tape.out, g, threads);
  const matrix<T> gy = linear_back(g, w.down, threads);
  const std::size_t width = config.mlp_width;
  parallel_rows(threads, gy.rows(), [&](std::size_t r) {
    const std::span<T> inner = tape.inner.row(r);
    const std::span<const T> of_y = gy.row(r), activated = std::as_const(tape.activated).row(r);
    std::vector<T> slope(inner.begin(), inner.begin() + static_cast<std::ptrdiff_t>(width));
    slopes<T>(config.activates, slope);
    for (std::size_t j = 0; j < width; ++j) {
      inner[j] = of_y[j] * slope[j] * (config.gated ? inner[width + j] : T{1});
      if (config.gated) inner[width + j] = of_y[j] * activated[j];
    }
  });
  matrix<T> gx = linear_back(tape.inner, w.gate_up, threads);
  norm_back(w.mlp_norm, config, tape.in, gx, threads);
  return gx;
}

}  // namespace strata::detail
