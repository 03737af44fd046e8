/// A decoder-only transformer described by its parts: what decoder.hpp computes. An architecture of architectures/
/// fills this from a config.json or from the metadata of a GGUF file.
///
///   x ← embedding_scale · embedding[token] (+ position embedding)
///   sequential block:  x ← x + post(attention(pre(x))),  x ← x + post(mlp(pre(x)))
///   parallel block:    x ← x + attention(pre(x)) + mlp(pre′(x))
///   logits = unembedding · final_norm(x)
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "strata/forward/norm.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/rope_settings.hpp"

namespace strata {

/// The function between the two matrices of an MLP. gelu_tanh is its usual approximation by tanh.
enum class activation : std::uint8_t { silu, gelu, gelu_tanh };

/// A norm of queries and keys before the rotary embedding: of each head, or of all heads of a token together.
enum class query_key_norm : std::uint8_t { none, per_head, whole };

struct decoder_config {
  std::string architecture;  // "llama", as config.json calls it

  std::size_t layers = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;  // divides heads
  std::size_t head_width = 0;
  std::size_t width = 0;
  std::size_t mlp_width = 0;
  std::size_t vocabulary = 0;
  std::size_t context = 0;  // tokens

  block_kind block = block_kind::sequential;
  norm_kind norm = norm_kind::rms;
  double norm_eps = 0;
  bool pre_norms = true;    // before attention and MLP
  bool post_norms = false;  // between them and the residual stream
  query_key_norm qk_norm = query_key_norm::none;

  double embedding_scale = 1;
  std::optional<rope_settings> rope;          // none: learned positions
  std::optional<rope_settings> sliding_rope;  // of layers with a window, where it is another one
  std::size_t rotary_width = 0;               // components of a head that turn, the first ones; even
  std::vector<std::size_t> windows;  // (layers): a token sees so many tokens, itself included; 0: all before it
  double attention_scale = 0;        // of the scores, before the softmax
  bool qkv_bias = false;
  bool output_bias = false;

  activation activates = activation::silu;
  bool gated = true;  // down(activation(gate(h)) ∘ up(h)), else down(activation(up(h)))
  bool mlp_bias = false;

  std::optional<bool> tie_word_embeddings;  // none: the file does not say
  std::vector<std::string> warnings;        // sentences about keys that are not known

  /// Whether the unembedding is the embedding. Where the file does not say, it is if the weights have no unembedding.
  [[nodiscard]] bool tied(bool weights_have_unembedding) const {
    return tie_word_embeddings.value_or(!weights_have_unembedding);
  }

  [[nodiscard]] model_shape shape() const { return {layers, heads, width, vocabulary, context, block}; }
};

}  // namespace strata
