/// Selection of the best edges of each node, by the sum of their scores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/checked_scores.hpp"
#include "strata/search/node_edges.hpp"
#include "strata/search/walk_back.hpp"

namespace strata {

/// Which edges a nucleus may hold where the scores of a node do not add up to τ. any: all of them, down to score 0 and
/// below. positive: those with score > 0, as the published code has it.
enum class nucleus_edges : std::uint8_t { any, positive };

/// Backwards from the output, each reached node keeps its best edges until their scores add up to τ: one edge more as
/// long as the sum is below τ. Equal scores: the smaller id. An edge of score +∞, a frozen one (search/frozen.hpp), is
/// kept and adds nothing to the sum; with nucleus_edges::positive it adds as any other, so that it is the last.
///
/// scores_of: node → std::span<const T> of its edge_count(node) scores in the order of their ids; need not outlive the
///            next call. Called once for each reached node.
/// Throws:    strata::option_error if τ is NaN; strata::numeric_error if a score of a reached node is.
/// Cost:      the calls of scores_of, and for a node with m edges of which k are kept O(m·log k + k·log k).
/// Accuracy:  the sum is formed in double, from the best edge on. Scores that add up to 1 by definition may add up to a
///            little less, so that τ = 1 may keep all edges.
/// Source:    Kervadec et al., arXiv 2605.27033.
template <class T, class NodeScores>
[[nodiscard]] edge_mask nucleus_selection_by_node(const graph& graph, NodeScores scores_of, double tau,
                                                  nucleus_edges edges = nucleus_edges::any) {
  if (tau != tau) raise<option_error>("the sum of scores that a nucleus needs is not a number");
  const bool positive = edges == nucleus_edges::positive;
  std::vector<detail::scored_edge<T>> scratch;
  return detail::walk_back(graph, [&](node n, auto keep) {
    const std::span<const T> scores = scores_of(n);
    STRATA_ASSERT(scores.size() == graph.edge_count(n), "nucleus_selection: one score for each incoming edge");
    detail::node_edges<T> best(n, scores, scratch);
    for (double sum = 0; !best.empty(); best.pop()) {
      if (best.used_up()) best.refill(n, scores, scratch);
      const bool frozen = !positive && best.score() == std::numeric_limits<T>::infinity();
      if (!frozen && (!(sum < tau) || (positive && !(best.score() > 0)))) break;
      keep(best.index());
      if (!frozen) sum += static_cast<double>(best.score());
    }
  });
}

/// The same with the scores of all edges, in the order of their ids.
template <class T>
[[nodiscard]] edge_mask nucleus_selection(const graph& graph, std::span<const T> scores, double tau,
                                          nucleus_edges edges = nucleus_edges::any) {
  return nucleus_selection_by_node<T>(graph, detail::scores_by_node(graph, scores), tau, edges);
}

}  // namespace strata
