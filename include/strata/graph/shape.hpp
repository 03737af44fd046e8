/// What the graph of a transformer depends on: its shape.
#pragma once

#include <cstddef>
#include <cstdint>

namespace strata {

/// Index of a token in the vocabulary.
using token_id = std::int32_t;

/// sequential: the MLP reads the residual stream after attention (Llama, GPT-2, …).
/// parallel: attention and MLP read the same residual stream (GPT-NeoX, GPT-J, Phi-2, Falcon).
enum class block_kind : std::uint8_t { sequential, parallel };

/// The shape of a model, the same for every prompt.
struct model_shape {
  std::size_t layers = 0;
  std::size_t heads = 0;       // query heads
  std::size_t width = 0;       // of the residual stream (d_model)
  std::size_t vocabulary = 0;  // number of logits
  std::size_t context = 0;     // longest prompt in tokens; 0: not limited
  block_kind block = block_kind::sequential;

  friend bool operator==(const model_shape&, const model_shape&) = default;
};

}  // namespace strata
