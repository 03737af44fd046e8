#include "strata/search/top_scores.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "support/selections.hpp"

using strata::connection;
using strata::edge_id;
using strata::edge_mask;
using strata::graph;

TEST_CASE("the best edges of the graph, those that reach the output") {
  std::mt19937 random(1);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    for (const auto& scores : selections::many_scores<float>(g.edge_count(), random)) {
      std::vector<edge_id> sorted(g.edge_count());
      std::iota(sorted.begin(), sorted.end(), edge_id{0});
      std::stable_sort(sorted.begin(), sorted.end(), [&](edge_id a, edge_id b) { return scores[a] > scores[b]; });
      edge_mask best(g);
      for (std::size_t n = 0; n <= g.edge_count() + 1; n += 1 + n / 4) {
        best = edge_mask::none(g);
        for (std::size_t i = 0; i < std::min<std::size_t>(n, sorted.size()); ++i) best.insert(sorted[i]);
        CHECK(strata::top_scores<float>(g, scores, n) == selections::reaching_output(g, best));
        CHECK(strata::top_scores<float>(g, scores, n, connection::from_input) ==
              strata::prune(best, connection::from_input));
      }
      CHECK(strata::top_scores<float>(g, scores, g.edge_count()) == edge_mask::all(g));
      CHECK(strata::top_scores<float>(g, scores, g.edge_count() + 1) == edge_mask::all(g));
    }
  });
}

TEST_CASE("a score that is not a number is refused with its node, whatever is wanted") {
  for (const auto block : {strata::block_kind::sequential, strata::block_kind::parallel}) {
    const graph g(2, 2, 3, block);
    for (const edge_id n : {edge_id{0}, edge_id{5}, g.edge_count()})
      selections::refuses_not_a_number(
          g, [&](const std::vector<double>& scores) { return strata::top_scores<double>(g, scores, n); });
  }
}
