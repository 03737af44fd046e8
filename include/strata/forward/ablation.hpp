/// What dropping an edge does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "strata/core/error.hpp"
#include "strata/forward/edge_means.hpp"
#include "strata/forward/full_pattern.hpp"
#include "strata/forward/mass_means.hpp"
#include "strata/forward/node_norms.hpp"
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
/// there. With mass: a dropped attention edge of weight a contributes a · ō, and a node is the zero vector unless kept
/// edges lead to it from an embedding; the trace without such a path to the output stays as uninformed as the empty one.
///
/// With a pattern the weights are those of the plain run, whatever is dropped, and with norms every node that is not zero
/// gets the norm that it had there; both go with any of the three.
template <class T>
struct ablation {
  attention_mask attention = attention_mask::after_softmax;
  // None of them owned; null: not so.
  const edge_means<T>* means = nullptr;
  const mass_means<T>* mass = nullptr;
  const full_pattern<T>* pattern = nullptr;
  const node_norms<T>* norms = nullptr;

  ablation() = default;
  ablation(attention_mask variant, const edge_means<T>* of_dropped = nullptr) : attention(variant), means(of_dropped) {}

  /// Throws:   strata::option_error for parts that are not of prompts of this length of this model, or do not go
  ///           together: means and mass take after_softmax only and exclude each other, a pattern and norms do not go with
  ///           ignored.
  /// head_width: of the model; 0: not known here.
  void require(const model_shape& shape, std::size_t prompt, std::size_t head_width = 0) const {
    if (means != nullptr && mass != nullptr)
      raise<option_error>("a dropped attention edge contributes its own mean or its head's mean output, not both");
    if ((means != nullptr || mass != nullptr) && attention != attention_mask::after_softmax)
      raise<option_error>("means of dropped edges go with the attention mask after_softmax only");
    if ((pattern != nullptr || norms != nullptr) && attention == attention_mask::ignored)
      raise<option_error>("a frozen pattern and rescaled nodes do not go with the attention mask ignored");
    if (means != nullptr) {
      if (head_width != 0 && head_width != means->head_width())
        raise<option_error>("the means of dropped edges are of heads of width ", means->head_width(),
                            ", the model's are ", head_width, " wide");
      means->require(shape, prompt);
    }
    if (mass != nullptr) mass->require(shape, prompt, head_width);
    if (pattern != nullptr) pattern->require(shape, prompt);
    if (norms != nullptr) norms->require(shape, prompt);
  }
};

}  // namespace strata
