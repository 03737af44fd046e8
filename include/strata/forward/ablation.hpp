/// What dropping an edge does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "strata/core/error.hpp"
#include "strata/forward/edge_means.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

/// What dropping an attention edge does to the attention weights.
enum class attention_mask : std::uint8_t {
  after_softmax,   // its weight becomes 0; the others stay as they are (default)
  before_softmax,  // its score becomes −∞: the kept weights of the row are renormalised; a row with none left
                   // contributes 0
  ignored,  // nothing: all attention edges stay. A defect of the published code, for comparison with published curves
};

/// Zero ablation: a dropped edge contributes nothing, and a node without any kept incoming edge is the zero vector,
/// output bias included. With means (mean or resample ablation): it contributes its mean, and the output bias is always
/// there.
template <class T>
struct ablation {
  attention_mask attention = attention_mask::after_softmax;
  const edge_means<T>* means = nullptr;  // not owned; null: zero ablation

  ablation() = default;
  ablation(attention_mask variant, const edge_means<T>* of_dropped = nullptr) : attention(variant), means(of_dropped) {}

  /// Throws:   strata::option_error for means that are not of prompts of this length of this model, or together with
  ///           another variant than after_softmax.
  /// head_width: of the model; 0: not known here.
  void require(const model_shape& shape, std::size_t prompt, std::size_t head_width = 0) const {
    if (means == nullptr) return;
    if (head_width != 0 && head_width != means->head_width())
      raise<option_error>("the means of dropped edges are of heads of width ", means->head_width(),
                          ", the model's are ", head_width, " wide");
    if (attention != attention_mask::after_softmax)
      raise<option_error>("means of dropped edges go with the attention mask after_softmax only");
    means->require(shape, prompt);
  }
};

}  // namespace strata
