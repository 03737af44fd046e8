/// A decoder's run forward and back: the parts of its forward pass, layer by layer, and their reverse in reverse order.
///
///   attention   z = Σ_s ã·v:  gã = gz·vᵀ, gv = ãᵀ·gz; ã → a by the hooks; softmax: gs = a ∘ (ga − ⟨ga, a⟩); gq = gs·k, gk = gsᵀ·q
///   MLP         down(f(gate) ∘ up):  gy = gout·down, g_gate = gy ∘ up ∘ f′(gate), g_up = gy ∘ f(gate)
///
/// Each product with a weight matrix has one reverse product of the same size, with the matrix as it is stored.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/attention_kernels.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_ends.hpp"
#include "strata/model/decoder_parts.hpp"
#include "strata/model/decoder_weights.hpp"
#include "strata/model/layer_weights.hpp"
#include "strata/model/placed_attention.hpp"
#include "strata/model/token_positions.hpp"

namespace strata::detail {

/// What the reverse of a layer needs of its forward pass. rows: those that are joined: all, in the last layer the last.
template <class T>
struct layer_tape {
  matrix<T> x;                // (tokens, width), at entry
  matrix<T> mlp_in;           // (rows, width), before the MLP's norm
  matrix<T> q, k, v;          // (rows, heads · head_width), (tokens, kv_heads · head_width): placed
  matrix<T> raw_q, raw_k;     // before their norms; empty without such
  matrix<T> weights, masked;  // (heads · rows, tokens), before and after the hooks
  matrix<T> inner;            // (rows, 2 · mlp_width), or (rows, mlp_width) without a gate: before the activation
  matrix<T> activated;        // (rows, mlp_width): f(gate)
  matrix<T> mlp_out;          // (rows, width), before the MLP's post-norm; empty without one
};

template <class T>
class decoder_gradient {
 public:
  /// keep: what every layer computed is kept; otherwise only what enters it, and it is computed again on the way back.
  decoder_gradient(const decoder_config& config, const decoder_weights<T>& weights, std::size_t tokens,
                   std::size_t threads, bool keep)
      : config_(config),
        weights_(weights),
        tokens_(tokens),
        threads_(threads),
        keep_(keep),
        positions_(config, tokens),
        last_(1, tokens - 1),
        tapes_(config.layers) {}

  /// Bytes that the tapes of all layers take.
  [[nodiscard]] static double tape_bytes(const decoder_config& config, std::size_t tokens) {
    const double queries = static_cast<double>(config.heads * config.head_width);
    const double keys = static_cast<double>(config.kv_heads * config.head_width);
    const double row = 3 * static_cast<double>(config.width) + 2 * queries + 3 * keys +
                       3 * static_cast<double>(config.mlp_width) +
                       2 * static_cast<double>(config.heads) * static_cast<double>(tokens);
    return row * static_cast<double>(tokens) * static_cast<double>(config.layers) * sizeof(T);
  }

  template <class Hooks, class LogitGradient>
  [[nodiscard]] std::vector<T> run(matrix<T> x, Hooks& hooks, LogitGradient& logit_gradient) {
    layer_weights<T> scratch;
    for (std::size_t l = 0; l < config_.layers; ++l) {
      layer_tape<T>& tape = tapes_[l];
      forward(l, weights_.layer(l, scratch), x, tape, hooks);
      if (!keep_) {
        matrix<T> entered = std::move(tape.x);
        tape = {};
        tape.x = std::move(entered);
      }
    }
    hooks.finish(x.view(), norm_of(weights_.final_norm(), config_));
    const matrix<T> logits = unembedded(config_, weights_, x, threads_);
    matrix<T> glogits(1, config_.vocabulary);
    logit_gradient(std::as_const(logits).row(0), glogits.row(0));
    matrix<T> gx = unembedded_back(glogits);
    hooks.finish_back(gx.view());
    for (std::size_t l = config_.layers; l-- > 0;) {
      const layer_weights<T>& w = weights_.layer(l, scratch);
      layer_tape<T>& tape = tapes_[l];
      if (!keep_) {
        matrix<T> again = tape.x;
        forward(l, w, again, tape, hooks);
      }
      backward(l, w, gx, tape, hooks);
      tape = {};
    }
    hooks.embedding_back(gx.view());
    return {logits.values().begin(), logits.values().end()};
  }

 private:
  [[nodiscard]] row_list rows_of_layer(std::size_t l) const {
    return l + 1 == config_.layers ? row_list(last_) : row_list();
  }
  // The token of a layer's joined row.
  [[nodiscard]] std::size_t token_of(row_list rows, std::size_t r) const { return rows.empty() ? r : rows[r]; }

  template <class Hooks>
  void forward(std::size_t l, const layer_weights<T>& w, matrix<T>& x, layer_tape<T>& tape, Hooks& hooks) {
    const row_list rows = rows_of_layer(l);
    const std::size_t queries = config_.heads * config_.head_width;
    const std::size_t keys = config_.kv_heads * config_.head_width;
    tape.x = x;
    const matrix<T> h = normed<T>(w.attention_norm, config_, x, threads_);
    if (rows.empty()) {
      const matrix<T> qkv = linear<T>(h, w.qkv, w.qkv_bias, threads_);
      tape.q = matrix<T>(qkv.view().col_range(0, queries));
      tape.k = matrix<T>(qkv.view().col_range(queries, keys));
      tape.v = matrix<T>(qkv.view().col_range(queries + keys, keys));
    } else {
      const matrix<T> kv = linear<T>(h, w.qkv, w.qkv_bias, queries, 2 * keys, threads_);
      tape.k = matrix<T>(kv.view().col_range(0, keys));
      tape.v = matrix<T>(kv.view().col_range(keys, keys));
      tape.q = linear<T>(rows_of(h, rows), w.qkv, w.qkv_bias, 0, queries, threads_);
      x = rows_of(x, rows);
    }
    if (!w.query_norm.gain.empty()) tape.raw_q = tape.q;
    if (!w.key_norm.gain.empty()) tape.raw_k = tape.k;
    parallel_rows(threads_, tape.q.rows(),
                  [&](std::size_t r) { positions_.place_queries(l, w, tape.q.row(r), token_of(rows, r)); });
    parallel_rows(threads_, tape.k.rows(), [&](std::size_t r) { positions_.place_keys(l, w, tape.k.row(r), r); });
    const matrix<T> mixed = attention(l, tape, hooks);

    matrix<T> out = linear<T>(mixed, w.output, w.output_bias, threads_);
    matrix<T> mlp_out;
    if (config_.block == block_kind::parallel) mlp_out = mlp_of(w, x, tape);
    const norm<T> post_norm = norm_of(w.attention_post_norm, config_);
    const attention_parts<T> parts{tape.v, w.output.view().transposed(), w.output_bias,
                                   config_.post_norms ? &post_norm : nullptr};
    hooks.join_attention(l, x.view(), out.view(), parts, rows);
    if (config_.block == block_kind::sequential) mlp_out = mlp_of(w, x, tape);
    hooks.join_mlp(l, x.view(), mlp_out.view(), rows);
  }

  // Σ_s weights · values of every head, side by side: (rows, heads · head_width).
  template <class Hooks>
  [[nodiscard]] matrix<T> attention(std::size_t l, layer_tape<T>& tape, Hooks& hooks) {
    const std::size_t rows = tape.q.rows(), row0 = tokens_ - rows, group = config_.heads / config_.kv_heads;
    const placed_attention<T> placed(config_, l, tape.q, tape.k, threads_);
    tape.weights.resize_uninitialised(config_.heads * rows, tokens_);
    parallel_for(threads_, config_.heads,
                 [&](std::size_t h) { placed.weights(h, row0, of_head(tape.weights, h, rows)); });
    tape.masked = tape.weights;
    for (std::size_t h = 0; h < config_.heads; ++h) hooks.attend(l, h, row0, of_head(tape.masked, h, rows));
    matrix<T> mixed;
    mixed.resize_uninitialised(rows, tape.q.cols());
    parallel_for(threads_, config_.heads, [&](std::size_t h) {
      weighted_sums<T>(of_head(tape.masked, h, rows), slice(tape.v, h / group), slice(mixed, h));
    });
    return mixed;
  }

  [[nodiscard]] matrix<T> mlp_of(const layer_weights<T>& w, const matrix<T>& x, layer_tape<T>& tape) {
    tape.mlp_in = x;
    const std::size_t width = config_.mlp_width;
    tape.inner = linear<T>(normed<T>(w.mlp_norm, config_, x, threads_), w.gate_up, w.gate_up_bias, threads_);
    tape.activated = matrix<T>(std::as_const(tape.inner).view().col_range(0, width));
    matrix<T> hidden;
    hidden.resize_uninitialised(x.rows(), width);
    parallel_rows(threads_, x.rows(), [&](std::size_t r) {
      activate<T>(config_.activates, tape.activated.row(r));
      for (std::size_t j = 0; j < width; ++j)
        hidden(r, j) = tape.activated(r, j) * (config_.gated ? tape.inner(r, width + j) : T{1});
    });
    matrix<T> out = linear<T>(hidden, w.down, w.down_bias, threads_);
    if (w.mlp_post_norm.gain.empty()) return out;
    tape.mlp_out = out;
    const norm<T> n = norm_of(w.mlp_post_norm, config_);
    parallel_rows(threads_, out.rows(), [&](std::size_t r) { n.apply(out.row(r)); });
    return out;
  }

  // gx: at what leaves the layer (its rows) → at what enters it (all tokens).
  template <class Hooks>
  void backward(std::size_t l, const layer_weights<T>& w, matrix<T>& gx, layer_tape<T>& tape, Hooks& hooks) {
    const row_list rows = rows_of_layer(l);
    matrix<T> gout, gh;
    gout.resize_uninitialised(gx.rows(), gx.cols());
    hooks.split_mlp(l, gx.view(), gout.view(), rows);
    matrix<T> through_mlp = mlp_back(w, gout, tape);
    if (config_.block == block_kind::sequential) add(gx, through_mlp);
    hooks.split_attention(l, gx.view(), gout.view(), rows);
    if (config_.block == block_kind::parallel) add(gx, through_mlp);
    gh = attention_back(l, w, gout, tape, hooks);
    norm_back(w.attention_norm, tape.x, gh);
    for (std::size_t r = 0; r < gx.rows(); ++r) add(gh.row(token_of(rows, r)), std::as_const(gx).row(r));
    gx = std::move(gh);
  }

  // gout: at the MLP's output → at its input, before the norm.
  [[nodiscard]] matrix<T> mlp_back(const layer_weights<T>& w, const matrix<T>& gout, layer_tape<T>& tape) {
    matrix<T> gdown = gout;
    norm_back(w.mlp_post_norm, tape.mlp_out, gdown);
    const matrix<T> gy = times<T>(gdown, w.down);
    const std::size_t width = config_.mlp_width;
    parallel_rows(threads_, gy.rows(), [&](std::size_t r) {
      const std::span<T> inner = tape.inner.row(r);
      const std::span<const T> g = gy.row(r), activated = std::as_const(tape.activated).row(r);
      std::vector<T> slope(inner.begin(), inner.begin() + static_cast<std::ptrdiff_t>(width));
      slopes<T>(config_.activates, slope);
      for (std::size_t j = 0; j < width; ++j) {
        inner[j] = g[j] * slope[j];
        if (!config_.gated) continue;
        inner[j] *= inner[width + j];
        inner[width + j] = g[j] * activated[j];
      }
    });
    matrix<T> gh = times<T>(tape.inner, w.gate_up);
    norm_back(w.mlp_norm, tape.mlp_in, gh);
    return gh;
  }

  // gout: at the attention output → at the normed input of the layer: (tokens, width).
  template <class Hooks>
  [[nodiscard]] matrix<T> attention_back(std::size_t l, const layer_weights<T>& w, const matrix<T>& gout,
                                         layer_tape<T>& tape, Hooks& hooks) {
    const std::size_t rows = gout.rows(), row0 = tokens_ - rows;
    const std::size_t queries = config_.heads * config_.head_width, keys = config_.kv_heads * config_.head_width;
    const std::size_t group = config_.heads / config_.kv_heads;
    const matrix<T> gz = times<T>(gout, w.output);
    matrix<T> ga;
    ga.resize_uninitialised(config_.heads * rows, tokens_);
    matrix<T> gqkv(tokens_, queries + 2 * keys);
    const auto gq = gqkv.view().row_range(row0, rows).col_range(0, queries);
    const auto gk = gqkv.view().col_range(queries, keys), gv = gqkv.view().col_range(queries + keys, keys);
    parallel_for(threads_, config_.heads, [&](std::size_t h) {
      product<T>(slice(gz.view(), h), slice(std::as_const(tape.v).view(), h / group).transposed(),
                 of_head(ga, h, rows));
    });
    for (std::size_t h = 0; h < config_.heads; ++h)
      hooks.attend_back(l, h, row0, of_head(tape.weights, h, rows), slice(gz.view(), h), of_head(ga, h, rows));
    parallel_for(threads_, config_.kv_heads, [&](std::size_t kv) {
      matrix<T> sum;
      sum.resize_uninitialised(tokens_, config_.head_width);
      for (std::size_t h = kv * group; h < (kv + 1) * group; ++h) {
        const matrix_view<const T> a = of_head(tape.weights, h, rows);
        const matrix_view<T> gs = of_head(ga, h, rows);
        for (std::size_t i = 0; i < rows; ++i) softmax_back(a.row(i), gs.row(i));
        product<T>(of_head(tape.masked, h, rows).transposed(), slice(gz.view(), h), sum);
        add_to(slice(gv, kv), sum);
        product<T>(gs, slice(std::as_const(tape.k).view(), kv), slice(gq, h));
        product<T>(matrix_view<const T>(gs).transposed(), slice(std::as_const(tape.q).view(), h), sum);
        add_to(slice(gk, kv), sum);
      }
    });
    const auto raw = [](const matrix<T>& m, std::size_t r) { return m.rows() == 0 ? std::span<const T>() : m.row(r); };
    parallel_rows(threads_, rows,
                  [&](std::size_t r) { positions_.queries_back(l, w, raw(tape.raw_q, r), gq.row(r), row0 + r); });
    parallel_rows(threads_, tokens_,
                  [&](std::size_t r) { positions_.keys_back(l, w, raw(tape.raw_k, r), gk.row(r), r); });
    return times<T>(gqkv, w.qkv);
  }

  // Gradient at the rows before a norm of `weights` from the one behind it; nothing where there is no norm.
  void norm_back(const norm_weights<T>& weights, const matrix<T>& x, matrix<T>& g) const {
    if (weights.gain.empty()) return;
    const norm<T> n = norm_of(weights, config_);
    parallel_rows(threads_, g.rows(), [&](std::size_t r) { n.back(x.row(r), g.row(r)); });
  }

  // ga: at softmax(s) = a → at s.
  static void softmax_back(std::span<const T> a, std::span<T> ga) {
    double along = 0;
    for (std::size_t s = 0; s < a.size(); ++s) along += static_cast<double>(a[s]) * static_cast<double>(ga[s]);
    const T mean = static_cast<T>(along);
    for (std::size_t s = 0; s < a.size(); ++s) ga[s] = a[s] * (ga[s] - mean);
  }

  // Gradient at the final norm's output: Σ over the vocabulary, in the blocks of unembedded(), in their order.
  [[nodiscard]] matrix<T> unembedded_back(const matrix<T>& glogits) const {
    const std::size_t step = unembedding_rows(config_), blocks = (config_.vocabulary + step - 1) / step;
    std::vector<matrix<T>> parts(blocks);
    parallel_for(threads_, blocks, [&](std::size_t i) {
      const std::size_t first = i * step, count = std::min(step, config_.vocabulary - first);
      matrix<T> scratch;
      parts[i].resize_uninitialised(glogits.rows(), config_.width);
      product<T>(glogits.view().col_range(first, count), weights_.unembedding(first, count, scratch), parts[i]);
    });
    matrix<T> gx(glogits.rows(), config_.width);
    for (const matrix<T>& part : parts) add(gx, part);
    return gx;
  }

  template <class U>
  [[nodiscard]] static matrix<U> times(matrix_view<const U> g, matrix_view<const U> weights, std::size_t threads) {
    matrix<U> y;
    y.resize_uninitialised(g.rows, weights.cols);
    product<U>(g, weights, y, threads);
    return y;
  }
  template <class U>
  [[nodiscard]] matrix<U> times(const matrix<U>& g, const matrix<U>& weights) const {
    return times<U>(g.view(), weights.view(), threads_);
  }

  static void add(std::span<T> x, std::span<const T> summand) {
    for (std::size_t j = 0; j < x.size(); ++j) x[j] += summand[j];
  }
  static void add(matrix<T>& x, const matrix<T>& summand) { add(x.values(), summand.values()); }
  static void add_to(matrix_view<T> x, const matrix<T>& summand) {
    for (std::size_t r = 0; r < x.rows; ++r) add(x.row(r), summand.row(r));
  }
  [[nodiscard]] static matrix_view<T> of_head(matrix<T>& m, std::size_t h, std::size_t rows) {
    return m.view().row_range(h * rows, rows);
  }
  template <class U>
  [[nodiscard]] matrix_view<U> slice(matrix_view<U> m, std::size_t head) const {
    return m.col_range(head * config_.head_width, config_.head_width);
  }
  [[nodiscard]] matrix_view<T> slice(matrix<T>& m, std::size_t head) const { return slice(m.view(), head); }

  const decoder_config& config_;
  const decoder_weights<T>& weights_;
  std::size_t tokens_, threads_;
  bool keep_;
  token_positions<T> positions_;
  std::vector<std::size_t> last_;
  std::vector<layer_tape<T>> tapes_;
};

}  // namespace strata::detail
