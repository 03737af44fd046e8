/// A decoder-only transformer from its weight files, as a forward pass that strata can trace. Architecture: Llama.
///
///   x ← embedding
///   each layer:  x ← x + W_O · attention(norm(x)),   x ← x + W_down (silu(W_gate h) ∘ W_up h),  h = norm(x)
///   logits = W_U · norm(x)
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/activation.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/llama_config.hpp"
#include "strata/model/llama_weights.hpp"
#include "strata/model/model_files.hpp"
#include "strata/model/rope.hpp"
#include "strata/model/weight_files.hpp"

namespace strata {

/// T: float for work, double for reference.
template <class T>
class decoder {
 public:
  using scalar = T;

  /// Reads config.json and the safetensors of a folder; the weights are expanded to T.
  /// Throws: strata::data_error for files that are missing, malformed or of an unsupported architecture.
  [[nodiscard]] static decoder load(const std::filesystem::path& folder) {
    const model_files files = open_model_files(folder);
    if (files.config.empty())
      raise<data_error>(files.weights.string(), ": settings in a GGUF file, expected a config.json");
    return decoder(load_llama_config(files.config), load_weight_files(files));
  }

  /// Throws: strata::data_error for a tensor that is missing or has another shape than the configuration asks for.
  decoder(llama_config config, const weight_files& weights)
      : config_(std::move(config)),
        angles_(rope_angles(config_.rope, config_.head_width)),
        weights_(config_, weights) {}

  [[nodiscard]] const llama_config& config() const { return config_; }

  [[nodiscard]] model_shape shape() const {
    return {config_.layers, config_.heads, config_.width, config_.vocabulary, config_.context, block_kind::sequential};
  }

  /// Number of weights.
  [[nodiscard]] std::size_t parameters() const { return weights_.parameters(); }

  /// The forward pass: logits of the last token of each of `batch` copies of the prompt, (batch, vocabulary).
  /// Throws: strata::option_error for a prompt that check_prompt refuses.
  template <forward_hooks<T> Hooks>
  [[nodiscard]] std::vector<T> forward(std::span<const token_id> tokens, Hooks& hooks, std::size_t batch = 1) const {
    const matrix<T> logits = unembed(residual_stream(tokens, hooks, batch, false));
    return {logits.values().begin(), logits.values().end()};
  }

  /// The plain run's logits at every position: (tokens, vocabulary).
  /// Throws: as forward().
  [[nodiscard]] matrix<T> logits(std::span<const token_id> tokens) const {
    no_hooks<T> hooks;
    return unembed(residual_stream(tokens, hooks, 1, true));
  }

 private:
  [[nodiscard]] norm<T> rms(std::span<const T> gain) const { return {norm_kind::rms, gain, {}, config_.norm_eps}; }

  [[nodiscard]] static matrix<T> normed(const norm<T>& n, matrix_view<const T> x) {
    matrix<T> y(x);
    for (std::size_t r = 0; r < y.rows(); ++r) n.apply(y.row(r));
    return y;
  }

  // x · weightsᵀ + bias; weights: (out, in).
  [[nodiscard]] static matrix<T> linear(matrix_view<const T> x, matrix_view<const T> weights, std::span<const T> bias) {
    matrix<T> y(x.rows, weights.rows);
    detail::product<T>(x, weights.transposed(), y);
    for (std::size_t r = 0; r < y.rows() && !bias.empty(); ++r)
      for (std::size_t j = 0; j < y.cols(); ++j) y(r, j) += bias[j];
    return y;
  }

  [[nodiscard]] static matrix<T> rows_of(const matrix<T>& x, std::span<const std::size_t> rows) {
    matrix<T> y(rows.size(), x.cols());
    for (std::size_t r = 0; r < rows.size(); ++r) std::copy_n(x.row(rows[r]).begin(), x.cols(), y.row(r).begin());
    return y;
  }

  template <class Hooks>
  [[nodiscard]] matrix<T> residual_stream(std::span<const token_id> tokens, Hooks& hooks, std::size_t batch,
                                          bool every_position) const {
    STRATA_ASSERT(batch > 0, "decoder: a batch has at least one sequence");
    check_prompt(shape(), tokens);
    const std::size_t count = tokens.size();
    const rope_table<T> rope(angles_, count);
    matrix<T> x(batch * count, config_.width);
    for (std::size_t r = 0; r < x.rows(); ++r)
      std::copy_n(weights_.embedding.row(static_cast<std::size_t>(tokens[r % count])).begin(), config_.width,
                  x.row(r).begin());

    std::vector<std::size_t> last_rows;  // in the last layer only they are needed
    for (std::size_t b = 0; b < batch; ++b) last_rows.push_back(b * count + count - 1);
    for (std::size_t l = 0; l < config_.layers; ++l) {
      const bool trim = l + 1 == config_.layers && !every_position;
      const row_list rows = trim ? row_list(last_rows) : row_list();
      join_attention(l, x, rows, count, batch, rope, hooks);
      const llama_layer<T>& w = weights_.layers[l];
      matrix<T> out = mlp(w, normed(rms(w.mlp_gain), x));
      hooks.join_mlp(l, x.view(), out.view(), rows);
    }
    hooks.finish(x.view(), rms(weights_.final_gain));
    return x;
  }

  // Attention of one layer; x keeps only `rows` if there are any.
  template <class Hooks>
  void join_attention(std::size_t l, matrix<T>& x, row_list rows, std::size_t tokens, std::size_t batch,
                      const rope_table<T>& rope, Hooks& hooks) const {
    const llama_layer<T>& w = weights_.layers[l];
    const std::size_t queries = config_.heads * config_.head_width;
    const std::size_t keys = config_.kv_heads * config_.head_width;
    const std::span<const T> bias = w.qkv_bias;
    const auto bias_of = [&](std::size_t first, std::size_t size) {
      return bias.empty() ? bias : bias.subspan(first, size);
    };

    matrix<T> h = normed(rms(w.attention_gain), x);
    matrix<T> q, kv;
    matrix_view<T> k, v;
    if (rows.empty()) {
      q = linear(h, w.qkv, bias);
      k = q.view().col_range(queries, keys);
      v = q.view().col_range(queries + keys, keys);
    } else {
      kv = linear(h, w.qkv.view().row_range(queries, 2 * keys), bias_of(queries, 2 * keys));
      k = kv.view().col_range(0, keys);
      v = kv.view().col_range(keys, keys);
      q = linear(rows_of(h, rows), w.qkv.view().row_range(0, queries), bias_of(0, queries));
      x = rows_of(x, rows);
    }
    const std::size_t given = q.rows() / batch;  // rows of each sequence: its last ones
    const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(config_.head_width)));
    for (std::size_t r = 0; r < q.rows(); ++r) {
      const std::span<T> row = q.row(r).first(queries);
      rope.turn(row, tokens - given + r % given);
      for (T& value : row) value *= scale;
    }
    for (std::size_t r = 0; r < k.rows; ++r) rope.turn(k.row(r), r % tokens);

    matrix<T> mixed(q.rows(), queries);
    matrix<T> weights(given, tokens);
    for (std::size_t b = 0; b < batch; ++b)
      for (std::size_t head = 0; head < config_.heads; ++head) {
        const std::size_t first = head * config_.head_width;
        const std::size_t kv_first = head / (config_.heads / config_.kv_heads) * config_.head_width;
        const auto of_sequence = [&](matrix_view<T> m) {
          return matrix_view<const T>(m.row_range(b * tokens, tokens).col_range(kv_first, config_.head_width));
        };
        detail::product<T>(q.view().row_range(b * given, given).col_range(first, config_.head_width),
                           of_sequence(k).transposed(), weights);
        for (std::size_t i = 0; i < given; ++i) {
          const std::size_t seen = tokens - given + i + 1;
          detail::softmax_in_place<T>(weights.row(i).first(seen));
          std::fill(weights.row(i).begin() + static_cast<std::ptrdiff_t>(seen), weights.row(i).end(), T{0});
        }
        hooks.attend(l, head, b * tokens + tokens - given, weights.view());
        detail::product<T>(weights, of_sequence(v),
                           mixed.view().row_range(b * given, given).col_range(first, config_.head_width));
      }

    matrix<T> out = linear(mixed, w.output, w.output_bias);
    const attention_parts<T> parts{v, w.output.view().transposed(), w.output_bias, nullptr};
    hooks.join_attention(l, x.view(), out.view(), parts, rows);
  }

  [[nodiscard]] matrix<T> mlp(const llama_layer<T>& w, const matrix<T>& h) const {
    matrix<T> inner = linear(h, w.gate_up, w.gate_up_bias);
    matrix<T> gated(h.rows(), config_.mlp_width);
    for (std::size_t r = 0; r < gated.rows(); ++r) {
      const std::span<T> gate = inner.row(r).first(config_.mlp_width);
      const std::span<T> up = inner.row(r).last(config_.mlp_width);
      detail::silu_in_place<T>(gate);
      for (std::size_t j = 0; j < gate.size(); ++j) gated(r, j) = gate[j] * up[j];
    }
    return linear(gated, w.down, w.down_bias);
  }

  [[nodiscard]] matrix<T> unembed(const matrix<T>& x) const {
    return linear(x, weights_.unembedding.rows() == 0 ? weights_.embedding : weights_.unembedding, {});
  }

  llama_config config_;
  std::vector<double> angles_;
  llama_weights<T> weights_;
};

static_assert(batched_forward_pass<decoder<float>>);

}  // namespace strata
