/// The walk that most selections are: backwards from the output, node by node.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"

namespace strata::detail {

/// Starting with the output node, calls select(node, keep) for each node that is reached; select calls keep(index) for
/// the incoming edges that it keeps, by their number among those of the node, and their sources are then reached.
/// Level by level, as an edge leads from each level to the next: nodes by falling level, then by rising token.
/// Returns: the edges kept; from the target of each the output is reached through them.
template <class Select>
[[nodiscard]] edge_mask walk_back(const graph& graph, Select select) {
  edge_mask kept(graph);
  std::vector<bool> reached(graph.tokens());
  std::vector<bool> sources(graph.tokens());
  reached[graph.output().token] = true;
  for (std::size_t level = graph.levels(); level > 0; --level) {
    sources.assign(graph.tokens(), false);
    for (std::size_t token = 0; token < graph.tokens(); ++token) {
      if (!reached[token]) continue;
      const node n{level, token};
      const edge_id first = graph.first_edge(n);
      select(n, [&](std::size_t index) {
        kept.insert(first + index);
        sources[graph.source_of(n, index).token] = true;
      });
    }
    std::swap(reached, sources);
  }
  return kept;
}

}  // namespace strata::detail
