/// What the last token alone gives: its residual and MLP edges, without any attention.
#pragma once

#include <cstddef>

#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// The residual and MLP edges of the last token's nodes, from the output back to its embedding.
[[nodiscard]] inline edge_order last_token_without_attention(const graph& graph) {
  edge_order order(graph.edge_count());
  for (std::size_t level = graph.levels(); level > 0; --level) {
    const node n{level, graph.tokens() - 1};
    order.push_back(graph.residual_edge(n));
    if (graph.has_mlp(level)) order.push_back(graph.mlp_edge(n));
  }
  return order;
}

}  // namespace strata
