#include "strata/search/order_of_masks.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "search/connected_edges.hpp"
#include "strata/core/error.hpp"
#include "strata/search/best_first.hpp"
#include "strata/search/prune.hpp"
#include "support/selections.hpp"

using strata::edge_id;
using strata::edge_mask;
using strata::graph;

namespace {

std::vector<edge_mask> random_chain(const graph& g, std::mt19937& random) {
  std::vector<edge_mask> masks;
  edge_mask mask(g);
  for (std::size_t i = random() % 4; i > 0; --i) {
    for (edge_id e = 0; e < g.edge_count(); ++e)
      if (random() % 5 == 0) mask.insert(e);
    masks.push_back(strata::prune(mask));
  }
  return masks;
}

}  // namespace

TEST_CASE("mask after mask, each best first from what is reached, then the rest") {
  std::mt19937 random(2);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    std::vector<double> scores(g.edge_count());
    std::iota(scores.begin(), scores.end(), -5.0);
    std::shuffle(scores.begin(), scores.end(), random);
    for (std::size_t again = 0; again < 4; ++again) {
      const std::vector<edge_mask> masks = random_chain(g, random);
      std::vector<edge_id> expected;
      for (const edge_mask& mask : masks) reference::take_best_first(g, scores, reference::set_of(mask), expected);
      reference::take_best_first(g, scores, reference::set_of(edge_mask::all(g)), expected);
      const strata::edge_order order = strata::order_of_masks<double>(g, scores, masks);
      CHECK(std::vector<edge_id>(order.begin(), order.end()) == expected);
    }
  });
}

TEST_CASE("any scores, many of them equal: masks are prefixes, and every prefix is connected") {
  std::mt19937 random(3);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    for (std::vector<float> scores : selections::many_scores<float>(g.edge_count(), random)) {
      for (float& s : scores) s = std::clamp(s, -2.0F, 2.0F);
      const std::vector<edge_mask> masks = random_chain(g, random);
      const strata::edge_order order = strata::order_of_masks<float>(g, scores, masks);
      REQUIRE(order.size() == g.edge_count());
      for (const edge_mask& mask : masks)
        CHECK(edge_mask::prefix(g, order, static_cast<std::size_t>(mask.count())) == mask);
      edge_mask prefix(g);
      for (const edge_id e : order) {
        CHECK(!prefix.contains(e));
        prefix.insert(e);
        CHECK(strata::prune(prefix) == prefix);
      }
      CHECK(strata::order_of_masks<float>(g, scores, {}) == strata::best_first<float>(g, scores));
    }
  });
}

TEST_CASE("a score that is not finite is refused with its node") {
  const graph g(2, 2, 3, strata::block_kind::sequential);
  std::vector<double> scores(g.edge_count(), 1);
  scores[g.residual_edge({3, 2})] = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::order_of_masks<double>(g, scores, {})),
                       "level 3, token 2: the score of an incoming edge is inf, expected a finite number",
                       strata::numeric_error);
  scores[g.residual_edge({3, 2})] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(static_cast<void>(strata::order_of_masks<double>(g, scores, {})), strata::numeric_error);
}
