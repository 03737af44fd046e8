#include "strata/graph/fed_nodes.hpp"

#include <doctest/doctest.h>

#include <random>

using strata::block_kind;
using strata::edge_mask;
using strata::node;

namespace {

bool fed_by_walking_back(const edge_mask& mask, node n) {
  if (n.level == 0) return true;
  const strata::graph& g = mask.edges_of();
  for (strata::edge_id e = 0; e < g.edge_count(); ++e)
    if (mask.contains(e) && g.at(e).target_node() == n && fed_by_walking_back(mask, g.at(e).source_node())) return true;
  return false;
}

}  // namespace

TEST_CASE("a node is fed where walking back over kept edges meets an embedding") {
  std::size_t fed_nodes = 0, kept_but_not_fed = 0;
  for (const block_kind block : {block_kind::sequential, block_kind::parallel})
    for (unsigned seed = 0; seed < 40; ++seed) {
      const strata::graph g(3, 2, 3, block);
      std::mt19937 random(seed);
      edge_mask mask(g);
      for (strata::edge_id e = 0; e < g.edge_count(); ++e)
        if (random() % 40 < seed / 2) mask.insert(e);
      const strata::fed_nodes fed(mask);
      for (std::size_t level = 0; level <= g.levels(); ++level)
        for (std::size_t t = 0; t < g.tokens(); ++t) {
          const node n{level, t};
          CHECK(fed(n) == fed_by_walking_back(mask, n));
          fed_nodes += fed(n) && level > 0 ? 1 : 0;
          kept_but_not_fed += !fed(n) && mask.any(n) ? 1 : 0;
        }
    }
  CHECK(fed_nodes > 100);
  CHECK(kept_but_not_fed > 100);
}
