// The slow and obvious way to what lies on paths, with sets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"

namespace reference {

using strata::edge_id;
using strata::edge_mask;
using strata::graph;
using edge_set = std::set<edge_id>;
using node_set = std::set<std::pair<std::size_t, std::size_t>>;  // level, token

inline edge_set set_of(const edge_mask& mask) {
  edge_set edges;
  for (edge_id e = 0; e < mask.edges_of().edge_count(); ++e)
    if (mask.contains(e)) edges.insert(e);
  return edges;
}

inline edge_mask mask_of(const graph& g, const edge_set& edges) {
  edge_mask mask(g);
  for (const edge_id e : edges) mask.insert(e);
  return mask;
}

// Nodes from which the output is reached, and nodes that are reached from an embedding.
inline std::pair<node_set, node_set> reaching_and_fed(const graph& g, const edge_set& edges) {
  node_set reaching{{g.levels(), g.tokens() - 1}}, fed;
  for (std::size_t token = 0; token < g.tokens(); ++token) fed.insert({0, token});
  for (std::size_t before = 0; before != reaching.size() + fed.size();) {
    before = reaching.size() + fed.size();
    for (const edge_id e : edges) {
      const strata::edge at = g.at(e);
      if (reaching.count({at.level, at.target}) > 0) reaching.insert({at.level - 1, at.source});
      if (fed.count({at.level - 1, at.source}) > 0) fed.insert({at.level, at.target});
    }
  }
  return {reaching, fed};
}

inline edge_set on_paths(const graph& g, const edge_set& edges) {
  const auto nodes = reaching_and_fed(g, edges);
  edge_set found;
  for (const edge_id e : edges) {
    const strata::edge at = g.at(e);
    if (nodes.first.count({at.level, at.target}) > 0 && nodes.second.count({at.level - 1, at.source}) > 0)
      found.insert(e);
  }
  return found;
}

// top_connected: tries every number of edges.
template <class T>
edge_set top_n(const graph& g, const std::vector<T>& scores, edge_id n, const edge_set& alive, const edge_set& lock) {
  std::vector<edge_id> sorted;
  for (const edge_id e : alive)
    if (lock.count(e) == 0) sorted.push_back(e);
  std::stable_sort(sorted.begin(), sorted.end(), [&](edge_id a, edge_id b) { return scores[a] > scores[b]; });
  edge_set together = lock, best = on_paths(g, together);
  for (const edge_id e : sorted) {
    together.insert(e);
    const edge_set now = on_paths(g, together);
    if (now.size() > n) break;
    best = now;
  }
  return best;
}

// The best of the edges whose target is reached, again and again. Requires: different scores.
template <class T>
void take_best_first(const graph& g, const std::vector<T>& scores, const edge_set& from, std::vector<edge_id>& order) {
  edge_set left = from;
  node_set reached{{g.levels(), g.tokens() - 1}};
  for (const edge_id e : order) {
    left.erase(e);
    reached.insert({g.at(e).level - 1, g.at(e).source});
  }
  while (!left.empty()) {
    const edge_id none = g.edge_count();
    edge_id best = none;
    for (const edge_id e : left)
      if (reached.count({g.at(e).level, g.at(e).target}) > 0 && (best == none || scores[e] > scores[best])) best = e;
    if (best == none) return;
    order.push_back(best);
    left.erase(best);
    reached.insert({g.at(best).level - 1, g.at(best).source});
  }
}

}  // namespace reference
