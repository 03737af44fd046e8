#include "strata/graph/graph.hpp"

#include <doctest/doctest.h>

#include <map>

#include "support/reference_graph.hpp"

using strata::block_kind;
using strata::edge_id;
using strata::graph;

TEST_CASE("edge ids are a bijection onto the edges written out one by one, in that order") {
  reference::for_small_graphs([](const graph& g, const std::vector<strata::edge>& edges) {
    REQUIRE(g.edge_count() == edges.size());
    for (edge_id e = 0; e < edges.size(); ++e) {
      CHECK(g.at(e) == edges[e]);
      CHECK(g.id_of(edges[e]) == e);
      CHECK(g.source_of(edges[e].target_node(), e - g.first_edge(edges[e].target_node())) == edges[e].source_node());
    }
  });
}

TEST_CASE("a node's edges lie side by side, and nodes that cannot reach the output have none") {
  reference::for_small_graphs([](const graph& g, const std::vector<strata::edge>& edges) {
    for (std::size_t level = 0; level <= g.levels(); ++level)
      for (std::size_t t = 0; t < g.tokens(); ++t) {
        edge_id count = 0;
        edge_id first = edges.size();
        for (edge_id e = edges.size(); e-- > 0;)
          if (edges[e].level == level && edges[e].target == t) ++count, first = e;
        CHECK(g.edge_count({level, t}) == count);
        if (count > 0) CHECK(g.first_edge({level, t}) == first);
      }
  });
}

TEST_CASE("reaches_output is what a search backwards from the output finds") {
  reference::for_small_graphs([](const graph& g, const std::vector<strata::edge>& edges) {
    const auto reaching = reference::reaching_nodes(edges, g.levels(), g.tokens());
    for (std::size_t level = 0; level <= g.levels(); ++level)
      for (std::size_t t = 0; t < g.tokens(); ++t)
        CHECK(g.reaches_output({level, t}) == (reaching.count(level * g.tokens() + t) > 0));
  });
}

TEST_CASE("E is the closed form of the method") {
  for (const edge_id L : {1U, 2U, 30U})
    for (const edge_id H : {1U, 9U})
      for (const edge_id T : {1U, 2U, 40U, 128U}) {
        const edge_id sequential = L * (H * (T * (T + 1) / 2) + 3 * T) - (H * (T * (T - 1) / 2) + 3 * (T - 1));
        const edge_id parallel = L * (H * (T * (T + 1) / 2) + 2 * T) - (H * (T * (T - 1) / 2) + 2 * (T - 1));
        CHECK(graph(L, H, T, block_kind::sequential).edge_count() == sequential);
        CHECK(graph(L, H, T, block_kind::parallel).edge_count() == parallel);
      }
}

TEST_CASE("ids beyond 32 bits convert back and forth") {
  const graph g(80, 64, 8192, block_kind::sequential);
  const edge_id E = g.edge_count();
  REQUIRE(E > (edge_id{1} << 32));
  for (edge_id e = 7; e < E; e += E / 1013) CHECK(g.id_of(g.at(e)) == e);
  CHECK(g.id_of(g.at(E - 1)) == E - 1);
  CHECK(g.at(E - 1).target_node() == g.output());
}

TEST_CASE("a graph is a constant expression") {
  constexpr graph g(2, 3, 4, block_kind::parallel);
  static_assert(g.id_of(g.at(17)) == 17);
  CHECK(g.levels() == 2);
}

TEST_CASE("wrong calls and impossible sizes are refused") {
  const graph g(2, 2, 3, block_kind::sequential);
  CHECK_THROWS_AS(static_cast<void>(g.at(g.edge_count())), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(g.first_edge({5, 0})), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(g.residual_edge({3, 0})), contract_violation);         // cannot reach the output
  CHECK_THROWS_AS(static_cast<void>(g.attention_edge({1, 0}, 1, 0)), contract_violation);  // looks ahead
  CHECK_THROWS_AS(static_cast<void>(g.mlp_edge({1, 0})), contract_violation);
  CHECK_THROWS_AS(graph(0, 1, 1, block_kind::sequential), contract_violation);
  CHECK_THROWS_AS(graph(1000, 1000, std::size_t{1} << 30, block_kind::sequential), strata::option_error);
}
