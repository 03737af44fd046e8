/// The complement of a trace, and masks with all residual edges: what a random run is compared with.
#pragma once

#include <cstddef>

#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// All edges of the kinds residual and mlp_residual.
[[nodiscard]] inline edge_mask residual_edges(const graph& graph) {
  edge_mask residual(graph);
  for (std::size_t level = 1; level <= graph.levels(); ++level)
    for (std::size_t token = 0; token < graph.tokens(); ++token)
      if (graph.reaches_output({level, token})) residual.insert(graph.residual_edge({level, token}));
  return residual;
}

/// The mask and all residual edges. The published evaluation runs its random subgraphs so, which are then larger than
/// the traces beside them.
/// Source: Kervadec et al., arXiv 2605.27033, its code.
[[nodiscard]] inline edge_mask with_residuals(const edge_mask& mask) { return mask | residual_edges(mask.edges_of()); }

/// What the trace leaves out, and all residual edges: without these next to nothing would reach the output.
/// Source: Kervadec et al., arXiv 2605.27033.
[[nodiscard]] inline edge_mask inverse(const edge_mask& trace) { return with_residuals(~trace); }

}  // namespace strata
