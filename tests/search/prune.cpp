#include "strata/search/prune.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <set>
#include <vector>

#include "support/selections.hpp"

using strata::connection;
using strata::edge_id;
using strata::edge_mask;
using strata::graph;

namespace {

// Nodes (level · tokens + token) that are reached from an embedding through edges of the mask.
std::set<std::size_t> fed_nodes(const graph& g, const edge_mask& mask) {
  std::set<std::size_t> fed;
  for (std::size_t token = 0; token < g.tokens(); ++token) fed.insert(token);
  for (std::size_t before = 0; before != fed.size();) {
    before = fed.size();
    for (edge_id e = 0; e < g.edge_count(); ++e) {
      const strata::edge at = g.at(e);
      if (mask.contains(e) && fed.count((at.level - 1) * g.tokens() + at.source) > 0)
        fed.insert(at.level * g.tokens() + at.target);
    }
  }
  return fed;
}

void check_prune(const graph& g, const edge_mask& mask) {
  const edge_mask to_output = selections::reaching_output(g, mask);
  CHECK(strata::prune(mask) == to_output);
  const std::set<std::size_t> fed = fed_nodes(g, mask);
  const edge_mask on_paths = to_output & edge_mask::where(g, [&](const strata::edge& e) {
                               return fed.count((e.level - 1) * g.tokens() + e.source) > 0;
                             });
  CHECK(strata::prune(mask, connection::from_input) == on_paths);
  CHECK(strata::prune(on_paths, connection::from_input) == on_paths);
}

}  // namespace

TEST_CASE("every mask of tiny graphs") {
  for (const auto block : {strata::block_kind::sequential, strata::block_kind::parallel})
    for (const graph& g :
         {graph(1, 1, 1, block), graph(1, 2, 2, block), graph(2, 1, 1, block), graph(2, 1, 2, block)}) {
      if (g.edge_count() > 14) continue;
      for (std::size_t bits = 0; bits < std::size_t{1} << g.edge_count(); ++bits) {
        edge_mask mask(g);
        for (edge_id e = 0; e < g.edge_count(); ++e)
          if ((bits >> e & 1U) != 0) mask.insert(e);
        check_prune(g, mask);
      }
    }
}

TEST_CASE("random masks of small graphs") {
  std::mt19937 random(1);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    CHECK(strata::prune(edge_mask::all(g), connection::from_input) == edge_mask::all(g));
    for (unsigned tenths = 0; tenths < 10; ++tenths) {
      edge_mask mask(g);
      for (edge_id e = 0; e < g.edge_count(); ++e)
        if (random() % 10 < tenths) mask.insert(e);
      check_prune(g, mask);
    }
  });
}

TEST_CASE("an edge that only leads to the output, one that only comes from the input, one that does both") {
  const graph g(2, 1, 1, strata::block_kind::parallel);  // residual, attention, mlp; the same again
  edge_mask to_output(g);
  to_output.insert(3);
  CHECK(strata::prune(to_output) == to_output);
  CHECK(strata::prune(to_output, connection::from_input) == edge_mask::none(g));
  edge_mask from_input(g);
  from_input.insert(1);
  CHECK(strata::prune(from_input) == edge_mask::none(g));
  const edge_mask path = to_output | from_input;
  CHECK(strata::prune(path, connection::from_input) == path);
}
