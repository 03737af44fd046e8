/// What a scoring rule is: how much an edge matters to its target node, from what the edge contributes to the node's
/// value. A rule has one of four forms, and the recorders find out which:
///
///   factored_rule   an attention edge's score is weight · factor of the source · scale of the target: nearly free
///   head_rule       scores the attention edges of one head at once
///   node_rule       scores the edges into one node at once, from all of their contributions
///   edge_rule       looks at nothing but the number of the edge
///
/// At the last level contributions and node values are seen through the linearised final norm, unless the rule says
/// otherwise.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/matrix_view.hpp"
#include "strata/forward/norm.hpp"
#include "strata/graph/edge.hpp"

namespace strata {

/// The contributions of one head's attention edges into a layer's targets, in factored form: edge (target i, source s)
/// contributes weights(i, s) · scales[i] · vectors.row(s) to the node whose value is nodes.row(i). Sources beyond the
/// target have weight 0.
template <class T>
struct head_contributions {
  matrix_view<const T> weights;  // (targets, sources), after the softmax
  std::span<const T> scales;     // (targets): 1/rms of the post-norm, 1 without one
  matrix_view<const T> vectors;  // (sources, width): W_O v, through the linear part of the post-norm without its 1/rms
  matrix_view<const T> nodes;    // (targets, width): node values
};

/// What the two forms that score edge by edge have in common.
///   single(contribution, node)  the score of a residual or MLP edge.
///   finish(scores)              last step with all scores of a node, in edge order: a division by their sum, say.
///   node_factor(target)         optional: by what all scores of a node are multiplied after finish.
///   through_final_norm          optional, a bool; false: contributions to the last level and its node are taken as they
///                               are, before the final norm.
template <class R, class T>
concept finished_rule = requires(const R& rule, std::span<const T> c, std::span<T> node_scores) {
  { rule.single(c, c) } -> std::convertible_to<T>;
  rule.finish(node_scores);
};

/// A rule whose attention scores factor: weight · factor of the source · scale of the target, multiplied in this order.
///   source_factors(vectors, factors)   the factors of one head's sources; vectors as in head_contributions
///   target_factor(node)                optional: by what the scale of a target is multiplied
/// Such a rule can score a long prompt, whose weights are not stored.
template <class R, class T>
concept factored_rule = finished_rule<R, T> &&
    requires(const R& rule, matrix_view<const T> vectors, std::span<T> factors) {
  rule.source_factors(vectors, factors);
};

///   attention(head, scores)     scores(i, s) of one head's edges: (targets, sources). Sources beyond the target are not
///                               read. Several threads call it at the same time, for different heads.
template <class R, class T>
concept head_rule = finished_rule<R, T> &&
    requires(const R& rule, const head_contributions<T>& head, matrix_view<T> scores) {
  rule.attention(head, scores);
};

///   node(contributions, value, scores)   contributions: (edges, width), in edge order; scores: (edges). Several threads
///                                        call it at the same time, for different nodes.
/// Memory:   the contributions of one node at a time in each thread, and one layer's vectors of head_contributions.
template <class R, class T>
concept node_rule = requires(const R& rule, matrix_view<const T> contributions, std::span<const T> value,
                             std::span<T> scores) {
  rule.node(contributions, value, scores);
};

///   edge(id)   the score of an edge.
template <class R, class T>
concept edge_rule = requires(const R& rule, edge_id id) {
  { rule.edge(id) } -> std::convertible_to<T>;
};

template <class R, class T>
concept score_rule = factored_rule<R, T> || head_rule<R, T> || node_rule<R, T> || edge_rule<R, T>;

/// A rule for long prompts: the scores of a node are computed again when they are asked for.
template <class R, class T>
concept recomputed_rule = factored_rule<R, T> || edge_rule<R, T>;

/// The scores of one target's attention edges of a head by a factored rule. scores may be weights.
template <class T>
void factored_scores(std::span<const T> weights, std::span<const T> factors, T scale, std::span<T> scores) {
  for (std::size_t s = 0; s < scores.size(); ++s) scores[s] = weights[s] * factors[s] * scale;
}

/// The scale of a target: 1/rms of its post-norm times the rule's factor of its value, where the rule has one.
template <class T, class Rule>
[[nodiscard]] T factored_scale(const Rule& rule, T scale, std::span<const T> node) {
  if constexpr (requires { rule.target_factor(node); })
    return scale * rule.target_factor(node);
  else
    return scale;
}

/// The scores of one head's attention edges by a rule that looks at them edge by edge.
template <class T, class Rule>
void score_head(const Rule& rule, const head_contributions<T>& head, matrix_view<T> scores) {
  if constexpr (factored_rule<Rule, T>) {
    std::vector<T> factors(head.vectors.rows);
    rule.source_factors(head.vectors, std::span<T>(factors));
    for (std::size_t i = 0; i < scores.rows; ++i)
      factored_scores<T>(head.weights.row(i), factors, factored_scale<T>(rule, head.scales[i], head.nodes.row(i)),
                         scores.row(i));
  } else {
    rule.attention(head, scores);
  }
}

/// The last step with all scores of a node. A score too large for T becomes the largest one.
template <class T, class Rule>
void finish_node(const Rule& rule, [[maybe_unused]] node target, std::span<T> scores) {
  rule.finish(scores);
  if constexpr (requires { rule.node_factor(target); }) {
    const auto factor = static_cast<double>(rule.node_factor(target));
    constexpr auto largest = static_cast<double>(std::numeric_limits<T>::max());
    for (T& score : scores) score = static_cast<T>(std::min(static_cast<double>(score) * factor, largest));
  }
}

/// Whether the rule sees the last level through the final norm.
template <class Rule>
[[nodiscard]] bool sees_final_norm(const Rule& rule) {
  if constexpr (requires { rule.through_final_norm; })
    return rule.through_final_norm;
  else
    return true;
}

/// The scores of edges with neighbouring numbers.
template <class T, class Rule>
void edge_scores(const Rule& rule, edge_id first, std::span<T> scores) {
  for (T& score : scores) score = static_cast<T>(rule.edge(first++));
}

/// Divides the scores of a node by their sum; where it is 0, all become 0. NaN stays NaN, and is refused by the search.
template <class T>
void divide_by_sum(std::span<T> scores) {
  const double sum = detail::sum_over<T>(scores, [](double s) { return s; });
  for (T& s : scores) s = sum == 0 ? T{0} : static_cast<T>(static_cast<double>(s) / sum);
}

/// A rule from one function score(contribution, node) of spans, divided by the node's sum if asked for. Every
/// contribution is formed: O(T²·H·width) work, but no T²·H·width memory. The plain way to a rule of one's own, and the
/// reference for fast ones.
template <class F>
class per_edge {
 public:
  explicit per_edge(F score, bool divided_by_sum = false) : score_(score), divided_(divided_by_sum) {}

  template <class T>
  void attention(const head_contributions<T>& head, matrix_view<T> scores) const {
    std::vector<T> contribution(head.vectors.cols);
    for (std::size_t i = 0; i < scores.rows; ++i)
      for (std::size_t s = 0; s < scores.cols; ++s) {
        const T factor = head.weights(i, s) * head.scales[i];
        for (std::size_t j = 0; j < contribution.size(); ++j) contribution[j] = factor * head.vectors(s, j);
        scores(i, s) = static_cast<T>(score_(std::span<const T>(contribution), head.nodes.row(i)));
      }
  }
  template <class T>
  [[nodiscard]] T single(std::span<const T> contribution, std::span<const T> node) const {
    return static_cast<T>(score_(contribution, node));
  }
  template <class T>
  void finish(std::span<T> scores) const {
    if (divided_) divide_by_sum(scores);
  }

 private:
  F score_;
  bool divided_;
};

}  // namespace strata
