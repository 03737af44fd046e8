#include "strata/forward/sweep_plan.hpp"

#include <doctest/doctest.h>

#include <map>
#include <numeric>
#include <random>
#include <tuple>

using strata::block_kind;
using strata::edge_mask;
using strata::node;

namespace {

// A node's value as a number that stands for how it comes about, with nothing shared or left out: equal numbers, equal
// ways.
class symbolic {
 public:
  explicit symbolic(const strata::graph& g, strata::sweep_rules rules = {}) : g_(g), rules_(rules) {}

  std::size_t value(const edge_mask& mask, node n) {
    if (n.level == 0) return number({0, n.token});
    if (!(rules_.fed_only ? fed(mask, n) : mask.any(n))) return 0;
    std::vector<std::size_t> way{n.level, n.token};
    const std::size_t below = value(mask, {n.level - 1, n.token});
    way.push_back(mask.contains(g_.residual_edge(n)) ? below + 1 : 0);
    way.push_back(g_.has_mlp(n.level) && mask.contains(g_.mlp_edge(n)) ? below + 1 : 0);
    bool mixes = false;
    if (g_.has_attention(n.level))
      for (std::size_t s = 0; s <= n.token; ++s)
        for (std::size_t h = 0; h < g_.heads(); ++h) {
          way.push_back(mask.contains(g_.attention_edge(n, s, h)) ? 1 : 0);
          mixes = mixes || way.back() == 1;
          if (rules_.frozen_pattern && way.back() == 1) way.push_back(value(mask, {n.level - 1, s}));
        }
    if (mixes && !rules_.frozen_pattern)
      for (std::size_t s = 0; s <= n.token; ++s) way.push_back(value(mask, {n.level - 1, s}));
    return number(way);
  }

 private:
  // Whether a path of kept edges leads to the node from an embedding.
  bool fed(const edge_mask& mask, node n) const {
    if (n.level == 0) return true;
    for (strata::edge_id e = 0; e < g_.edge_count(); ++e)
      if (mask.contains(e) && g_.at(e).target_node() == n && fed(mask, g_.at(e).source_node())) return true;
    return false;
  }

  std::size_t number(const std::vector<std::size_t>& way) {
    return numbers_.try_emplace(way, numbers_.size() + 1).first->second;
  }

  strata::graph g_;
  strata::sweep_rules rules_;
  std::map<std::vector<std::size_t>, std::size_t> numbers_;
};

std::vector<edge_mask> random_masks(const strata::graph& g, std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<edge_mask> masks(count, edge_mask(g));
  for (edge_mask& mask : masks) {
    const auto kept = random() % 101;
    for (strata::edge_id e = 0; e < g.edge_count(); ++e)
      if (random() % 100 < kept) mask.insert(e);
  }
  masks.push_back(masks.front());  // one of them twice
  return masks;
}

}  // namespace

TEST_CASE(
    "nodes share a row exactly where they come about in the same way, in all masks, and the output always has one") {
  for (const block_kind block : {block_kind::sequential, block_kind::parallel})
    for (unsigned seed = 0; seed < 60; ++seed) {
      const strata::graph g(2, 2, 3, block);
      const std::vector<edge_mask> masks = random_masks(g, 6, seed);
      const strata::edge_mask_list list(masks);
      const strata::sweep_rules rules{false, seed % 2 == 1, seed % 4 >= 2};
      const strata::sweep_plan plan(list, rules);
      symbolic ways(g, rules);
      strata::sweep::level level = plan.embeddings();
      while (level.number < g.levels()) {
        const strata::sweep::level below = level;
        level = plan.next(below);
        CHECK(level.number == below.number + 1);
        for (std::size_t t = 0; t < g.tokens(); ++t) {
          std::map<std::size_t, std::uint32_t> row_of_way;
          for (std::size_t m = 0; m < masks.size(); ++m) {
            const std::uint32_t row = level.of[t * masks.size() + m];
            const std::size_t way = ways.value(masks[m], {level.number, t});
            if (row == 0) {  // the base value, or not needed
              const bool output = level.number == g.levels() && t + 1 == g.tokens();
              if (output) CHECK(way == 0);
              continue;
            }
            REQUIRE(way != 0);
            CHECK(level.rows[row - 1].token == t);
            const auto [first, added] = row_of_way.try_emplace(way, row);
            CHECK(first->second == row);  // the same way, the same row
            for (const auto& [other_way, other_row] : row_of_way)
              if (other_way != way) CHECK(other_row != row);
          }
        }
      }
    }
}

TEST_CASE("what no kept edge leads on to the output is not computed") {
  const strata::graph g(2, 1, 3, block_kind::sequential);
  edge_mask mask(g);
  // Only the last token's residual stream is kept, and a lot that leads nowhere.
  for (std::size_t level = 1; level <= g.levels(); ++level) mask.insert(g.residual_edge({level, 2}));
  mask.insert(g.mlp_edge({2, 0}));
  mask.insert(g.attention_edge({1, 1}, 0, 0));
  const std::vector<edge_mask> masks{mask};
  const strata::edge_mask_list list(masks);
  const strata::sweep_plan plan(list);
  strata::sweep::level level = plan.embeddings();
  while (level.number < g.levels()) {
    level = plan.next(level);
    CHECK(level.rows.size() == 1);
    CHECK(level.mixes.empty());
  }
}

TEST_CASE("nested strata share what their common beginning decides") {
  const strata::graph g(2, 2, 4, block_kind::sequential);
  strata::edge_order order(g.edge_count());
  for (strata::edge_id e = g.edge_count(); e-- > 0;) order.push_back(e);  // the output's edges first
  const std::vector<std::size_t> sizes{3, 5, 9, static_cast<std::size_t>(g.edge_count())};
  const strata::edge_strata nested(g, order, sizes);
  std::vector<edge_mask> masks;
  for (std::size_t m = 0; m < sizes.size(); ++m) masks.push_back(nested.mask(m));
  const strata::edge_mask_list list(masks);
  const strata::sweep_plan a(nested);
  const strata::sweep_plan b(list);
  strata::sweep::level one = a.embeddings(), two = b.embeddings();
  while (one.number < g.levels()) {
    one = a.next(one);
    two = b.next(two);
    CHECK(one.of == two.of);
    CHECK(one.rows.size() == two.rows.size());
    CHECK(one.mixes.size() == two.mixes.size());
  }
}
