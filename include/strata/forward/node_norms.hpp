/// The Euclidean norms of a plain run's nodes: a masked run may give each of its own nodes the norm that it had there.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/graph/graph.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

template <class T>
class node_norms {
 public:
  /// All norms are 0.
  node_norms(const model_shape& shape, std::size_t tokens)
      : shape_(shape), tokens_(tokens), norms_((graph(shape, tokens).levels() + 1) * tokens) {}

  [[nodiscard]] std::size_t tokens() const { return tokens_; }
  [[nodiscard]] double of(node n) const { return norms_[n.level * tokens_ + n.token]; }

  void set(node n, std::span<const T> x) { norms_[n.level * tokens_ + n.token] = norm_of(x); }

  /// Gives x the norm of the node; the zero vector stays what it is, and a value that has the norm keeps its bits.
  void rescale(node n, std::span<T> x) const {
    const double found = norm_of(x);
    if (!(found > 0)) return;
    const T factor = static_cast<T>(of(n) / found);
    for (T& value : x) value *= factor;
  }

  /// Throws:   strata::option_error where they are not of a prompt of this length of this model.
  void require(const model_shape& shape, std::size_t prompt) const {
    if (shape != shape_) raise<option_error>("the norms of nodes are of a model of another shape");
    if (prompt != tokens_)
      raise<option_error>("the prompt has ", prompt, " tokens, the norms of nodes are of one of ", tokens_);
  }

 private:
  static double norm_of(std::span<const T> x) {
    double sum = 0;
    for (const T value : x) sum += static_cast<double>(value) * static_cast<double>(value);
    return std::sqrt(sum);
  }

  model_shape shape_;
  std::size_t tokens_;
  std::vector<double> norms_;  // (levels + 1, tokens)
};

}  // namespace strata
