/// The attention weights of a plain run, all of them: with a frozen pattern masked runs use these, not their own, so that
/// what is dropped does not change where heads look.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

/// Memory:   layers · heads · tokens · (tokens + 1) / 2 numbers: of each row only the sources up to its own token.
template <class T>
class full_pattern {
 public:
  /// All weights are 0.
  full_pattern(const model_shape& shape, std::size_t tokens)
      : shape_(shape), tokens_(tokens), weights_(shape.layers * shape.heads * (tokens * (tokens + 1) / 2)) {}

  [[nodiscard]] const model_shape& shape() const { return shape_; }
  [[nodiscard]] std::size_t tokens() const { return tokens_; }

  /// Of the edges from sources 0 … target, after the softmax: (target + 1). In the last layer only the last token's are
  /// known where the pass gives only that one's row.
  [[nodiscard]] std::span<const T> row(std::size_t layer, std::size_t head, std::size_t target) const {
    return std::span(weights_).subspan(begin(layer, head, target), target + 1);
  }
  [[nodiscard]] std::span<T> row(std::size_t layer, std::size_t head, std::size_t target) {
    return std::span(weights_).subspan(begin(layer, head, target), target + 1);
  }

  /// Throws:   strata::option_error where it is not of a prompt of this length of this model.
  void require(const model_shape& shape, std::size_t prompt) const {
    if (shape != shape_) raise<option_error>("the frozen pattern is of a model of another shape");
    if (prompt != tokens_)
      raise<option_error>("the prompt has ", prompt, " tokens, the frozen pattern is of one of ", tokens_);
  }

 private:
  [[nodiscard]] std::size_t begin(std::size_t layer, std::size_t head, std::size_t target) const {
    STRATA_ASSERT(layer < shape_.layers && head < shape_.heads && target < tokens_, "full_pattern: no such row");
    return (layer * shape_.heads + head) * (tokens_ * (tokens_ + 1) / 2) + target * (target + 1) / 2;
  }

  model_shape shape_;
  std::size_t tokens_;
  std::vector<T> weights_;
};

}  // namespace strata
