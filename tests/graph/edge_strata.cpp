#include "strata/graph/edge_strata.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include "strata/forward/mask_list.hpp"

using strata::block_kind;
using strata::edge_mask;
using strata::node;

namespace {

strata::edge_order shuffled(const strata::graph& g, unsigned seed) {
  std::vector<strata::edge_id> ids(static_cast<std::size_t>(g.edge_count()));
  std::iota(ids.begin(), ids.end(), strata::edge_id{0});
  std::shuffle(ids.begin(), ids.end(), std::mt19937(seed));
  strata::edge_order order(g.edge_count());
  for (const strata::edge_id e : ids) order.push_back(e);
  return order;
}

template <class Masks>
std::set<std::pair<std::size_t, std::size_t>> attention_of(const Masks& masks, node n, std::size_t m) {
  std::set<std::pair<std::size_t, std::size_t>> edges;
  masks.for_each_attention(n, m, [&](std::size_t s, std::size_t h) { CHECK(edges.insert({s, h}).second); });
  return edges;
}

}  // namespace

TEST_CASE("what strata and lists of masks say of a node is what the edges say, one by one") {
  for (const block_kind block : {block_kind::sequential, block_kind::parallel})
    for (const std::size_t tokens : {1U, 2U, 5U})
      for (const std::size_t layers : {1U, 3U}) {
        const strata::graph g(layers, 3, tokens, block);
        const auto edges = static_cast<std::size_t>(g.edge_count());
        const strata::edge_order order = shuffled(g, static_cast<unsigned>(10 * tokens + layers));
        const std::vector<std::size_t> sizes{0, 1, edges / 3, edges / 3, edges / 2, edges};
        const strata::edge_strata nested(g, order, sizes);
        std::vector<edge_mask> masks;
        for (const std::size_t n : sizes) masks.push_back(edge_mask::prefix(g, order, n));
        const strata::edge_mask_list list(masks);
        const strata::with_all_attention<strata::edge_strata> ignored(nested);
        REQUIRE(nested.size() == sizes.size());
        for (std::size_t m = 0; m < sizes.size(); ++m) {
          CHECK(nested.edges(m) == sizes[m]);
          CHECK(nested.mask(m) == masks[m]);
        }
        for (std::size_t level = 1; level <= g.levels(); ++level)
          for (std::size_t t = 0; t < tokens; ++t)
            for (std::size_t m = 0; m < sizes.size(); ++m) {
              const node n{level, t};
              bool any = false, residual = false, mlp = false;
              std::set<std::pair<std::size_t, std::size_t>> attention;
              for (strata::edge_id e = 0; e < g.edge_count(); ++e) {
                const strata::edge at = g.at(e);
                if (!(at.target_node() == n) || !masks[m].contains(e)) continue;
                any = true;
                if (at.kind == strata::edge_kind::attention)
                  attention.insert({at.source, at.head});
                else
                  (at.kind == strata::edge_kind::mlp ? mlp : residual) = true;
              }
              const auto check = [&](const auto& said) {
                CHECK(said.any(n, m) == any);
                CHECK(said.residual(n, m) == residual);
                if (g.has_mlp(level)) CHECK(said.mlp(n, m) == mlp);
                CHECK(said.mixes(n, m) == !attention.empty());
                if (g.has_attention(level) && g.reaches_output(n))
                  CHECK(said.all_attention(n, m) == (attention.size() == 3 * (t + 1)));
                CHECK(attention_of(said, n, m) == attention);
                for (std::size_t other = 0; other < sizes.size(); ++other)
                  if (said.same_attention(n, m, other)) CHECK(attention_of(said, n, other) == attention);
              };
              check(nested);
              check(list);
              CHECK(nested.same_attention(n, 2, 3));
              CHECK(list.same_attention(n, 2, 3));
              const bool attends = g.has_attention(level) && g.reaches_output(n);
              CHECK(ignored.mixes(n, m) == attends);
              CHECK(ignored.any(n, m) == (any || attends));
              CHECK(ignored.residual(n, m) == residual);
              if (attends) CHECK(attention_of(ignored, n, m).size() == 3 * (t + 1));
            }
      }
}

TEST_CASE("sizes that fall, or that the order does not hold, are refused") {
  const strata::graph g(1, 1, 2, block_kind::sequential);
  const strata::edge_order order = shuffled(g, 1);
  const std::vector<std::size_t> falling{2, 1}, large{order.size() + 1};
  CHECK_THROWS_AS(strata::edge_strata(g, order, falling), contract_violation);
  CHECK_THROWS_AS(strata::edge_strata(g, order, large), contract_violation);
}
