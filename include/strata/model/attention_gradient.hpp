/// The attention of a decoder forward and back, from queries, keys and values.
///
///   z = Σ_s ã·v:   gã = gz·vᵀ, gv = ãᵀ·gz;   ã → a by the hooks;   a = softmax(s): gs = a ∘ (ga − ⟨ga, a⟩);   gq = gs·k, gk = gsᵀ·q
///
/// The patterns of a layer are kept as a whole, (heads · rows, tokens): what the hooks made of them cannot be told from
/// queries and keys.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/attention_kernels.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/detail/product.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/layer_weights.hpp"
#include "strata/model/placed_attention.hpp"
#include "strata/model/token_positions.hpp"

namespace strata::detail {

/// What the reverse of attention needs of its forward pass. rows: of the last tokens.
template <class T>
struct attention_tape {
  matrix<T> q, k, v;          // (rows, heads · head_width), (tokens, kv_heads · head_width) twice; q and k placed
  matrix<T> raw_q, raw_k;     // before their norms; empty without such
  matrix<T> weights, masked;  // (heads · rows, tokens), before and after the hooks
};

/// Of one layer of one prompt.
template <class T>
class attention_gradient {
 public:
  attention_gradient(const decoder_config& config, const token_positions<T>& positions, std::size_t tokens,
                     std::size_t threads)
      : config_(config),
        positions_(positions),
        tokens_(tokens),
        threads_(threads),
        group_(config.heads / config.kv_heads) {}

  /// Places the tape's queries and keys; returns Σ_s weights · values of every head, side by side: (rows, heads ·
  /// head_width).
  template <class Hooks>
  [[nodiscard]] matrix<T> forward(std::size_t l, const layer_weights<T>& w, attention_tape<T>& tape,
                                  Hooks& hooks) const {
    const std::size_t rows = tape.q.rows(), row0 = tokens_ - rows;
    if (!w.query_norm.gain.empty()) tape.raw_q = tape.q;
    if (!w.key_norm.gain.empty()) tape.raw_k = tape.k;
    parallel_rows(threads_, rows, [&](std::size_t r) { positions_.place_queries(l, w, tape.q.row(r), row0 + r); });
    parallel_rows(threads_, tokens_, [&](std::size_t r) { positions_.place_keys(l, w, tape.k.row(r), r); });
    const placed_attention<T> placed(config_, l, tape.q, tape.k, threads_);
    tape.weights.resize_uninitialised(config_.heads * rows, tokens_);
    parallel_for(threads_, config_.heads,
                 [&](std::size_t h) { placed.weights(h, row0, of_head(tape.weights, h, rows)); });
    tape.masked = tape.weights;
    for (std::size_t h = 0; h < config_.heads; ++h) hooks.attend(l, h, row0, of_head(tape.masked, h, rows));
    matrix<T> mixed;
    mixed.resize_uninitialised(rows, tape.q.cols());
    parallel_for(threads_, config_.heads, [&](std::size_t h) {
      weighted_sums<T>(of_head(tape.masked, h, rows), slice(tape.v.view(), h / group_), slice(mixed.view(), h));
    });
    return mixed;
  }

  /// gz: at what forward() returned → at queries, keys and values as they were given, side by side: (tokens, (heads + 2 ·
  /// kv_heads) · head_width); 0 for queries of other rows.
  template <class Hooks>
  [[nodiscard]] matrix<T> backward(std::size_t l, const layer_weights<T>& w, const matrix<T>& gz,
                                   attention_tape<T>& tape, Hooks& hooks) const {
    const std::size_t rows = gz.rows(), row0 = tokens_ - rows;
    const std::size_t queries = config_.heads * config_.head_width, keys = config_.kv_heads * config_.head_width;
    matrix<T> ga;
    ga.resize_uninitialised(config_.heads * rows, tokens_);
    matrix<T> gqkv(tokens_, queries + 2 * keys);
    const auto gq = gqkv.view().row_range(row0, rows).col_range(0, queries);
    const auto gk = gqkv.view().col_range(queries, keys), gv = gqkv.view().col_range(queries + keys, keys);
    parallel_for(threads_, config_.heads, [&](std::size_t h) {
      product<T>(slice(gz.view(), h), slice(std::as_const(tape.v).view(), h / group_).transposed(),
                 of_head(ga, h, rows));
    });
    for (std::size_t h = 0; h < config_.heads; ++h)
      hooks.attend_back(l, h, row0, of_head(tape.weights, h, rows), slice(gz.view(), h), of_head(ga, h, rows));
    parallel_for(threads_, config_.kv_heads, [&](std::size_t kv) {
      matrix<T> sum;
      sum.resize_uninitialised(tokens_, config_.head_width);
      for (std::size_t h = kv * group_; h < (kv + 1) * group_; ++h) {
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
    return gqkv;
  }

 private:
  // ga: at softmax(s) = a → at s.
  static void softmax_back(std::span<const T> a, std::span<T> ga) {
    double along = 0;
    for (std::size_t s = 0; s < a.size(); ++s) along += static_cast<double>(a[s]) * static_cast<double>(ga[s]);
    const T mean = static_cast<T>(along);
    for (std::size_t s = 0; s < a.size(); ++s) ga[s] = a[s] * (ga[s] - mean);
  }
  static void add_to(matrix_view<T> x, const matrix<T>& summand) {
    for (std::size_t r = 0; r < x.rows; ++r)
      for (std::size_t j = 0; j < x.cols; ++j) x.row(r)[j] += summand.row(r)[j];
  }
  [[nodiscard]] static matrix_view<T> of_head(matrix<T>& m, std::size_t h, std::size_t rows) {
    return m.view().row_range(h * rows, rows);
  }
  template <class U>
  [[nodiscard]] matrix_view<U> slice(matrix_view<U> m, std::size_t head) const {
    return m.col_range(head * config_.head_width, config_.head_width);
  }

  const decoder_config& config_;
  const token_positions<T>& positions_;
  std::size_t tokens_, threads_, group_;
};

}  // namespace strata::detail
