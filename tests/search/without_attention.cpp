#include "strata/search/without_attention.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <set>

#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/prune.hpp"

TEST_CASE("all edges of the last token but those of attention, each prefix connected to the output") {
  for (const auto block : {strata::block_kind::sequential, strata::block_kind::parallel})
    for (const std::size_t tokens : {std::size_t{1}, std::size_t{4}}) {
      strata::model_shape shape;
      shape.layers = 3;
      shape.heads = 2;
      shape.width = 8;
      shape.vocabulary = 5;
      shape.block = block;
      const strata::graph graph(shape, tokens);
      std::set<strata::edge_id> expected;
      for (strata::edge_id e = 0; e < graph.edge_count(); ++e) {
        const strata::edge at = graph.at(e);
        if (at.target == tokens - 1 && at.kind != strata::edge_kind::attention) expected.insert(e);
      }
      const auto order = strata::last_token_without_attention(graph);
      std::set<strata::edge_id> found;
      for (std::size_t i = 0; i < order.size(); ++i) {
        found.insert(order[i]);
        const auto prefix = strata::edge_mask::prefix(graph, order, i + 1);
        CHECK(strata::prune(prefix) == prefix);
      }
      CHECK(found == expected);
      CHECK(order.size() == expected.size());
    }
}
