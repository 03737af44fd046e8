/// The weights of one layer in the type of the computation, and where they come from.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/forward/norm.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/stored_linear.hpp"
#include "strata/model/tensor_view.hpp"
#include "strata/model/weight_files.hpp"
#include "strata/model/weight_layout.hpp"

namespace strata {

template <class T>
struct norm_weights {
  std::vector<T> gain;  // as applied; empty: there is no such norm
  std::vector<T> bias;  // empty: none
};

template <class T>
struct layer_weights {
  matrix<T> qkv;      // ((heads + 2 · kv_heads) · head_width, width): queries, keys, values
  matrix<T> output;   // (width, heads · head_width)
  matrix<T> gate_up;  // (2 · mlp_width, width), or (mlp_width, width) without a gate
  matrix<T> down;     // (width, mlp_width)
  std::vector<T> qkv_bias, output_bias, gate_up_bias, down_bias;                 // empty: none
  norm_weights<T> attention_norm, attention_post_norm, mlp_norm, mlp_post_norm;  // (width)
  norm_weights<T> query_norm, key_norm;  // (head_width), or of all heads together
};

namespace detail {

/// A norm's weights in the files.
class stored_norm {
 public:
  stored_norm() = default;

  /// Throws: strata::data_error for a tensor that is missing or has another shape than (size).
  stored_norm(const weight_files& files, const std::string& name, std::size_t size, bool bias, bool plus_one)
      : plus_one_(plus_one) {
    tensors_.push_back(find_tensor(files, name + ".weight", {size}));
    if (bias) tensors_.push_back(find_tensor(files, name + ".bias", {size}));
  }

  [[nodiscard]] std::size_t elements() const { return tensors_.empty() ? 0 : tensors_.size() * tensors_[0].elements(); }

  template <class T>
  void expand_into(norm_weights<T>& out) const {
    std::vector<T>* const places[] = {&out.gain, &out.bias};
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      places[i]->resize(tensors_[i].elements());
      expand(tensors_[i], std::span<T>(*places[i]));
    }
    if (plus_one_)
      for (T& g : out.gain) g += 1;
  }

 private:
  std::vector<tensor_view> tensors_;  // weight, bias; empty: there is no such norm
  bool plus_one_ = false;
};

/// A layer in the files; all of its tensors are there and have the right shapes.
class stored_layer {
 public:
  /// Throws: strata::data_error for a tensor that is missing or has another shape than the configuration asks for.
  stored_layer(const decoder_config& config, const weight_files& files, const weight_layout& names, std::size_t l) {
    const std::string prefix = concat(names.layer, l, ".");
    const auto full = [&](std::string_view name) { return prefix + std::string(name); };
    const std::size_t queries = config.heads * config.head_width;
    const std::size_t keys = config.kv_heads * config.head_width;
    const auto linear = [&](std::initializer_list<stored_linear::part> parts, std::size_t cols, bool bias) {
      return stored_linear(files, std::span(parts.begin(), parts.size()), cols, bias, names.transposed,
                           config.head_width);
    };

    const auto& [q, k, v] = names.query_key_value;
    qkv_ = k.empty() ? linear({{full(q), queries + 2 * keys, names.rows}}, config.width, config.qkv_bias)
                     : linear({{full(q), queries, names.rows}, {full(k), keys, names.rows}, {full(v), keys}},
                              config.width, config.qkv_bias);
    output_ = linear({{full(names.output), config.width}}, queries, config.output_bias);
    const auto& [gate, up] = names.gate_up;
    gate_up_ =
        up.empty()
            ? linear({{full(gate), (config.gated ? 2 : 1) * config.mlp_width}}, config.width, config.mlp_bias)
            : linear({{full(gate), config.mlp_width}, {full(up), config.mlp_width}}, config.width, config.mlp_bias);
    down_ = linear({{full(names.down), config.width}}, config.mlp_width, config.mlp_bias);

    const auto norm_of = [&](std::string_view name, std::size_t size) {
      return stored_norm(files, full(name), size, config.norm == norm_kind::layer, names.gain_plus_one);
    };
    if (config.pre_norms) {
      attention_norm_ = norm_of(names.attention_norm, config.width);
      mlp_norm_ = norm_of(names.mlp_norm, config.width);
    }
    if (config.post_norms) {
      attention_post_norm_ = norm_of(names.attention_post_norm, config.width);
      mlp_post_norm_ = norm_of(names.mlp_post_norm, config.width);
    }
    if (config.qk_norm != query_key_norm::none) {
      const bool whole = config.qk_norm == query_key_norm::whole;
      query_norm_ = norm_of(names.query_norm, whole ? queries : config.head_width);
      key_norm_ = norm_of(names.key_norm, whole ? keys : config.head_width);
    }
  }

  /// Number of weights.
  [[nodiscard]] std::size_t elements() const {
    return qkv_.elements() + output_.elements() + gate_up_.elements() + down_.elements() + attention_norm_.elements() +
           attention_post_norm_.elements() + mlp_norm_.elements() + mlp_post_norm_.elements() + query_norm_.elements() +
           key_norm_.elements();
  }

  /// Keeps the memory that `out` has.
  template <class T>
  void expand_into(layer_weights<T>& out, std::size_t threads) const {
    qkv_.expand_into(out.qkv, out.qkv_bias, threads);
    output_.expand_into(out.output, out.output_bias, threads);
    gate_up_.expand_into(out.gate_up, out.gate_up_bias, threads);
    down_.expand_into(out.down, out.down_bias, threads);
    attention_norm_.expand_into(out.attention_norm);
    attention_post_norm_.expand_into(out.attention_post_norm);
    mlp_norm_.expand_into(out.mlp_norm);
    mlp_post_norm_.expand_into(out.mlp_post_norm);
    query_norm_.expand_into(out.query_norm);
    key_norm_.expand_into(out.key_norm);
  }

 private:
  stored_linear qkv_, output_, gate_up_, down_;
  stored_norm attention_norm_, attention_post_norm_, mlp_norm_, mlp_post_norm_, query_norm_, key_norm_;
};

}  // namespace detail

}  // namespace strata
