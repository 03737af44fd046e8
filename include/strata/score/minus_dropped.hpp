/// What attention edges contribute minus what stands for them when they are dropped (forward/ablation.hpp): what dropping
/// an edge really takes away from its node. In head width, before W_O:
///
///   zero ablation   a · v                        a vector of the source, times a weight: factored
///   mass means      a · (v − ō[h])               the same; with causal means a vector of every edge
///   means           a · v − mean[h, t, s]        a vector of every edge
#pragma once

#include <cstddef>
#include <span>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/graph/graph.hpp"

namespace strata::detail {

template <class T>
class minus_dropped {
 public:
  minus_dropped() = default;
  explicit minus_dropped(const ablation<T>& dropped) : means_(dropped.means), mass_(dropped.mass) {}

  /// Whether an edge's difference is its weight times a vector of its source, so that the scores of one head factor.
  [[nodiscard]] bool factored() const { return means_ == nullptr && (mass_ == nullptr || mass_->targets() == 1); }

  /// The vectors of one head's sources where they are factored: values, or a copy of them minus ō in `storage`.
  [[nodiscard]] matrix_view<const T> of_sources(std::size_t layer, std::size_t head, matrix_view<const T> values,
                                                matrix<T>& storage) const {
    if (mass_ == nullptr) return values;
    storage = matrix<T>(values);
    for (std::size_t s = 0; s < storage.rows(); ++s) subtract(storage.row(s), mass_->of(layer, 0, head));
    return storage.view();
  }

  /// Of one head's edges into a target: (target + 1, head_width). weights: (sources) of the target.
  void differences(std::size_t layer, std::size_t head, std::size_t target, std::span<const T> weights,
                   matrix_view<const T> values, matrix<T>& out) const {
    out.resize_uninitialised(target + 1, values.cols);
    for (std::size_t s = 0; s <= target; ++s) {
      const T own = means_ != nullptr ? T{1} : weights[s];
      const std::span<const T> mean =
          means_ != nullptr ? means_->attention(layer, head, target).row(s) : mass_->of(layer, target, head);
      const std::span<T> to = out.row(s);
      for (std::size_t j = 0; j < to.size(); ++j) to[j] = weights[s] * values(s, j) - own * mean[j];
    }
  }

  /// rows: what the residual edges into nodes (level, tokens) contribute; becomes the difference.
  void from_residual(std::size_t level, std::span<const std::size_t> tokens, matrix<T>& rows) const {
    if (means_ == nullptr) return;
    for (std::size_t r = 0; r < tokens.size(); ++r) subtract(rows.row(r), means_->residual(level, tokens[r]));
  }
  /// The same of MLP edges.
  void from_mlp(std::size_t layer, std::span<const std::size_t> tokens, matrix<T>& rows) const {
    if (means_ == nullptr) return;
    for (std::size_t r = 0; r < tokens.size(); ++r) subtract(rows.row(r), means_->mlp(layer, tokens[r]));
  }

  /// Throws:   strata::option_error for what stands for edges of another graph, or of other widths.
  void require(const graph& edges, std::size_t width, std::size_t head_width) const {
    const auto same = [&](const model_shape& shape, std::size_t of_heads) {
      if (edges.layers() != shape.layers || edges.heads() != shape.heads || edges.block() != shape.block ||
          width != shape.width || head_width != of_heads)
        raise<option_error>("the means of dropped edges are of a model of another shape");
    };
    if (means_ != nullptr) {
      same(means_->shape(), means_->head_width());
      means_->require(means_->shape(), edges.tokens());
    }
    if (mass_ != nullptr) {
      same(mass_->shape(), mass_->head_width());
      mass_->require(mass_->shape(), edges.tokens(), head_width);
    }
  }

 private:
  static void subtract(std::span<T> row, std::span<const T> mean) {
    for (std::size_t j = 0; j < row.size(); ++j) row[j] -= mean[j];
  }

  const edge_means<T>* means_ = nullptr;
  const mass_means<T>* mass_ = nullptr;
};

}  // namespace strata::detail
