#include "strata/search/best_first.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "strata/graph/edge_mask.hpp"
#include "support/reference_graph.hpp"

using strata::edge_id;
using strata::edge_order;
using strata::graph;

namespace {

// The search as the method tells it: every edge is pushed when its target is reached; the best pushed one, of equals
// the first pushed, is popped.
template <class T>
std::vector<edge_id> plain_search(const graph& g, const std::vector<T>& score) {
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

std::vector<edge_id> first_of(const std::vector<edge_id>& order, std::size_t n) {
  return {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n)};
}

template <class T>
edge_order searched(const graph& g, const std::vector<T>& score, edge_id limit) {
  return strata::best_first_by_node<T>(
      g, [&](strata::node n) { return std::span<const T>(score).subspan(g.first_edge(n), g.edge_count(n)); }, limit);
}

template <class T>
edge_order sorted(const graph& g, const std::vector<T>& score, edge_id limit) {
  return strata::detail::whole_order<T>(g, score, limit);
}

// The search by node and the sorted order, which must be the same.
template <class T>
std::vector<edge_id> both_orders(const graph& g, const std::vector<T>& score) {
  const auto by_node = searched<T>(g, score, g.edge_count());
  CHECK(by_node == sorted<T>(g, score, g.edge_count()));
  return to_vector(by_node);
}

// Kinds of scores that a search can get wrong.
template <class T>
std::vector<std::vector<T>> many_scores(std::size_t edges, std::mt19937& random) {
  using limits = std::numeric_limits<T>;
  const auto draw = [&](auto value) {
    std::vector<T> scores(edges);
    for (T& s : scores) s = static_cast<T>(value());
    return scores;
  };
  const auto one_of = [&](std::vector<T> values) {
    return draw([&, values] { return values[random() % values.size()]; });
  };
  const auto uniform = [&] { return std::uniform_real_distribution<T>()(random); };
  std::vector<T> falling(edges);
  for (std::size_t e = 0; e < edges; ++e) falling[e] = static_cast<T>(edges - e);
  return {one_of({0}),
          one_of({0, -T{0}}),
          one_of({1, 2}),
          one_of({0, 1, 2, 3}),
          one_of({-2, -1, -T{0}, 0, 1}),
          one_of({0, -T{0}, limits::denorm_min(), -limits::denorm_min(), 3 * limits::denorm_min(), limits::min()}),
          one_of({-limits::infinity(), limits::lowest(), 0, limits::max(), limits::infinity()}),
          draw(uniform),
          draw([&] { return uniform() < T(0.5) ? T{0} : uniform(); }),
          draw([&] { return 1 + std::floor(8 * uniform()) * limits::epsilon(); }),
          draw([&] { return std::exp(40 * uniform() - 40); }),
          draw([&] { return uniform() - T(0.5); }),
          {falling.begin(), falling.end()},
          {falling.rbegin(), falling.rend()}};
}

template <class T>
void check_against_plain_search(const graph& g, std::mt19937& random) {
  for (const auto& score : many_scores<T>(g.edge_count(), random))
    CHECK(both_orders<T>(g, score) == plain_search(g, score));
}

}  // namespace

TEST_CASE("the order is that of a plain search, ties included") {
  std::mt19937 random(1);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    check_against_plain_search<float>(g, random);
    check_against_plain_search<double>(g, random);
  });
}

TEST_CASE("nodes with many edges, of which only pieces are kept, give the order of a plain search") {
  std::mt19937 random(2);
  for (const auto block : {strata::block_kind::sequential, strata::block_kind::parallel}) {
    check_against_plain_search<float>(graph(2, 5, 24, block), random);
    check_against_plain_search<double>(graph(3, 9, 12, block), random);
    check_against_plain_search<float>(graph(1, 40, 30, block), random);
  }
}

TEST_CASE("larger graphs: the search by node and the sorted order are the same") {
  std::mt19937 random(6);
  for (const graph& g :
       {graph(6, 9, 40, strata::block_kind::sequential), graph(3, 1, 150, strata::block_kind::sequential),
        graph(5, 12, 33, strata::block_kind::parallel)}) {
    for (const auto& score : many_scores<float>(g.edge_count(), random))
      static_cast<void>(both_orders<float>(g, score));
    for (const auto& score : many_scores<double>(g.edge_count(), random))
      static_cast<void>(both_orders<double>(g, score));
  }
}

TEST_CASE("every edge of a level better than those reached before") {
  // All nodes of level 3 are reached one after the other, each with better edges into all nodes of level 2.
  const graph g(3, 1, 64, strata::block_kind::sequential);
  std::vector<float> score(g.edge_count());
  for (edge_id e = 0; e < g.edge_count(); ++e) {
    const strata::edge at = g.at(e);
    score[e] = at.level > 4    ? 1000 - static_cast<float>(at.source)
               : at.level == 4 ? 2000
               : at.level == 3 ? 1 + static_cast<float>(at.target)
                               : static_cast<float>(e % 7);
  }
  static_cast<void>(both_orders<float>(g, score));
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
  for (const graph& g : {graph(1, 1, 1, strata::block_kind::sequential), graph(2, 2, 5, strata::block_kind::parallel),
                         graph(3, 3, 4, strata::block_kind::sequential)})
    for (const auto& score : many_scores<float>(g.edge_count(), random)) {
      const std::vector<edge_id> whole = plain_search(g, score);
      for (std::size_t limit = 0; limit <= whole.size() + 1; ++limit) {
        const std::vector<edge_id> expected = first_of(whole, std::min(limit, whole.size()));
        CHECK(to_vector(strata::best_first<float>(g, score, limit)) == expected);
        CHECK(to_vector(searched<float>(g, score, limit)) == expected);
        CHECK(to_vector(sorted<float>(g, score, limit)) == expected);
      }
    }
}

TEST_CASE("a limit on either side of which the order is searched or sorted") {
  std::mt19937 random(5);
  const graph g(4, 6, 30, strata::block_kind::sequential);
  std::vector<float> score(g.edge_count());
  for (float& s : score) s = static_cast<float>(random() % 1000);
  const std::vector<edge_id> whole = to_vector(strata::best_first<float>(g, score));
  for (std::size_t limit = 1; limit < whole.size(); limit += 1 + limit / 8) {
    CHECK(to_vector(strata::best_first<float>(g, score, limit)) == first_of(whole, limit));
    CHECK(to_vector(sorted<float>(g, score, limit)) == first_of(whole, limit));
    CHECK(to_vector(searched<float>(g, score, limit)) == first_of(whole, limit));
  }
}

TEST_CASE("scores are asked for seldom, and need not stay") {
  std::mt19937 random(7);
  const graph g(3, 7, 40, strata::block_kind::sequential);
  for (const unsigned values : {1U, 3U, 1000U, 1U << 30, 8U}) {
    std::vector<float> score(g.edge_count());
    for (float& s : score) s = static_cast<float>(random() % values);
    if (values == 8)  // few are much better, where a sample may see nothing else
      for (edge_id e = 0; e < g.edge_count(); ++e)
        if ((e - g.first_edge(g.at(e).target_node())) % 8 == 0) score[e] += 1000 + static_cast<float>(e);
    const edge_order whole = strata::best_first<float>(g, score);
    for (const edge_id limit : {edge_id{1}, edge_id{50}, edge_id{1000}, g.edge_count()}) {
      std::map<std::size_t, unsigned> calls;
      std::vector<float> scratch;
      const edge_order order = strata::best_first_by_node<float>(
          g,
          [&](strata::node n) {
            ++calls[n.level * g.tokens() + n.token];
            std::fill(scratch.begin(), scratch.end(), -1.0F);  // what the last node got is gone
            const auto first = score.begin() + static_cast<std::ptrdiff_t>(g.first_edge(n));
            scratch.assign(first, first + static_cast<std::ptrdiff_t>(g.edge_count(n)));
            return std::span<const float>(scratch);
          },
          limit);
      CHECK(to_vector(order) == first_of(to_vector(whole), static_cast<std::size_t>(limit)));
      std::map<std::size_t, unsigned> taken;
      for (const edge_id e : order) ++taken[g.at(e).level * g.tokens() + g.at(e).target];
      for (const auto& call : calls)
        CHECK(call.second <= static_cast<unsigned>(std::bit_width(taken[call.first] / 32 + 1)));
    }
  }
}

TEST_CASE("a score that is not a number is refused with its node") {
  const graph g(2, 5, 30, strata::block_kind::sequential);
  std::mt19937 random(8);
  std::vector<float> score(g.edge_count());
  for (float& s : score) s = static_cast<float>(random() % 100);
  for (edge_id e = 0; e < g.edge_count(); ++e) {
    const float before = std::exchange(score[e], std::numeric_limits<float>::quiet_NaN());
    const std::string expected = "level " + std::to_string(g.at(e).level) + ", token " +
                                 std::to_string(g.at(e).target) + ": the score of an incoming edge is not a number";
    CHECK_THROWS_WITH_AS(static_cast<void>(searched<float>(g, score, g.edge_count())), expected.c_str(),
                         strata::numeric_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(sorted<float>(g, score, g.edge_count())), expected.c_str(),
                         strata::numeric_error);
    score[e] = before;
  }
  score[g.mlp_edge(g.output())] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(static_cast<void>(strata::best_first<float>(g, score, 0)), strata::numeric_error);
}
