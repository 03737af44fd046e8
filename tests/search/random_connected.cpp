#include "strata/search/random_connected.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "support/reference_graph.hpp"

namespace random_connected_test {

using strata::edge_id;
using strata::edge_order;
using strata::graph;
using strata::random_connected;
using strata::random_edges;

namespace {

std::vector<edge_id> to_vector(const edge_order& order) { return {order.begin(), order.end()}; }

bool is_attention(const graph& g, edge_id e) { return g.at(e).kind == strata::edge_kind::attention; }

// The probability of every whole order, by following the definition in all its branches.
void follow(const graph& g, bool others_first, std::vector<edge_id>& taken, double probability,
            std::map<std::vector<edge_id>, double>& orders) {
  std::set<std::size_t> reached{g.levels() * g.tokens() + g.tokens() - 1};
  for (const edge_id e : taken) reached.insert((g.at(e).level - 1) * g.tokens() + g.at(e).source);
  std::map<std::size_t, std::vector<edge_id>> unused;
  for (edge_id e = 0; e < g.edge_count(); ++e) {
    const std::size_t target = g.at(e).level * g.tokens() + g.at(e).target;
    if (reached.count(target) > 0 && std::find(taken.begin(), taken.end(), e) == taken.end())
      unused[target].push_back(e);
  }
  if (unused.empty()) orders[taken] += probability;
  for (const auto& of_node : unused) {
    std::vector<edge_id> edges = of_node.second;
    const auto attention =
        std::stable_partition(edges.begin(), edges.end(), [&](edge_id e) { return !is_attention(g, e); });
    if (others_first && attention != edges.begin()) edges.erase(attention, edges.end());
    for (const edge_id e : edges) {
      taken.push_back(e);
      follow(g, others_first, taken, probability / static_cast<double>(unused.size() * edges.size()), orders);
      taken.pop_back();
    }
  }
}

}  // namespace

TEST_CASE("known orders, from a program in another language") {
  const graph g(2, 2, 3, strata::block_kind::sequential);
  CHECK(to_vector(random_connected(g, g.edge_count(), 7)) ==
        std::vector<edge_id>{28, 25, 22, 23, 29, 16, 2, 1, 0,  26, 17, 24, 7,  15, 19,
                             8,  21, 18, 4,  6,  20, 3, 5, 27, 12, 9,  11, 13, 10, 14});
  CHECK(to_vector(random_connected(g, g.edge_count(), 7, random_edges::residual_and_mlp_first)) ==
        std::vector<edge_id>{28, 21, 22, 23, 29, 20, 8, 10, 19, 27, 14, 26, 15, 25, 0,
                             17, 24, 18, 2,  12, 3,  5, 16, 4,  7,  6,  1,  13, 9,  11});
  const graph parallel(1, 2, 2, strata::block_kind::parallel);
  CHECK(to_vector(random_connected(parallel, parallel.edge_count(), 1, random_edges::residual_and_mlp_first)) ==
        std::vector<edge_id>{5, 0, 4, 2, 3, 1});
}

TEST_CASE("every edge once, every prefix connected to the output, fewer edges the beginning of more") {
  std::uint64_t seed = 0;
  const auto check = [&](const graph& g) {
    for (const random_edges edges : {random_edges::any, random_edges::residual_and_mlp_first}) {
      const std::vector<edge_id> whole = to_vector(random_connected(g, g.edge_count() + 5, ++seed, edges));
      CHECK(whole.size() == g.edge_count());
      std::set<edge_id> taken;
      std::set<std::size_t> reached{g.levels() * g.tokens() + g.tokens() - 1};
      bool connected = true;
      bool others_first = true;
      for (const edge_id e : whole) {
        const strata::edge at = g.at(e);
        connected = connected && reached.count(at.level * g.tokens() + at.target) > 0;
        reached.insert((at.level - 1) * g.tokens() + at.source);
        taken.insert(e);
        if (is_attention(g, e))
          others_first = others_first && taken.count(g.residual_edge(at.target_node())) > 0 &&
                         (!g.parallel() || taken.count(g.mlp_edge(at.target_node())) > 0);
      }
      CHECK(taken.size() == whole.size());
      CHECK(connected);
      if (edges == random_edges::residual_and_mlp_first) CHECK(others_first);
      for (const edge_id n : {edge_id{0}, edge_id{1}, g.edge_count() / 3, g.edge_count() - 1})
        CHECK(to_vector(random_connected(g, n, seed, edges)) ==
              std::vector<edge_id>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)));
    }
  };
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) { check(g); });
  check(graph(2, 20, 30, strata::block_kind::sequential));
  check(graph(2, 20, 30, strata::block_kind::parallel));
}

TEST_CASE("another seed gives another order") {
  const graph g(2, 2, 5, strata::block_kind::sequential);
  std::set<std::vector<edge_id>> orders;
  for (std::uint64_t seed = 0; seed < 100; ++seed) orders.insert(to_vector(random_connected(g, g.edge_count(), seed)));
  CHECK(orders.size() == 100);
}

TEST_CASE("orders are as frequent as the definition makes them probable") {
  constexpr double seeds = 2000;
  for (const graph& g : {graph(1, 1, 1, strata::block_kind::sequential), graph(1, 1, 2, strata::block_kind::sequential),
                         graph(1, 3, 1, strata::block_kind::parallel), graph(2, 1, 1, strata::block_kind::parallel)})
    for (const random_edges edges : {random_edges::any, random_edges::residual_and_mlp_first}) {
      std::map<std::vector<edge_id>, double> probable;
      std::vector<edge_id> taken;
      follow(g, edges == random_edges::residual_and_mlp_first, taken, 1, probable);
      std::map<std::vector<edge_id>, double> found;
      for (std::uint64_t seed = 0; seed < static_cast<std::uint64_t>(seeds); ++seed)
        ++found[to_vector(random_connected(g, g.edge_count(), seed, edges))];
      for (const auto& order : found) CHECK(probable.count(order.first) == 1);
      for (const auto& order : probable) {
        const double p = order.second;
        CHECK(std::abs(found[order.first] - seeds * p) <= 5 * std::sqrt(seeds * p * (1 - p)) + 1);
      }
    }
}

TEST_CASE("each first edge of a tiny graph about equally often") {
  const graph g(1, 3, 1, strata::block_kind::parallel);  // residual, three heads, MLP
  std::map<edge_id, int> any;
  std::map<edge_id, int> others_first;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    ++any[random_connected(g, 1, seed)[0]];
    ++others_first[random_connected(g, 1, seed, random_edges::residual_and_mlp_first)[0]];
  }
  CHECK(any.size() == 5);
  for (const auto& edge : any) CHECK(std::abs(edge.second - 400) < 90);
  CHECK(others_first.size() == 2);
  CHECK(std::abs(others_first[0] - 1000) < 110);
  CHECK(std::abs(others_first[4] - 1000) < 110);
}

}  // namespace random_connected_test
