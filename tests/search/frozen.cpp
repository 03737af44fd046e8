#include "strata/search/frozen.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "strata/graph/edge_mask.hpp"
#include "strata/search/best_first.hpp"
#include "support/selections.hpp"

namespace frozen_test {

using strata::components;
using strata::edge_id;
using strata::edge_order;
using strata::graph;

namespace {

const std::vector<std::string> sets{"",       "attention",   "mlp",         "attention,mlp", "L0",
                                    "L1,mlp", "L0.H0,L2.H1", "L0.H1,L1.H0", "L3,L0.H0"};

std::vector<edge_id> to_vector(const edge_order& order) { return {order.begin(), order.end()}; }

// The search as the method tells it, without +∞: of the pushed edges the first frozen one, or else the best.
template <class T>
std::vector<edge_id> reference_order(const graph& g, const components& frozen, const std::vector<T>& scores) {
  std::vector<edge_id> pushed;
  std::vector<edge_id> order;
  std::set<std::size_t> seen;
  const auto reach = [&](strata::node n) {
    if (n.level == 0 || !seen.insert(n.level * g.tokens() + n.token).second) return;
    for (edge_id i = 0; i < g.edge_count(n); ++i) pushed.push_back(g.first_edge(n) + i);
  };
  reach(g.output());
  while (!pushed.empty()) {
    auto next = std::find_if(pushed.begin(), pushed.end(), [&](edge_id e) { return frozen.contains(g, g.at(e)); });
    if (next == pushed.end()) {
      next = pushed.begin();
      for (auto i = pushed.begin(); i != pushed.end(); ++i)
        if (scores[*i] > scores[*next]) next = i;
    }
    order.push_back(*next);
    const strata::node source = g.at(*next).source_node();
    pushed.erase(next);
    reach(source);
  }
  return order;
}

template <class T>
std::vector<T> frozen_scores(const graph& g, const components& frozen, std::vector<T> scores) {
  strata::freeze(g, frozen, std::span<T>(scores));
  return scores;
}

template <class T>
void check_frozen(const graph& g, std::mt19937& random) {
  for (const auto& scores : selections::many_scores<T>(g.edge_count(), random)) {
    if (*std::max_element(scores.begin(), scores.end()) == std::numeric_limits<T>::infinity()) continue;
    for (const std::string& text : sets) {
      CAPTURE(text);
      const components frozen = components::parse(text);
      const std::vector<edge_id> expected = reference_order<T>(g, frozen, scores);
      const std::vector<T> with_infinity = frozen_scores<T>(g, frozen, scores);
      const auto by_node = strata::frozen_by_node<T>(g, frozen, selections::by_node(g, scores));
      const edge_order order = strata::best_first_by_node<T>(g, by_node);
      CHECK(to_vector(order) == expected);
      CHECK(strata::detail::whole_order<T>(g, with_infinity, g.edge_count()) == order);

      std::vector<edge_id> counted;
      for (edge_id n = 0; n <= g.edge_count() + 1; n += 1 + n / 3) counted.push_back(n);
      const std::vector<std::size_t> prefixes = strata::frozen_prefixes(g, frozen, order, counted);
      for (std::size_t i = 0; i < counted.size(); ++i) {
        const edge_id n = counted[i];
        CHECK(strata::frozen_prefix(g, frozen, order, n) == prefixes[i]);
        const edge_id limit = strata::frozen_limit(g, frozen, n);
        CHECK(strata::frozen_prefix(g, frozen, strata::best_first<T>(g, with_infinity, limit), n) == prefixes[i]);
        CHECK(strata::frozen_prefix(g, frozen, strata::best_first_by_node<T>(g, by_node, limit), n) == prefixes[i]);
        // n edges that count, and every frozen edge whose target is reached.
        const auto trace = strata::edge_mask::prefix(g, order, prefixes[i]);
        std::set<std::size_t> reached{g.levels() * g.tokens() + g.tokens() - 1};
        edge_id counts = 0;
        for (edge_id e = 0; e < g.edge_count(); ++e) {
          if (!trace.contains(e)) continue;
          reached.insert((g.at(e).level - 1) * g.tokens() + g.at(e).source);
          if (!frozen.contains(g, g.at(e))) ++counts;
        }
        CHECK(counts == std::min(n, g.edge_count() - frozen.count(g)));
        bool complete = true;
        for (edge_id e = 0; e < g.edge_count(); ++e)
          if (frozen.contains(g, g.at(e)) && reached.count(g.at(e).level * g.tokens() + g.at(e).target) > 0)
            complete = complete && trace.contains(e);
        CHECK(complete);
      }
    }
  }
}

}  // namespace

TEST_CASE("hand-made: frozen edges come as soon as their targets are reached, and do not count") {
  const graph g(1, 1, 1, strata::block_kind::sequential);  // residual, attention; mlp_residual, mlp
  const std::vector<double> scores{0.6, 0.4, 0.9, 0.1};
  struct example {
    std::string frozen;
    std::vector<edge_id> order;
    std::vector<std::size_t> prefixes;  // of 0, 1, 2, 3, 4 counted edges
  };
  for (const example& x :
       {example{"", {2, 0, 1, 3}, {0, 1, 2, 3, 4}}, example{"mlp", {3, 2, 0, 1}, {1, 2, 3, 4, 4}},
        example{"L0", {3, 1, 2, 0}, {2, 3, 4, 4, 4}}, example{"L0.H0", {2, 1, 0, 3}, {0, 2, 3, 4, 4}},
        example{"attention", {2, 1, 0, 3}, {0, 2, 3, 4, 4}}}) {
    CAPTURE(x.frozen);
    const components frozen = components::parse(x.frozen);
    const edge_order order = strata::best_first<double>(g, frozen_scores(g, frozen, scores));
    CHECK(to_vector(order) == x.order);
    CHECK(strata::frozen_prefixes(g, frozen, order, std::vector<edge_id>{0, 1, 2, 3, 4}) == x.prefixes);
  }
  CHECK(strata::frozen_limit(g, components::parse("L0"), 1) == 3);
  CHECK(strata::frozen_limit(g, components::parse("L0"), 2) == 4);
  CHECK(strata::frozen_limit(g, components::parse("L0"), std::numeric_limits<edge_id>::max()) == 4);
  CHECK_THROWS_AS(static_cast<void>(strata::frozen_prefixes(g, {}, edge_order(4), std::vector<edge_id>{2, 1})),
                  contract_violation);
}

TEST_CASE("frozen orders and prefixes are those of a plain search that takes frozen edges first") {
  std::mt19937 random(1);
  for (const auto block : {strata::block_kind::sequential, strata::block_kind::parallel})
    for (const graph& g : {graph(1, 1, 1, block), graph(1, 2, 4, block), graph(2, 2, 1, block), graph(2, 2, 3, block),
                           graph(4, 3, 3, block)}) {
      check_frozen<float>(g, random);
      check_frozen<double>(g, random);
    }
  check_frozen<float>(graph(3, 9, 12, strata::block_kind::sequential), random);  // nodes that are sorted in pieces
}

TEST_CASE("only the edges of the components get the score +infinity; what is no number stays and is refused") {
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>& edges) {
    for (const std::string& text : sets) {
      const components frozen = components::parse(text);
      const std::vector<float> scores = frozen_scores(g, frozen, std::vector<float>(g.edge_count(), 0.5F));
      for (edge_id e = 0; e < g.edge_count(); ++e)
        CHECK(scores[e] == (frozen.contains(g, edges[e]) ? std::numeric_limits<float>::infinity() : 0.5F));
    }
  });
  const graph g(2, 2, 3, strata::block_kind::sequential);
  for (const std::string& text : sets) {
    const components frozen = components::parse(text);
    selections::refuses_not_a_number(g, [&](const std::vector<double>& scores) {
      return strata::best_first<double>(g, frozen_scores(g, frozen, scores));
    });
    selections::refuses_not_a_number(g, [&](const std::vector<double>& scores) {
      return strata::best_first_by_node<double>(
          g, strata::frozen_by_node<double>(g, frozen, selections::by_node(g, scores)));
    });
  }
}

}  // namespace frozen_test
