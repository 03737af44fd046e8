#include "strata/search/best_first.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>

#include "strata/graph/edge_mask.hpp"
#include "support/reference_graph.hpp"

using strata::edge_id;
using strata::edge_order;
using strata::graph;

namespace {

// The search as the method tells it: every edge is pushed when its target is reached; the best pushed one, of equals
// the first pushed, is popped.
std::vector<edge_id> plain_search(const graph& g, const std::vector<float>& score) {
  std::vector<edge_id> pushed;
  std::vector<edge_id> order;
  std::set<std::size_t> seen;
  const auto reach = [&](strata::node n) {
    if (n.level == 0 || !seen.insert(n.level * g.tokens() + n.token).second) return;
    for (edge_id e = 0; e < g.edge_count(); ++e)
      if (g.at(e).target_node() == n) pushed.push_back(e);
  };
  reach(g.output());
  while (!pushed.empty()) {
    auto best = pushed.begin();
    for (auto i = pushed.begin(); i != pushed.end(); ++i)
      if (score[*i] > score[*best]) best = i;
    const edge_id e = *best;
    pushed.erase(best);
    order.push_back(e);
    reach(g.at(e).source_node());
  }
  return order;
}

std::vector<edge_id> to_vector(const edge_order& order) { return {order.begin(), order.end()}; }

// The search by node and the sorted order, which must be the same.
template <class T>
std::vector<edge_id> both_orders(const graph& g, const std::vector<T>& score) {
  const auto by_node = strata::best_first_by_node<T>(
      g, [&](strata::node n) { return std::span<const T>(score).subspan(g.first_edge(n), g.edge_count(n)); });
  CHECK(by_node == strata::detail::whole_order<T>(g, score, g.edge_count()));
  return to_vector(by_node);
}

}  // namespace

TEST_CASE("the order is that of a plain search, ties included") {
  std::mt19937 random(1);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    for (const int values : {1, 3, 1000000}) {  // 1: all tied; 3: most tied
      std::vector<float> score(g.edge_count());
      for (float& s : score)
        s = static_cast<float>(random() % static_cast<unsigned>(values)) / static_cast<float>(values);
      CHECK(both_orders<float>(g, score) == plain_search(g, score));
    }
  });
}

TEST_CASE("nodes with many edges, sorted in pieces, give the order of a plain search") {
  std::mt19937 random(2);
  const graph g(2, 5, 24, strata::block_kind::sequential);
  for (const unsigned values : {2U, 50U, 1U << 30}) {
    std::vector<float> score(g.edge_count());
    for (float& s : score) s = static_cast<float>(random() % values);
    CHECK(both_orders<float>(g, score) == plain_search(g, score));
  }
}

TEST_CASE("every prefix is connected to the output and the order holds every edge once") {
  std::mt19937 random(3);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>& edges) {
    std::vector<double> score(g.edge_count());
    for (double& s : score) s = std::uniform_real_distribution<double>()(random);
    const edge_order order = strata::best_first<double>(g, score);
    CHECK(order.size() == g.edge_count());
    CHECK(strata::edge_mask::prefix(g, order, order.size()) == strata::edge_mask::all(g));
    std::set<std::size_t> reached{g.levels() * g.tokens() + g.tokens() - 1};
    for (const edge_id e : order) {
      CHECK(reached.count(edges[e].level * g.tokens() + edges[e].target) == 1);
      reached.insert((edges[e].level - 1) * g.tokens() + edges[e].source);
    }
  });
}

TEST_CASE("a limit gives the first edges of the whole order") {
  std::mt19937 random(4);
  const graph g(2, 2, 5, strata::block_kind::parallel);
  std::vector<float> score(g.edge_count());
  for (float& s : score) s = static_cast<float>(random());
  const std::vector<edge_id> whole = to_vector(strata::best_first<float>(g, score));
  for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, std::size_t{17}, whole.size()}) {
    CHECK(to_vector(strata::best_first<float>(g, score, limit)) ==
          std::vector<edge_id>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(limit)));
    CHECK(to_vector(strata::detail::whole_order<float>(g, score, limit)) ==
          std::vector<edge_id>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(limit)));
  }
}

TEST_CASE("scores are asked for once a reached node, and need not stay") {
  const graph g(2, 2, 4, strata::block_kind::sequential);
  std::vector<float> score(g.edge_count());
  for (std::size_t e = 0; e < score.size(); ++e) score[e] = static_cast<float>((e * 37) % 101);
  std::set<std::size_t> asked;
  std::vector<float> scratch;
  const edge_order order = strata::best_first_by_node<float>(g, [&](strata::node n) {
    CHECK(asked.insert(n.level * g.tokens() + n.token).second);
    std::fill(scratch.begin(), scratch.end(), -1.0F);  // what the last node got is gone
    const auto first = score.begin() + static_cast<std::ptrdiff_t>(g.first_edge(n));
    scratch.assign(first, first + static_cast<std::ptrdiff_t>(g.edge_count(n)));
    return std::span<const float>(scratch);
  });
  CHECK(order == strata::best_first<float>(g, score));
}

TEST_CASE("the sorted order is that of the search by node: negative scores, zeros of both signs, doubles, many ties") {
  std::mt19937 random(5);
  for (const bool parallel : {false, true})
    for (const std::size_t layers : {1U, 2U, 5U})
      for (const std::size_t tokens : {1U, 2U, 17U}) {
        const graph g(layers, 3, tokens, parallel ? strata::block_kind::parallel : strata::block_kind::sequential);
        for (const unsigned values : {1U, 2U, 5U, 100U, 1U << 30}) {
          std::vector<double> score(g.edge_count());
          for (double& s : score) {
            s = static_cast<double>(random() % values) - static_cast<double>(values / 2);
            if (s == 0 && random() % 2 == 0) s = -0.0;
          }
          static_cast<void>(both_orders<double>(g, score));
          static_cast<void>(both_orders<float>(g, std::vector<float>(score.begin(), score.end())));
        }
      }
}

TEST_CASE("a score that is not a number is refused with its node") {
  const graph g(1, 1, 2, strata::block_kind::sequential);
  std::vector<float> score(g.edge_count(), 1.0F);
  score[g.mlp_edge(g.output())] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::best_first<float>(g, score)),
                       "level 2, token 1: the score of an incoming edge is not a number", strata::numeric_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::best_first<float>(g, score, 0)),
                       "level 2, token 1: the score of an incoming edge is not a number", strata::numeric_error);
}
