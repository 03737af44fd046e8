// What the tests of selections share: scores that a selection can get wrong, and goldens of selected edges.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"
#include "support/goldens.hpp"
#include "support/reference_graph.hpp"

namespace selections {

using strata::edge_id;
using strata::edge_mask;
using strata::graph;

template <class T>
std::vector<std::vector<T>> many_scores(std::size_t edges, std::mt19937& random) {
  const T infinity = std::numeric_limits<T>::infinity();
  std::vector<std::vector<T>> kinds;
  for (const std::vector<T>& values : std::vector<std::vector<T>>{
           {0}, {0, -T{0}}, {0, T(0.25)}, {T(0.1), T(0.2), T(0.4)}, {-1, 0, T(0.5)}, {-infinity, 0, 1, infinity}}) {
    kinds.emplace_back(edges);
    for (T& s : kinds.back()) s = values[random() % values.size()];
  }
  kinds.emplace_back(edges);
  for (T& s : kinds.back()) s = std::uniform_real_distribution<T>()(random);
  return kinds;
}

/// The scores node by node, each time in memory of their own that the next call overwrites.
template <class T>
auto by_node(const graph& g, const std::vector<T>& scores) {
  return [&g, &scores, given = std::vector<T>()](strata::node n) mutable {
    given.assign(given.size(), T{-1});
    const auto first = scores.begin() + static_cast<std::ptrdiff_t>(g.first_edge(n));
    given.assign(first, first + static_cast<std::ptrdiff_t>(g.edge_count(n)));
    return std::span<const T>(given);
  };
}

/// Those edges of the mask from whose target the output is reached through edges of the mask.
inline edge_mask reaching_output(const graph& g, const edge_mask& mask) {
  std::vector<strata::edge> in_mask;
  for (edge_id e = 0; e < g.edge_count(); ++e)
    if (mask.contains(e)) in_mask.push_back(g.at(e));
  const std::set<std::size_t> reaching = reference::reaching_nodes(in_mask, g.levels(), g.tokens());
  return mask & edge_mask::where(
                    g, [&](const strata::edge& e) { return reaching.count(e.level * g.tokens() + e.target) > 0; });
}

/// Calls select(scores) with one score that is NaN, for each edge; it must refuse it with the edge's node.
template <class Select>
void refuses_not_a_number(const graph& g, Select select) {
  std::vector<double> scores(g.edge_count(), 0.5);
  for (edge_id e = 0; e < g.edge_count(); ++e) {
    const double before = std::exchange(scores[e], std::numeric_limits<double>::quiet_NaN());
    const std::string expected = strata::concat("level ", g.at(e).level, ", token ", g.at(e).target,
                                                ": the score of an incoming edge is not a number");
    CHECK_THROWS_WITH_AS(static_cast<void>(select(std::as_const(scores))), expected.c_str(), strata::numeric_error);
    scores[e] = before;
  }
}

/// A golden run's graph, l1 scores and masks.
struct golden {
  explicit golden(const std::string& name) : run(name), edges(graph_of(run)), l1(run.real("score.l1")) {}

  /// Row `row` of a tensor of masks.
  [[nodiscard]] edge_mask mask(const std::string& tensor, std::size_t row = 0) const {
    const std::vector<int> keep = run.integer(tensor);
    edge_mask kept(edges);
    for (edge_id e = 0; e < edges.edge_count(); ++e)
      if (keep[row * edges.edge_count() + e] != 0) kept.insert(e);
    return kept;
  }

  goldens::run run;
  graph edges;
  std::vector<double> l1;

 private:
  static graph graph_of(const goldens::run& run) {
    const std::vector<int> shape = run.integer("shape");  // L, H, T, d, dh, V, parallel, E
    const auto size = [&](std::size_t i) { return static_cast<std::size_t>(shape[i]); };
    return {size(0), size(1), size(2), shape[6] != 0 ? strata::block_kind::parallel : strata::block_kind::sequential};
  }
};

}  // namespace selections
