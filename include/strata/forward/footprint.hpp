/// What a forward pass holds and computes, as far as estimates of memory and time need it.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>

#include "strata/graph/shape.hpp"

namespace strata {

/// Counted in numbers of the pass's scalar; weights that stay in memory are not counted.
struct pass_footprint {
  std::size_t source = 0;  // what an attention_source keeps for each token: (heads + kv_heads) · head_width; 0: none
  std::size_t head_width = 0;  // the heads' queries, keys and values have so many components
  std::size_t row = 0;         // what a run holds at once for each token
  std::size_t sweep_row = 0;   // what a sweep holds at once for each row that it computes; 0: there is no sweep
  std::size_t block_row = 0;   // what its MLP holds beside four rows, for each of at most block_rows rows
  std::size_t block_rows = 0;
  std::size_t fixed = 0;         // what a run holds whatever the prompt
  std::size_t gradient_row = 0;  // what a run forward and back keeps for each token and layer beside attention weights
  double products = 0;           // multiplications with weights for each token
};

/// A pass that says what it takes. Only one whose footprint has a source can trace prompts whose scores are too many to
/// be stored.
template <class M>
concept measured_forward_pass = requires(const M& model) {
  { model.footprint() } -> std::convertible_to<pass_footprint>;
};

/// What a pass says, or a guess for one that does not: heads that share the width, an MLP four times as wide, no source.
template <class Model>
[[nodiscard]] pass_footprint footprint_of(const Model& model) {
  if constexpr (measured_forward_pass<Model>) {
    return model.footprint();
  } else {
    const model_shape shape = model.shape();
    const auto width = static_cast<double>(shape.width);
    return {.head_width = shape.width / std::max<std::size_t>(1, shape.heads),
            .row = 8 * shape.width,
            .products = static_cast<double>(shape.layers) * 12 * width * width};
  }
}

}  // namespace strata
