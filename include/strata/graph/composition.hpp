/// What a trace is made of: its edges by kind, by depth, by layer and head.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "strata/graph/edge.hpp"
#include "strata/graph/edge_mask.hpp"
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

/// Counts of edges: by kind, by depth, by layer and head.
struct composition {
  std::array<edge_id, 4> kinds{};      // by edge_kind
  std::array<edge_id, 4> quartiles{};  // by depth_quartile of the edge's layer
  std::vector<edge_id> layers;         // (layers, 4): by edge_kind; empty: no edges
  std::vector<edge_id> heads;          // (layers, heads): attention edges; empty: no edges
  edge_id edges = 0;
  bool reaches_input = false;  // whether an edge leaves a node of level 0

  /// `count` edges of a kind into a level; `head` is read only of attention edges.
  void add(const graph& graph, edge_kind kind, std::size_t level, std::size_t head, edge_id count = 1) {
    if (count == 0) return;
    layers.resize(4 * graph.layers());
    heads.resize(graph.layers() * graph.heads());
    const std::size_t layer = graph.layer_of(level), k = static_cast<std::size_t>(kind);
    kinds[k] += count;
    quartiles[depth_quartile(layer, graph.layers())] += count;
    layers[4 * layer + k] += count;
    if (kind == edge_kind::attention) heads[layer * graph.heads() + head] += count;
    edges += count;
    reaches_input = reaches_input || level == 1;
  }
  void add(const graph& graph, const edge& e) { add(graph, e.kind, e.level, e.head); }

  /// The edges of both, of the same graph.
  composition& operator+=(const composition& other) {
    const auto add_all = [](auto& to, const auto& from) {
      for (std::size_t i = 0; i < from.size(); ++i) to[i] += from[i];
    };
    layers.resize(std::max(layers.size(), other.layers.size()));
    heads.resize(std::max(heads.size(), other.heads.size()));
    add_all(kinds, other.kinds);
    add_all(quartiles, other.quartiles);
    add_all(layers, other.layers);
    add_all(heads, other.heads);
    edges += other.edges;
    reaches_input = reaches_input || other.reaches_input;
    return *this;
  }

  friend bool operator==(const composition&, const composition&) = default;

  [[nodiscard]] edge_id attention() const { return kinds[static_cast<std::size_t>(edge_kind::attention)]; }
  [[nodiscard]] edge_id mlp() const { return kinds[static_cast<std::size_t>(edge_kind::mlp)]; }
  /// Residual edges past attention and past the MLP together.
  [[nodiscard]] edge_id residual() const { return edges - attention() - mlp(); }
};

/// Of all edges of a graph.
[[nodiscard]] inline composition composition_of(const graph& graph) {
  composition all;
  for (std::size_t level = 1; level <= graph.levels(); ++level) {
    edge_id nodes = 0, sources = 0;
    for (std::size_t t = 0; t < graph.tokens(); ++t)
      if (graph.reaches_output({level, t})) ++nodes, sources += t + 1;
    const bool attention = graph.has_attention(level);
    all.add(graph, attention ? edge_kind::residual : edge_kind::mlp_residual, level, no_head, nodes);
    for (std::size_t h = 0; attention && h < graph.heads(); ++h)
      all.add(graph, edge_kind::attention, level, h, sources);
    if (graph.has_mlp(level)) all.add(graph, edge_kind::mlp, level, no_head, nodes);
  }
  return all;
}

/// Of the edges of a mask.
[[nodiscard]] inline composition composition_of(const edge_mask& mask) {
  const graph& g = mask.edges_of();
  composition made;
  for (std::size_t level = 1; level <= g.levels(); ++level)
    for (std::size_t t = 0; t < g.tokens(); ++t) {
      const edge_id first = g.edge_count({level, t}) == 0 ? 0 : g.first_edge({level, t});
      mask.for_each({level, t}, [&](std::size_t index) { made.add(g, g.at(first + index)); });
    }
  return made;
}

}  // namespace strata
