/// Frozen components: their edges are kept as soon as their targets are reached, and do not count in the size.
///
/// They get the score +∞, so that a best-first search takes them at once. Of its order the trace of n counted edges is
/// then the prefix up to the next edge that counts. In the published code they count: the trace is the prefix of n.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/graph/components.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

namespace detail {

// A score that is NaN stays, for the search to refuse it.
template <class T>
void freeze_node(const graph& graph, const components& frozen, node n, std::span<T> scores) {
  frozen.for_each(graph, n, [&](std::size_t i) {
    if (scores[i] == scores[i]) scores[i] = std::numeric_limits<T>::infinity();
  });
}

}  // namespace detail

/// Gives the edges of the components the score +∞.
/// Shape:    scores: (E).
/// Requires: every other score is below +∞.
template <class T>
void freeze(const graph& graph, const components& frozen, std::span<T> scores) {
  STRATA_ASSERT(scores.size() == graph.edge_count(), "freeze: one score for each edge");
  for (std::size_t level = 1; level <= graph.levels(); ++level)
    for (std::size_t token = 0; token < graph.tokens(); ++token) {
      const node n{level, token};
      const auto count = static_cast<std::size_t>(graph.edge_count(n));
      if (count == 0) continue;
      detail::freeze_node(graph, frozen, n, scores.subspan(static_cast<std::size_t>(graph.first_edge(n)), count));
    }
}

/// The same for scores that are given node by node (best_first_by_node and its like).
/// Returns: node → std::span<const T>, good until the next call.
template <class T, class NodeScores>
[[nodiscard]] auto frozen_by_node(const graph& graph, const components& frozen, NodeScores scores_of) {
  return [graph, frozen, scores_of = std::move(scores_of), own = std::vector<T>()](node n) mutable {
    const std::span<const T> scores = scores_of(n);
    own.assign(scores.begin(), scores.end());
    detail::freeze_node(graph, frozen, n, std::span<T>(own));
    return std::span<const T>(own);
  };
}

/// How many edges a search has to be asked for, so that its order holds the trace of n counted edges.
[[nodiscard]] inline edge_id frozen_limit(const graph& graph, const components& frozen, edge_id n) {
  const edge_id edges = graph.edge_count();
  return n < edges - frozen.count(graph) ? n + frozen.count(graph) : edges;
}

/// How many edges of the order make the trace of n counted edges, for each n of `counted`: n edges that are not frozen
/// and all frozen ones whose targets are reached by then. All of the order where it has fewer that count.
/// Requires: counted ascends; the order is that of a best-first search with frozen scores, of frozen_limit() edges for
///           the largest n or more.
/// Returns:  (counted).
/// Cost:     one walk along the order.
[[nodiscard]] inline std::vector<std::size_t> frozen_prefixes(const graph& graph, const components& frozen,
                                                              const edge_order& order,
                                                              std::span<const edge_id> counted) {
  STRATA_ASSERT(std::is_sorted(counted.begin(), counted.end()), "frozen_prefixes: the numbers of edges must ascend");
  std::vector<std::size_t> prefixes;
  prefixes.reserve(counted.size());
  std::size_t length = 0;
  edge_id taken = 0;
  for (const edge_id n : counted) {
    for (; length < order.size(); ++length) {
      const bool counts = !frozen.contains(graph, graph.at(order[length]));
      if (counts && taken == n) break;
      taken += counts ? 1 : 0;
    }
    prefixes.push_back(length);
  }
  return prefixes;
}

/// The same for one n.
[[nodiscard]] inline std::size_t frozen_prefix(const graph& graph, const components& frozen, const edge_order& order,
                                               edge_id n) {
  return frozen_prefixes(graph, frozen, order, std::span(&n, 1)).front();
}

}  // namespace strata
