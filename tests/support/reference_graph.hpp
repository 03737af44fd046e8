// The graph written out edge by edge, the slow and obvious way, for small sizes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <set>
#include <vector>

#include "strata/graph/graph.hpp"

namespace reference {

using strata::edge;
using strata::edge_kind;

// Every edge of the unrolled transformer, also those that cannot reach the output, in the order of method.md.
inline std::vector<edge> all_edges(std::size_t layers, std::size_t heads, std::size_t tokens, bool parallel) {
  std::vector<edge> edges;
  const std::size_t levels = parallel ? layers : 2 * layers;
  for (std::size_t level = 1; level <= levels; ++level)
    for (std::size_t t = 0; t < tokens; ++t) {
      if (parallel || level % 2 == 1) {
        edges.push_back({edge_kind::residual, level, strata::no_head, t, t});
        for (std::size_t s = 0; s <= t; ++s)
          for (std::size_t h = 0; h < heads; ++h) edges.push_back({edge_kind::attention, level, h, t, s});
      } else {
        edges.push_back({edge_kind::mlp_residual, level, strata::no_head, t, t});
      }
      if (parallel || level % 2 == 0) edges.push_back({edge_kind::mlp, level, strata::no_head, t, t});
    }
  return edges;
}

// Nodes (level · tokens + token) from which the output can be reached through `edges`.
inline std::set<std::size_t> reaching_nodes(const std::vector<edge>& edges, std::size_t levels, std::size_t tokens) {
  std::set<std::size_t> reaching{levels * tokens + tokens - 1};
  for (std::size_t before = 0; before != reaching.size();) {
    before = reaching.size();
    for (const edge& e : edges)
      if (reaching.count(e.level * tokens + e.target) > 0) reaching.insert((e.level - 1) * tokens + e.source);
  }
  return reaching;
}

// The edges that count: those into nodes from which the output can be reached.
inline std::vector<edge> edges_of(std::size_t layers, std::size_t heads, std::size_t tokens, bool parallel) {
  std::vector<edge> edges = all_edges(layers, heads, tokens, parallel);
  const auto reaching = reaching_nodes(edges, parallel ? layers : 2 * layers, tokens);
  edges.erase(std::remove_if(edges.begin(), edges.end(),
                             [&](const edge& e) { return reaching.count(e.level * tokens + e.target) == 0; }),
              edges.end());
  return edges;
}

// Calls f(graph, its edges written out) for many small shapes of both kinds.
template <class F>
void for_small_graphs(F f) {
  for (const bool parallel : {false, true})
    for (std::size_t layers = 1; layers <= 4; ++layers)
      for (std::size_t heads = 1; heads <= 3; ++heads)
        for (std::size_t tokens = 1; tokens <= 5; ++tokens)
          f(strata::graph(layers, heads, tokens,
                          parallel ? strata::block_kind::parallel : strata::block_kind::sequential),
            edges_of(layers, heads, tokens, parallel));
}

}  // namespace reference
