/// The mean output of every head before W_O, ō: under mass-mean ablation a dropped attention edge of weight a adds a · ō
/// instead of a · v, so that what a row attends to is missing but its mass is not. Dropped residual and MLP edges add
/// nothing.
///
///   ō[layer, head] = mean over tokens t of Σ_s a[head, t, s] · v[head, s]
///
/// The tokens are 1 … T − 2 of a prompt of T: not the first, on which heads rest, nor the last, whose output is what is
/// asked for. Of a prompt of one or two tokens: token 0.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

/// prompt: the same for all targets. causal: of target t over tokens 1 … min(t, T − 2) only; of target 0, and where
/// there is no other, token 0.
enum class head_mean : std::uint8_t { prompt, causal };

/// The tokens that a mean is over: [first, last).
[[nodiscard]] inline std::pair<std::size_t, std::size_t> tokens_of_head_mean(head_mean which, std::size_t tokens,
                                                                             std::size_t target) {
  if (tokens <= 2 || (which == head_mean::causal && target == 0)) return {0, 1};
  return {1, which == head_mean::causal ? std::min(target + 1, tokens - 1) : tokens - 1};
}

template <class T>
class mass_means {
 public:
  /// means: (layers, heads · head_width), for all targets and prompts of any length; or (layers · tokens, heads ·
  /// head_width), for each target its own, and prompts of exactly so many tokens.
  mass_means(const model_shape& shape, matrix<T> means) : shape_(shape), means_(std::move(means)) {
    STRATA_ASSERT(shape.layers > 0 && shape.heads > 0 && means_.rows() > 0 && means_.rows() % shape.layers == 0 &&
                      means_.cols() > 0 && means_.cols() % shape.heads == 0,
                  "mass_means: a table of another shape");
  }

  [[nodiscard]] const model_shape& shape() const { return shape_; }
  [[nodiscard]] std::size_t head_width() const { return means_.cols() / shape_.heads; }
  /// Targets that have means of their own; 1: none.
  [[nodiscard]] std::size_t targets() const { return means_.rows() / shape_.layers; }
  [[nodiscard]] const matrix<T>& values() const { return means_; }

  /// Of all heads, side by side: (heads · head_width).
  [[nodiscard]] std::span<const T> of(std::size_t layer, std::size_t target) const {
    STRATA_ASSERT(layer < shape_.layers && (targets() == 1 || target < targets()), "mass_means: no such target");
    return means_.row(layer * targets() + (targets() == 1 ? 0 : target));
  }
  /// (head_width)
  [[nodiscard]] std::span<const T> of(std::size_t layer, std::size_t target, std::size_t head) const {
    return of(layer, target).subspan(head * head_width(), head_width());
  }

  /// Throws:   strata::option_error where they are not for prompts of this length of this model.
  /// heads_of: the model's head width; 0: not known here.
  void require(const model_shape& shape, std::size_t prompt, std::size_t heads_of) const {
    if (shape != shape_) raise<option_error>("the mean outputs of heads are of a model of another shape");
    if (heads_of != 0 && heads_of != head_width())
      raise<option_error>("the mean outputs of heads are of heads of width ", head_width(), ", the model's are ",
                          heads_of, " wide");
    if (targets() != 1 && targets() != prompt)
      raise<option_error>("the prompt has ", prompt, " tokens, the causal mean outputs of heads are of ", targets());
  }

 private:
  model_shape shape_;
  matrix<T> means_;
};

}  // namespace strata
