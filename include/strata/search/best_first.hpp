/// The order of the edges: a best-first search backwards from the output node.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/node_edges.hpp"
#include "strata/search/whole_order.hpp"

namespace strata {

/// Best-first search: starting with the edges into the output node, takes the edge with the highest score among those
/// whose target has been reached; its source is then reached. Equal scores: the edge whose target was reached first,
/// then the smaller id. The first n edges are the trace of n edges: connected to the output, and nested.
///
/// scores_of: node → std::span<const T> of its edge_count(node) scores in the order of their ids; need not outlive the
///            call. Called when the node is reached, and again when 32, 96, 224, … of its edges have been taken; must
///            give the same scores each time.
/// limit:     largest number of edges wanted; the order holds fewer only when the graph does.
/// Throws:    strata::numeric_error for a score that is NaN.
/// Cost:      O(n · log(reached nodes)), the calls of scores_of and a pass over what they give.
/// Memory:    beside the order, for each reached node 8 bytes (16 for double) times twice the number of its edges that
///            were taken, at most, or 32.
/// Source:    Kervadec et al., arXiv 2605.27033.
template <class T, class NodeScores>
[[nodiscard]] edge_order best_first_by_node(const graph& graph, NodeScores scores_of,
                                            edge_id limit = std::numeric_limits<edge_id>::max()) {
  struct entry {
    T score;
    std::uint32_t reached;                      // number of the node in the order of reaching
    bool operator<(const entry& worse) const {  // std's heaps keep the largest on top
      return score != worse.score ? score < worse.score : reached > worse.reached;
    }
  };
  struct reached_node {
    node at;
    edge_id first;
    detail::node_edges<T> edges;
  };
  std::vector<reached_node> reached;
  std::vector<bool> seen((graph.levels() + 1) * graph.tokens());
  std::vector<entry> heap;
  std::vector<detail::scored_edge<T>> scratch;

  const auto checked_scores = [&](node n) {
    const std::span<const T> scores = scores_of(n);
    STRATA_ASSERT(scores.size() == graph.edge_count(n), "best_first: one score for each incoming edge");
    return scores;
  };
  const auto reach = [&](node n) {
    const std::size_t slot = n.level * graph.tokens() + n.token;
    if (n.level == 0 || seen[slot]) return;
    seen[slot] = true;
    reached.push_back({n, graph.first_edge(n), detail::node_edges<T>(n, checked_scores(n), scratch)});
    heap.push_back({reached.back().edges.score(), static_cast<std::uint32_t>(reached.size() - 1)});
    std::push_heap(heap.begin(), heap.end());
  };

  edge_order order(graph.edge_count());
  order.reserve(static_cast<std::size_t>(std::min(limit, graph.edge_count())));
  reach(graph.output());
  while (!heap.empty() && limit > 0) {
    std::pop_heap(heap.begin(), heap.end());
    reached_node& best = reached[heap.back().reached];
    const std::size_t index = best.edges.index();
    const node source = graph.source_of(best.at, index);
    order.push_back(best.first + index);
    if (order.size() == limit) break;
    best.edges.pop();
    if (best.edges.used_up()) best.edges.refill(best.at, checked_scores(best.at), scratch);
    if (best.edges.empty()) {
      heap.pop_back();
    } else {
      heap.back().score = best.edges.score();
      std::push_heap(heap.begin(), heap.end());
    }
    reach(source);  // last: it may move `best`
  }
  return order;
}

/// The same with the scores of all edges, in the order of their ids.
/// Cost: where a large part of the order is wanted, it is sorted (search/whole_order.hpp) instead of searched: O(E).
template <class T>
[[nodiscard]] edge_order best_first(const graph& graph, std::span<const T> scores,
                                    edge_id limit = std::numeric_limits<edge_id>::max()) {
  STRATA_ASSERT(scores.size() == graph.edge_count(), "best_first: one score for each edge");
  constexpr edge_id large_part = 128;  // of which the sorting costs as much as the search
  if (limit >= scores.size() / large_part && scores.size() < std::numeric_limits<std::uint32_t>::max())
    return detail::whole_order(graph, scores, limit);
  return best_first_by_node<T>(
      graph, [&](node n) { return scores.subspan(graph.first_edge(n), graph.edge_count(n)); }, limit);
}

}  // namespace strata
