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
#include <string>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/activation.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/llama_config.hpp"
#include "strata/model/model_folder.hpp"
#include "strata/model/rope.hpp"
#include "strata/model/safetensors.hpp"

namespace strata {

/// T: float for work, double for reference.
template <class T>
class decoder {
 public:
  using scalar = T;

  /// Reads config.json and model.safetensors of a folder; the weights are expanded to T.
  /// Throws: strata::data_error for files that are missing, malformed or of an unsupported architecture.
  [[nodiscard]] static decoder load(const std::filesystem::path& folder) {
    const model_folder files = open_model_folder(folder);
    return decoder(load_llama_config(files.config), safetensors_file(files.weights));
  }

  /// Throws: strata::data_error for a tensor that is missing or has another shape than the configuration asks for.
  decoder(llama_config config, const safetensors_file& weights)
      : config_(std::move(config)), angles_(rope_angles(config_.rope, config_.head_width)) {
    const std::size_t width = config_.width;
    embedding_ = read(weights, "model.embed_tokens.weight", config_.vocabulary, width);
    const bool has_unembedding = weights.contains("lm_head.weight");
    if (!config_.tied(has_unembedding)) unembedding_ = read(weights, "lm_head.weight", config_.vocabulary, width);
    final_gain_ = read(weights, "model.norm.weight", width);
    for (std::size_t l = 0; l < config_.layers; ++l) layers_.push_back(read_layer(weights, l));
  }

  [[nodiscard]] const llama_config& config() const { return config_; }

  [[nodiscard]] model_shape shape() const {
    return {config_.layers, config_.heads, config_.width, config_.vocabulary, config_.context, block_kind::sequential};
  }

  /// Number of weights.
  [[nodiscard]] std::size_t parameters() const {
    std::size_t count = embedding_.values().size() + unembedding_.values().size() + final_gain_.size();
    for (const layer& w : layers_)
      count += w.qkv.values().size() + w.output.values().size() + w.gate_up.values().size() + w.down.values().size() +
               w.qkv_bias.size() + w.output_bias.size() + w.gate_up_bias.size() + w.down_bias.size() +
               w.attention_gain.size() + w.mlp_gain.size();
    return count;
  }

  /// The forward pass: logits of the last token of each of `batch` copies of the prompt, (batch, vocabulary).
  /// Throws: strata::option_error for a prompt that check_prompt refuses.
  template <forward_hooks<T> Hooks>
  [[nodiscard]] std::vector<T> forward(std::span<const token_id> tokens, Hooks& hooks, std::size_t batch = 1) const {
    const matrix<T> logits = unembed(residual_stream(tokens, hooks, batch, false));
    return {logits.values().begin(), logits.values().end()};
  }

  /// The plain run's logits at every position: (tokens, vocabulary).
  [[nodiscard]] matrix<T> logits(std::span<const token_id> tokens) const {
    no_hooks<T> hooks;
    return unembed(residual_stream(tokens, hooks, 1, true));
  }

 private:
  struct layer {
    matrix<T> qkv;      // ((heads + 2 · kv_heads) · head_width, width): queries, keys, values
    matrix<T> output;   // (width, heads · head_width)
    matrix<T> gate_up;  // (2 · mlp_width, width)
    matrix<T> down;     // (width, mlp_width)
    std::vector<T> qkv_bias, output_bias, gate_up_bias, down_bias;  // empty: none
    std::vector<T> attention_gain, mlp_gain;
  };

  [[nodiscard]] static matrix<T> read(const safetensors_file& weights, const std::string& name, std::size_t rows,
                                      std::size_t cols) {
    matrix<T> m(rows, cols);
    expand(weights.tensor(name, {rows, cols}), m.values());
    return m;
  }
  [[nodiscard]] static std::vector<T> read(const safetensors_file& weights, const std::string& name, std::size_t size) {
    std::vector<T> v(size);
    expand(weights.tensor(name, {size}), std::span<T>(v));
    return v;
  }

  // Matrices (and biases) that read the same input, one below the other, so that one product serves them all.
  static void read_stacked(const safetensors_file& weights, std::span<const std::pair<std::string, std::size_t>> parts,
                           std::size_t cols, bool with_bias, matrix<T>& stacked, std::vector<T>& bias) {
    std::size_t rows = 0;
    for (const auto& part : parts) rows += part.second;
    stacked = matrix<T>(rows, cols);
    std::size_t row = 0;
    for (const auto& [name, count] : parts) {
      expand(weights.tensor(name + ".weight", {count, cols}), stacked.values().subspan(row * cols, count * cols));
      if (with_bias) {
        const std::vector<T> part = read(weights, name + ".bias", count);
        bias.insert(bias.end(), part.begin(), part.end());
      }
      row += count;
    }
  }

  [[nodiscard]] layer read_layer(const safetensors_file& weights, std::size_t l) const {
    const std::string name = "model.layers." + std::to_string(l) + ".";
    const std::size_t queries = config_.heads * config_.head_width;
    const std::size_t keys = config_.kv_heads * config_.head_width;
    using part = std::pair<std::string, std::size_t>;
    const part qkv[] = {
        {name + "self_attn.q_proj", queries}, {name + "self_attn.k_proj", keys}, {name + "self_attn.v_proj", keys}};
    const part output[] = {{name + "self_attn.o_proj", config_.width}};
    const part gate_up[] = {{name + "mlp.gate_proj", config_.mlp_width}, {name + "mlp.up_proj", config_.mlp_width}};
    const part down[] = {{name + "mlp.down_proj", config_.width}};
    layer w;
    read_stacked(weights, qkv, config_.width, config_.attention_bias, w.qkv, w.qkv_bias);
    read_stacked(weights, output, queries, config_.attention_bias, w.output, w.output_bias);
    read_stacked(weights, gate_up, config_.width, config_.mlp_bias, w.gate_up, w.gate_up_bias);
    read_stacked(weights, down, config_.mlp_width, config_.mlp_bias, w.down, w.down_bias);
    w.attention_gain = read(weights, name + "input_layernorm.weight", config_.width);
    w.mlp_gain = read(weights, name + "post_attention_layernorm.weight", config_.width);
    return w;
  }

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
    check_prompt(shape(), tokens);
    const std::size_t count = tokens.size();
    const rope_table<T> rope(angles_, count);
    matrix<T> x(batch * count, config_.width);
    for (std::size_t r = 0; r < x.rows(); ++r)
      std::copy_n(embedding_.row(static_cast<std::size_t>(tokens[r % count])).begin(), config_.width, x.row(r).begin());

    std::vector<std::size_t> last_rows;  // in the last layer only they are needed
    for (std::size_t b = 0; b < batch; ++b) last_rows.push_back(b * count + count - 1);
    for (std::size_t l = 0; l < config_.layers; ++l) {
      const bool trim = l + 1 == config_.layers && !every_position;
      const row_list rows = trim ? row_list(last_rows) : row_list();
      join_attention(l, x, rows, count, batch, rope, hooks);
      const layer& w = layers_[l];
      matrix<T> out = mlp(w, normed(rms(w.mlp_gain), x));
      hooks.join_mlp(l, x.view(), out.view(), rows);
    }
    hooks.finish(x.view(), rms(final_gain_));
    return x;
  }

  // Attention of one layer; x keeps only `rows` if there are any.
  template <class Hooks>
  void join_attention(std::size_t l, matrix<T>& x, row_list rows, std::size_t tokens, std::size_t batch,
                      const rope_table<T>& rope, Hooks& hooks) const {
    const layer& w = layers_[l];
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

  [[nodiscard]] matrix<T> mlp(const layer& w, const matrix<T>& h) const {
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
    return linear(x, unembedding_.rows() == 0 ? embedding_ : unembedding_, {});
  }

  llama_config config_;
  std::vector<double> angles_;
  matrix<T> embedding_;    // (vocabulary, width)
  matrix<T> unembedding_;  // (vocabulary, width); empty: the embedding
  std::vector<T> final_gain_;
  std::vector<layer> layers_;
};

static_assert(batched_forward_pass<decoder<float>>);

}  // namespace strata
