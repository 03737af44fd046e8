/// What the edges into a node contribute, formed one node at a time: for rules that need all of it at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/graph/graph.hpp"
#include "strata/score/attention_record.hpp"
#include "strata/score/level_nodes.hpp"
#include "strata/score/minus_dropped.hpp"

namespace strata::detail {

/// Memory: one layer's vectors, tokens · heads · width.
template <class T>
class node_contributions {
 public:
  /// attention and mlp may be null. Keeps views of all of them.
  node_contributions(const graph& graph, const level_nodes<T>& nodes, const attention_pattern<T>& pattern,
                     const attention_parts<T>* attention, const matrix<T>& residual, const matrix<T>* mlp,
                     const minus_dropped<T>& minus, std::size_t threads)
      : graph_(graph),
        nodes_(nodes),
        pattern_(pattern),
        attention_(attention),
        residual_(residual),
        mlp_(mlp),
        minus_(minus) {
    if (attention == nullptr || !minus.factored()) return;
    vectors_.resize(graph.heads());
    parallel_for(threads, graph.heads(), [&](std::size_t h) {
      nodes.head_vectors(minus, *attention, graph.layer_of(nodes.level()), graph.heads(), h, vectors_[h]);
    });
  }

  /// The contributions to node i of the level, (edges, width), in edge order.
  [[nodiscard]] matrix<T> into(std::size_t i) const {
    matrix<T> all;
    all.resize_uninitialised(static_cast<std::size_t>(graph_.edge_count(nodes_.at(i))), residual_.cols());
    take(residual_, i, all.row(0));
    const std::size_t heads = attention_ == nullptr ? 0 : graph_.heads(), target = nodes_.tokens()[i];
    matrix<T> differences;
    for (std::size_t h = 0; h < heads; ++h) {
      if (!minus_.factored())
        nodes_.difference_vectors(minus_, *attention_, graph_.layer_of(nodes_.level()), heads, h, i,
                                  pattern_.head(h).row(target), differences);
      for (std::size_t s = 0; s <= target; ++s) {
        const T factor = (minus_.factored() ? pattern_.head(h)(target, s) : T{1}) * nodes_.scales()[i];
        const std::span<const T> from = std::as_const(minus_.factored() ? vectors_[h] : differences).row(s);
        const std::span<T> to = all.row(1 + s * heads + h);
        for (std::size_t j = 0; j < to.size(); ++j) to[j] = factor * from[j];
      }
    }
    if (mlp_ != nullptr) take(*mlp_, i, all.row(all.rows() - 1));
    return all;
  }

 private:
  void take(const matrix<T>& rows, std::size_t i, std::span<T> contribution) const {
    std::copy_n(rows.row(nodes_.row(i)).begin(), contribution.size(), contribution.begin());
    nodes_.through_final_norm(contribution);
  }

  const graph& graph_;
  const level_nodes<T>& nodes_;
  const attention_pattern<T>& pattern_;
  const attention_parts<T>* attention_;
  const matrix<T>& residual_;
  const matrix<T>* mlp_;
  const minus_dropped<T>& minus_;
  std::vector<matrix<T>> vectors_;  // of each head: (sources, width); empty where the differences do not factor
};

}  // namespace strata::detail
