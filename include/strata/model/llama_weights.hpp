/// The weights of a Llama model, expanded to the type of the computation.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/model/llama_config.hpp"
#include "strata/model/tensor_view.hpp"
#include "strata/model/weight_files.hpp"

namespace strata {

template <class T>
struct llama_layer {
  matrix<T> qkv;      // ((heads + 2 · kv_heads) · head_width, width): queries, keys, values
  matrix<T> output;   // (width, heads · head_width)
  matrix<T> gate_up;  // (2 · mlp_width, width)
  matrix<T> down;     // (width, mlp_width)
  std::vector<T> qkv_bias, output_bias, gate_up_bias, down_bias;  // empty: none
  std::vector<T> attention_gain, mlp_gain;
};

template <class T>
struct llama_weights {
  matrix<T> embedding;        // (vocabulary, width)
  matrix<T> unembedding;      // (vocabulary, width); empty: the embedding
  std::vector<T> final_gain;  // (width)
  std::vector<llama_layer<T>> layers;

  /// Throws: strata::data_error for a tensor that is missing or has another shape than the configuration asks for.
  llama_weights(const llama_config& config, const weight_files& file) {
    embedding = read(file, "model.embed_tokens.weight", config.vocabulary, config.width);
    if (!config.tied(file.contains("lm_head.weight")))
      unembedding = read(file, "lm_head.weight", config.vocabulary, config.width);
    final_gain = read(file, "model.norm.weight", config.width);
    for (std::size_t l = 0; l < config.layers; ++l) layers.push_back(read_layer(config, file, l));
  }

  [[nodiscard]] std::size_t parameters() const {
    std::size_t count = embedding.values().size() + unembedding.values().size() + final_gain.size();
    for (const llama_layer<T>& w : layers)
      count += w.qkv.values().size() + w.output.values().size() + w.gate_up.values().size() + w.down.values().size() +
               w.qkv_bias.size() + w.output_bias.size() + w.gate_up_bias.size() + w.down_bias.size() +
               w.attention_gain.size() + w.mlp_gain.size();
    return count;
  }

 private:
  [[nodiscard]] static matrix<T> read(const weight_files& weights, const std::string& name, std::size_t rows,
                                      std::size_t cols) {
    const tensor_view& tensor = weights.tensor(name, {rows, cols});  // before any memory is taken
    matrix<T> m(rows, cols);
    expand(tensor, m.values());
    return m;
  }
  [[nodiscard]] static std::vector<T> read(const weight_files& weights, const std::string& name, std::size_t size) {
    const tensor_view& tensor = weights.tensor(name, {size});
    std::vector<T> v(size);
    expand(tensor, std::span<T>(v));
    return v;
  }

  // Matrices (and biases) that read the same input, one below the other, so that one product serves them all.
  static void read_stacked(const weight_files& weights, std::span<const std::pair<std::string, std::size_t>> parts,
                           std::size_t cols, bool with_bias, matrix<T>& stacked, std::vector<T>& bias) {
    std::size_t rows = 0;
    for (const auto& [name, count] : parts) {
      static_cast<void>(weights.tensor(name + ".weight", {count, cols}));  // before any memory is taken
      rows += count;
    }
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

  [[nodiscard]] static llama_layer<T> read_layer(const llama_config& config, const weight_files& weights,
                                                 std::size_t l) {
    const std::string name = "model.layers." + std::to_string(l) + ".";
    const std::size_t queries = config.heads * config.head_width;
    const std::size_t keys = config.kv_heads * config.head_width;
    using part = std::pair<std::string, std::size_t>;
    const part qkv[] = {
        {name + "self_attn.q_proj", queries}, {name + "self_attn.k_proj", keys}, {name + "self_attn.v_proj", keys}};
    const part output[] = {{name + "self_attn.o_proj", config.width}};
    const part gate_up[] = {{name + "mlp.gate_proj", config.mlp_width}, {name + "mlp.up_proj", config.mlp_width}};
    const part down[] = {{name + "mlp.down_proj", config.width}};
    llama_layer<T> w;
    read_stacked(weights, qkv, config.width, config.attention_bias, w.qkv, w.qkv_bias);
    read_stacked(weights, output, queries, config.attention_bias, w.output, w.output_bias);
    read_stacked(weights, gate_up, config.width, config.mlp_bias, w.gate_up, w.gate_up_bias);
    read_stacked(weights, down, config.mlp_width, config.mlp_bias, w.down, w.down_bias);
    w.attention_gain = read(weights, name + "input_layernorm.weight", config.width);
    w.mlp_gain = read(weights, name + "post_attention_layernorm.weight", config.width);
    return w;
  }
};

}  // namespace strata
