/// What a trace is made of: its edges by kind and by depth.
#pragma once

#include <array>
#include <cstddef>

#include "strata/graph/edge.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// Quarter of the depth, 0 … 3, to which a layer belongs. The first (layers mod 4) quarters hold one layer more than
/// the others.
[[nodiscard]] constexpr std::size_t depth_quartile(std::size_t layer, std::size_t layers) {
  const std::size_t shorter = layers / 4;
  const std::size_t longer = shorter + 1;
  const std::size_t in_longer = (layers % 4) * longer;
  return layer < in_longer ? layer / longer : layers % 4 + (layer - in_longer) / shorter;
}

/// Counts of edges; grows edge by edge along an order, so that one walk gives the composition of every size.
struct composition {
  std::array<edge_id, 4> kinds{};      // by edge_kind
  std::array<edge_id, 4> quartiles{};  // by depth_quartile of the edge's layer
  edge_id edges = 0;
  bool reaches_input = false;  // whether an edge leaves a node of level 0

  void add(const graph& graph, const edge& e) {
    ++kinds[static_cast<std::size_t>(e.kind)];
    ++quartiles[depth_quartile(graph.layer_of(e.level), graph.layers())];
    ++edges;
    reaches_input = reaches_input || e.level == 1;
  }

  [[nodiscard]] edge_id attention() const { return kinds[static_cast<std::size_t>(edge_kind::attention)]; }
  [[nodiscard]] edge_id mlp() const { return kinds[static_cast<std::size_t>(edge_kind::mlp)]; }
  /// Residual edges past attention and past the MLP together.
  [[nodiscard]] edge_id residual() const { return edges - attention() - mlp(); }
};

}  // namespace strata
