#include "strata/graph/composition.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_strata.hpp"
#include "support/reference_graph.hpp"

TEST_CASE("depth quartiles split the layers into four parts, the longer ones first") {
  const auto sizes = [](std::size_t layers) {
    std::array<std::size_t, 4> parts{};
    std::size_t before = 0;
    for (std::size_t l = 0; l < layers; ++l) {
      const std::size_t q = strata::depth_quartile(l, layers);
      CHECK(q >= before);
      before = q;
      ++parts[q];
    }
    return parts;
  };
  CHECK(sizes(8) == std::array<std::size_t, 4>{2, 2, 2, 2});
  CHECK(sizes(6) == std::array<std::size_t, 4>{2, 2, 1, 1});
  CHECK(sizes(30) == std::array<std::size_t, 4>{8, 8, 7, 7});
  CHECK(sizes(3) == std::array<std::size_t, 4>{1, 1, 1, 0});
  CHECK(sizes(1) == std::array<std::size_t, 4>{1, 0, 0, 0});
}

TEST_CASE("the composition of all edges counts each once") {
  reference::for_small_graphs([](const strata::graph& g, const std::vector<strata::edge>& edges) {
    strata::composition all;
    std::array<strata::edge_id, 4> kinds{};
    for (const strata::edge& e : edges) {
      all.add(g, e);
      ++kinds[static_cast<std::size_t>(e.kind)];
    }
    CHECK(all.kinds == kinds);
    CHECK(all.quartiles[0] + all.quartiles[1] + all.quartiles[2] + all.quartiles[3] == edges.size());
    CHECK(all.attention() + all.mlp() + all.residual() == edges.size());
    CHECK(all.reaches_input);
  });
}

TEST_CASE("an input is reached by an edge that leaves level 0") {
  const strata::graph g(2, 1, 2, strata::block_kind::sequential);
  strata::composition c;
  c.add(g, g.at(g.edge_count() - 1));
  CHECK_FALSE(c.reaches_input);
  c.add(g, g.at(0));
  CHECK(c.reaches_input);
}

TEST_CASE("the composition of a graph, of masks and of nested masks is that of their edges one by one") {
  reference::for_small_graphs([](const strata::graph& g, const std::vector<strata::edge>& edges) {
    strata::composition all;
    for (const strata::edge& e : edges) all.add(g, e);
    CHECK(strata::composition_of(g) == all);
    CHECK(strata::composition_of(strata::edge_mask::all(g)) == all);
    CHECK(strata::composition_of(strata::edge_mask::none(g)).edges == 0);

    strata::edge_order order(g.edge_count());  // any order will do
    for (std::size_t i = 0; i < edges.size(); ++i) order.push_back((i * 7 + 3) % edges.size());
    if (edges.size() % 7 == 0) return;  // no permutation
    const std::vector<std::size_t> sizes{0, 1, edges.size() / 3, edges.size() / 2, edges.size()};
    const std::vector<strata::composition> nested = strata::edge_strata(g, order, sizes).compositions();
    REQUIRE(nested.size() == sizes.size());
    for (std::size_t m = 0; m < sizes.size(); ++m) {
      strata::composition expected;
      for (std::size_t i = 0; i < sizes[m]; ++i) expected.add(g, g.at(order[i]));
      CHECK(nested[m] == expected);
      CHECK(strata::composition_of(strata::edge_mask::prefix(g, order, sizes[m])) == expected);
    }
  });
}

TEST_CASE("layers and heads add up to the kinds") {
  const strata::graph g(3, 2, 4, strata::block_kind::sequential);
  const strata::composition all = strata::composition_of(g);
  for (std::size_t kind = 0; kind < 4; ++kind) {
    strata::edge_id sum = 0;
    for (std::size_t layer = 0; layer < 3; ++layer) sum += all.layers[4 * layer + kind];
    CHECK(sum == all.kinds[kind]);
  }
  CHECK(all.heads == std::vector<strata::edge_id>{10, 10, 10, 10, 4, 4});
}
