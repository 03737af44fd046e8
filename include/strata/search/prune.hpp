/// Subsets of a mask that are connected to the output.
#pragma once

#include <cstddef>
#include <cstdint>

#include "strata/graph/edge_mask.hpp"
#include "strata/graph/fed_nodes.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/walk_back.hpp"

namespace strata {

/// to_output: the output node is reached from the edge's target. from_input: and its source is an embedding or reached
/// from one, so that every edge lies on a path from an embedding to the output.
enum class connection : std::uint8_t { to_output, from_input };

/// The edges of the mask that are connected through edges of the mask.
/// Cost: one pass over the mask, two for from_input.
[[nodiscard]] inline edge_mask prune(const edge_mask& mask, connection wanted = connection::to_output) {
  const graph edges = mask.edges_of();
  if (wanted == connection::to_output)
    return detail::walk_back(edges, [&](node n, auto keep) { mask.for_each(n, keep); });
  const fed_nodes fed(mask);
  return detail::walk_back(edges, [&](node n, auto keep) {
    mask.for_each(n, [&](std::size_t index) {
      if (fed(edges.source_of(n, index))) keep(index);
    });
  });
}

}  // namespace strata
