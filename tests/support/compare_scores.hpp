// Scores and orders against golden ones.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <span>

#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"

template <class T>
double largest_difference(std::span<const T> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double m = 0;
  for (std::size_t i = 0; i < a.size(); ++i) m = std::max(m, std::abs(static_cast<double>(a[i]) - b[i]));
  return m;
}

// Walks an order made of rounded scores: every edge must be on the frontier, and no frontier edge may be better by more
// than twice the tolerance according to the exact scores.
inline void check_replayed(const strata::graph& g, const strata::edge_order& order, std::span<const double> exact,
                           double tolerance) {
  std::multiset<double> frontier;
  std::set<std::size_t> reached;
  const auto reach = [&](strata::node n) {
    if (n.level == 0 || !reached.insert(n.level * g.tokens() + n.token).second) return;
    for (strata::edge_id e = 0; e < g.edge_count(n); ++e) frontier.insert(exact[g.first_edge(n) + e]);
  };
  reach(g.output());
  REQUIRE(order.size() == g.edge_count());
  for (const strata::edge_id e : order) {
    const strata::edge at = g.at(e);
    REQUIRE(reached.count(at.level * g.tokens() + at.target) == 1);
    REQUIRE(frontier.count(exact[e]) > 0);
    CHECK(exact[e] >= *frontier.rbegin() - 2 * tolerance);
    frontier.erase(frontier.find(exact[e]));
    reach(at.source_node());
  }
}
