/// A decoder's run forward and back: the parts of its forward pass, layer by layer, and their reverse in reverse order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/model/attention_gradient.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_ends.hpp"
#include "strata/model/decoder_parts.hpp"
#include "strata/model/decoder_weights.hpp"
#include "strata/model/layer_weights.hpp"
#include "strata/model/mlp_gradient.hpp"
#include "strata/model/token_positions.hpp"

namespace strata::detail {

/// What the reverse of a layer needs of its forward pass. A row is live where its node is not the zero vector.
template <class T>
struct layer_tape {
  matrix<T> x;                                       // (tokens, width), at entry
  std::vector<std::size_t> entered, attended, left;  // live rows where the layer begins, after attention, after the MLP
  attention_tape<T> attention;                       // of all rows
  mlp_tape<T> mlp;                                   // of live rows
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
        parallel_(config.block == block_kind::parallel),
        positions_(config, tokens),
        last_(1, tokens - 1),
        tapes_(config.layers) {}

  /// Bytes that the tapes of all layers take.
  [[nodiscard]] static double tape_bytes(const decoder_config& config, std::size_t tokens) {
    const auto size = [](auto... parts) { return (static_cast<double>(parts) + ...); };
    const double row = size(3 * config.width, 2 * config.heads * config.head_width,
                            3 * config.kv_heads * config.head_width, 3 * config.mlp_width, 2 * config.heads * tokens);
    return row * static_cast<double>(tokens) * static_cast<double>(config.layers) * sizeof(T);
  }

  /// x: the embeddings, (tokens, width). Returns the logits of the last token.
  template <class Hooks, class LogitGradient>
  [[nodiscard]] std::vector<T> run(matrix<T> x, Hooks& hooks, LogitGradient& logit_gradient) {
    layer_weights<T> scratch;
    for (std::size_t l = 0; l < config_.layers; ++l) {
      layer_tape<T>& tape = tapes_[l];
      forward(l, weights_.layer(l, scratch), x, tape, hooks);
      if (keep_) continue;
      matrix<T> entered = std::move(tape.x);
      tape = {};
      tape.x = std::move(entered);
    }
    hooks.finish(x.view(), norm_of(weights_.final_norm(), config_));
    const matrix<T> logits = unembedded(config_, weights_, x, threads_);
    matrix<T> glogits(1, config_.vocabulary);
    logit_gradient(logits.row(0), glogits.row(0));
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
  // Only the last token's row leaves the last layer.
  [[nodiscard]] row_list rows_of_layer(std::size_t l) const {
    return l + 1 == config_.layers ? row_list(last_) : row_list();
  }

  // The rows of a join whose node is not the zero vector; all where the hooks cannot be asked.
  template <class Hooks>
  [[nodiscard]] std::vector<std::size_t> live_rows(Hooks& hooks, std::size_t level, row_list rows) const {
    std::vector<std::size_t> live;
    for (std::size_t r = 0; r < (rows.empty() ? tokens_ : rows.size()); ++r) {
      if constexpr (requires { hooks.active(level, r); })
        if (!hooks.active(level, rows.empty() ? r : rows[r])) continue;
      live.push_back(r);
    }
    return live;
  }

  template <class Hooks>
  void forward(std::size_t l, const layer_weights<T>& w, matrix<T>& x, layer_tape<T>& tape, Hooks& hooks) {
    const row_list rows = rows_of_layer(l);
    const std::size_t level = parallel_ ? l : 2 * l;
    tape.x = x;
    tape.entered = live_rows(hooks, level, {});
    tape.attended = live_rows(hooks, level + 1, rows);
    tape.left = parallel_ ? tape.attended : live_rows(hooks, level + 2, rows);
    project(w, x, rows, tape);
    if (!rows.empty()) x = rows_of(x, rows);
    const matrix<T> mixed = attention().forward(l, w, tape.attention, hooks);
    matrix<T> out = scattered(linear<T>(rows_of(mixed, row_list(tape.attended)), w.output, w.output_bias, threads_),
                              tape.attended, x.rows());
    const auto mlp = [&] {
      return scattered(mlp_forward(w, config_, rows_of(x, row_list(tape.left)), tape.mlp, threads_), tape.left,
                       x.rows());
    };
    matrix<T> mlp_out;
    if (parallel_) mlp_out = mlp();
    const norm<T> post_norm = norm_of(w.attention_post_norm, config_);
    const attention_parts<T> parts{tape.attention.v, w.output.view().transposed(), w.output_bias,
                                   config_.post_norms ? &post_norm : nullptr};
    hooks.join_attention(l, x.view(), out.view(), parts, rows);
    if (!parallel_) mlp_out = mlp();
    hooks.join_mlp(l, x.view(), mlp_out.view(), rows);
  }

  // Queries of the rows, keys and values of all tokens. Nodes without a value are the same zero vector: one of them
  // stands for all.
  void project(const layer_weights<T>& w, const matrix<T>& x, row_list rows, layer_tape<T>& tape) const {
    const std::size_t queries = config_.heads * config_.head_width, keys = config_.kv_heads * config_.head_width;
    std::vector<std::size_t> different = tape.entered;
    std::vector<std::size_t> place(tokens_, different.size());
    for (std::size_t i = 0; i < different.size(); ++i) place[different[i]] = i;
    const auto without = std::find(place.begin(), place.end(), different.size());
    if (without != place.end()) different.push_back(static_cast<std::size_t>(without - place.begin()));
    const matrix<T> h = normed<T>(w.attention_norm, config_, rows_of(x, row_list(different)), threads_);
    const auto spread = [&](matrix_view<const T> some) {
      matrix<T> all;
      all.resize_uninitialised(tokens_, some.cols);
      for (std::size_t t = 0; t < tokens_; ++t) std::copy_n(some.row(place[t]).begin(), some.cols, all.row(t).begin());
      return all;
    };
    const matrix<T> qkv = rows.empty() ? linear<T>(h, w.qkv, w.qkv_bias, threads_)
                                       : linear<T>(h, w.qkv, w.qkv_bias, queries, 2 * keys, threads_);
    const std::size_t first = qkv.cols() - 2 * keys;
    tape.attention.k = spread(qkv.view().col_range(first, keys));
    tape.attention.v = spread(qkv.view().col_range(first + keys, keys));
    tape.attention.q = rows.empty()
                           ? spread(qkv.view().col_range(0, queries))
                           : linear<T>(h.view().row_range(place[rows[0]], 1), w.qkv, w.qkv_bias, 0, queries, threads_);
  }

  // gx: at what leaves the layer (its rows) → at what enters it (all tokens).
  template <class Hooks>
  void backward(std::size_t l, const layer_weights<T>& w, matrix<T>& gx, layer_tape<T>& tape, Hooks& hooks) {
    const row_list rows = rows_of_layer(l);
    matrix<T> gout;
    gout.resize_uninitialised(gx.rows(), gx.cols());
    hooks.split_mlp(l, gx.view(), gout.view(), rows);
    const matrix<T> through_mlp =
        scattered(mlp_back(w, config_, rows_of(gout, row_list(tape.left)), tape.mlp, threads_), tape.left, gx.rows());
    if (!parallel_) add(gx.values(), through_mlp.values());
    hooks.split_attention(l, gx.view(), gout.view(), rows);
    if (parallel_) add(gx.values(), through_mlp.values());
    const matrix<T> gz =
        scattered(linear_back(rows_of(gout, row_list(tape.attended)), w.output, threads_), tape.attended, gx.rows());
    const matrix<T> gqkv = attention().backward(l, w, gz, tape.attention, hooks);
    matrix<T> gh = linear_back(rows_of(gqkv, row_list(tape.entered)), w.qkv, threads_);
    norm_back(w.attention_norm, config_, rows_of(tape.x, row_list(tape.entered)), gh, threads_);
    gh = scattered(std::move(gh), tape.entered, tokens_);
    for (std::size_t r = 0; r < gx.rows(); ++r) add(gh.row(rows.empty() ? r : rows[r]), std::as_const(gx).row(r));
    gx = std::move(gh);
  }

  [[nodiscard]] attention_gradient<T> attention() const { return {config_, positions_, tokens_, threads_}; }

  // Gradient at the final norm's output: the blocks of unembedded(), added in their order.
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
    for (const matrix<T>& part : parts) add(gx.values(), part.values());
    return gx;
  }

  // `count` rows, of which the listed ones are given and the others 0.
  [[nodiscard]] static matrix<T> scattered(matrix<T> some, std::span<const std::size_t> list, std::size_t count) {
    if (list.size() == count) return some;
    matrix<T> all(count, some.cols());
    for (std::size_t i = 0; i < list.size(); ++i)
      std::copy_n(std::as_const(some).row(i).begin(), some.cols(), all.row(list[i]).begin());
    return all;
  }
  static void add(std::span<T> x, std::span<const T> summand) {
    for (std::size_t j = 0; j < x.size(); ++j) x[j] += summand[j];
  }

  const decoder_config& config_;
  const decoder_weights<T>& weights_;
  std::size_t tokens_, threads_;
  bool keep_, parallel_;
  token_positions<T> positions_;
  std::vector<std::size_t> last_;
  std::vector<layer_tape<T>> tapes_;
};

}  // namespace strata::detail
