#include "strata/graph/edge_mask.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

#include "support/reference_graph.hpp"

using strata::edge_id;
using strata::edge_mask;
using strata::graph;

namespace {

using edge_set = std::set<edge_id>;

std::pair<edge_mask, edge_set> random_mask(const graph& g, std::mt19937& random, double share) {
  std::pair<edge_mask, edge_set> both{edge_mask(g), {}};
  std::bernoulli_distribution keep(share);
  for (edge_id e = 0; e < g.edge_count(); ++e)
    if (keep(random)) both.first.insert(e), both.second.insert(e);
  return both;
}

void check_equal(const edge_mask& mask, const edge_set& expected) {
  CHECK(mask.count() == expected.size());
  for (edge_id e = 0; e < mask.edges_of().edge_count(); ++e) CHECK(mask.contains(e) == (expected.count(e) > 0));
}

}  // namespace

TEST_CASE("the algebra of masks is that of sets") {
  std::mt19937 random(1);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    if (g.layers() == 3) return;  // the other sizes do
    const auto [a, in_a] = random_mask(g, random, 0.4);
    const auto [b, in_b] = random_mask(g, random, 0.6);
    edge_set result;
    std::set_union(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), std::inserter(result, result.end()));
    check_equal(a | b, result);
    result.clear();
    std::set_intersection(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), std::inserter(result, result.end()));
    check_equal(a & b, result);
    result.clear();
    std::set_difference(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), std::inserter(result, result.end()));
    check_equal(a - b, result);
    result.clear();
    for (edge_id e = 0; e < g.edge_count(); ++e)
      if (in_a.count(e) == 0) result.insert(e);
    check_equal(~a, result);
    CHECK(~~a == a);
    CHECK((a | ~a) == edge_mask::all(g));
    CHECK((a & ~a) == edge_mask::none(g));
    CHECK(edge_mask::all(g).count() == g.edge_count());
    CHECK(edge_mask::none(g).count() == 0);
  });
}

TEST_CASE("questions about a node are those about its edges") {
  std::mt19937 random(2);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>& edges) {
    for (const double share : {0.05, 0.5, 0.95}) {
      const edge_mask mask = random_mask(g, random, share).first;
      for (std::size_t level = 0; level <= g.levels(); ++level)
        for (std::size_t t = 0; t < g.tokens(); ++t) {
          edge_id kept = 0;
          edge_id of_node = 0;
          for (edge_id e = 0; e < edges.size(); ++e)
            if (edges[e].level == level && edges[e].target == t) ++of_node, kept += mask.contains(e) ? 1U : 0U;
          CHECK(mask.count({level, t}) == kept);
          CHECK(mask.any({level, t}) == (kept > 0));
          CHECK(mask.all({level, t}) == (kept == of_node));
        }
    }
  });
}

TEST_CASE("counts of nodes with hundreds of edges, across many words") {
  const graph g(2, 7, 90, strata::block_kind::sequential);
  std::mt19937 random(3);
  const edge_mask mask = random_mask(g, random, 0.3).first;
  for (std::size_t t = 0; t < g.tokens(); ++t) {
    edge_id kept = 0;
    for (edge_id e = 0; e < g.edge_count({1, t}); ++e) kept += mask.contains(g.first_edge({1, t}) + e) ? 1U : 0U;
    CHECK(mask.count({1, t}) == kept);
  }
}

TEST_CASE("prefix masks hold the first edges of the order and are nested") {
  const graph g(2, 2, 3, strata::block_kind::sequential);
  strata::edge_order order(g.edge_count());
  for (edge_id e = 0; e < g.edge_count(); ++e) order.push_back((e * 11 + 5) % g.edge_count());
  REQUIRE(g.edge_count() % 11 != 0);  // so that the order above is a permutation
  edge_mask before(g);
  for (std::size_t n = 0; n <= order.size(); ++n) {
    const edge_mask mask = edge_mask::prefix(g, order, n);
    CHECK(mask.count() == n);
    CHECK((before - mask) == edge_mask::none(g));
    before = mask;
  }
  CHECK(before == edge_mask::all(g));
}

TEST_CASE("masks by a condition on the edge") {
  const graph g(2, 3, 4, strata::block_kind::parallel);
  const auto attention =
      edge_mask::where(g, [](const strata::edge& e) { return e.kind == strata::edge_kind::attention; });
  CHECK(attention.count() == 3 * 10 + 3 * 4);
}

TEST_CASE("masks of different graphs do not mix") {
  edge_mask a(graph(2, 2, 3, strata::block_kind::sequential));
  CHECK_THROWS_AS(a |= edge_mask(graph(2, 2, 4, strata::block_kind::sequential)), contract_violation);
  CHECK_THROWS_AS(a.insert(a.edges_of().edge_count()), contract_violation);
}
