/// Selection by a threshold of the score.
#pragma once

#include <cstddef>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/checked_scores.hpp"
#include "strata/search/walk_back.hpp"

namespace strata {

/// The edges with score > τ from whose target the output node is reached through such edges.
///
/// scores_of: node → std::span<const T> of its edge_count(node) scores in the order of their ids; need not outlive the
///            call. Called once for each reached node.
/// Throws:    strata::option_error if τ is NaN; strata::numeric_error if a score of a reached node is.
/// Cost:      the calls of scores_of and a pass over what they give.
/// Source:    Kervadec et al., arXiv 2605.27033.
template <class T, class NodeScores>
[[nodiscard]] edge_mask threshold_by_node(const graph& graph, NodeScores scores_of, double tau) {
  if (tau != tau) raise<option_error>("the threshold is not a number");
  return detail::walk_back(graph, [&](node n, auto keep) {
    const std::span<const T> scores = scores_of(n);
    STRATA_ASSERT(scores.size() == graph.edge_count(n), "threshold: one score for each incoming edge");
    detail::check_numbers(n, scores);
    for (std::size_t i = 0; i < scores.size(); ++i)
      if (static_cast<double>(scores[i]) > tau) keep(i);
  });
}

/// The same with the scores of all edges, in the order of their ids.
template <class T>
[[nodiscard]] edge_mask threshold(const graph& graph, std::span<const T> scores, double tau) {
  return threshold_by_node<T>(graph, detail::scores_by_node(graph, scores), tau);
}

}  // namespace strata
