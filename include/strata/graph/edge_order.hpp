/// The order of the edges, best first, of which every trace is a prefix.
#pragma once

#include <cstddef>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/graph/edge_ids.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// Edges, best first; no edge occurs twice. The trace of n edges is the first n.
using edge_order = edge_ids;

/// Position of every edge in the order: ranks(…)[order[i]] = i, and order.size() for an edge that the order does not hold.
/// An edge is in the trace of n edges exactly if its rank is below n.
/// Requires: order holds edges of the graph, each at most once.
[[nodiscard]] inline edge_ids ranks(const graph& graph, const edge_order& order) {
  const auto edges = static_cast<std::size_t>(graph.edge_count());
  edge_ids rank(edges, edges, order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    STRATA_ASSERT(order[i] < edges && rank[order[i]] == order.size(), "ranks: no edge of this graph, or an edge twice");
    rank.set(order[i], i);
  }
  return rank;
}

/// Number of edges of the trace of size s: ⌊s·E⌋, the product in double precision.
/// Throws: strata::option_error unless 0 < size ≤ 1.
[[nodiscard]] inline edge_id edges_at_size(const graph& graph, double size) {
  if (!(size > 0 && size <= 1)) raise<option_error>("size ", size, " is not in (0, 1]");
  return static_cast<edge_id>(size * static_cast<double>(graph.edge_count()));
}

}  // namespace strata
