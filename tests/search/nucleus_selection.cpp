#include "strata/search/nucleus_selection.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "support/selections.hpp"

using strata::edge_id;
using strata::edge_mask;
using strata::graph;
using strata::nucleus_edges;

namespace {

// Every node's nucleus, reached or not, and of all these the edges from which the output is reached.
template <class T>
edge_mask reference_nucleus(const graph& g, const std::vector<T>& scores, double tau, bool published) {
  edge_mask best(g);
  for (std::size_t level = 1; level <= g.levels(); ++level)
    for (std::size_t token = 0; token < g.tokens(); ++token) {
      const edge_id count = g.edge_count({level, token});
      if (count == 0) continue;
      std::vector<edge_id> ids(count);
      std::iota(ids.begin(), ids.end(), g.first_edge({level, token}));
      std::stable_sort(ids.begin(), ids.end(), [&](edge_id a, edge_id b) { return scores[a] > scores[b]; });
      double sum = 0;
      for (const edge_id e : ids) {
        const bool frozen = scores[e] == std::numeric_limits<T>::infinity();
        if (frozen && !published) {
          best.insert(e);
        } else if (sum < tau && (!published || scores[e] > 0)) {
          best.insert(e);
          sum += static_cast<double>(scores[e]);
        }
      }
    }
  return selections::reaching_output(g, best);
}

template <class T>
void check_nucleus(const graph& g, std::mt19937& random) {
  for (const auto& scores : selections::many_scores<T>(g.edge_count(), random))
    for (const double tau : {-1.0, 0.0, 0.1, 0.25, 0.7, 1.0, 3.0, std::numeric_limits<double>::infinity()})
      for (const bool published : {false, true}) {
        CAPTURE(tau);
        CAPTURE(published);
        const nucleus_edges edges = published ? nucleus_edges::positive : nucleus_edges::any;
        const edge_mask selected = strata::nucleus_selection<T>(g, scores, tau, edges);
        CHECK(selected == reference_nucleus<T>(g, scores, tau, published));
        CHECK(selected == strata::nucleus_selection_by_node<T>(g, selections::by_node(g, scores), tau, edges));
      }
}

}  // namespace

TEST_CASE("the golden nuclei") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const selections::golden g(name);
    CHECK(strata::nucleus_selection<double>(g.edges, g.l1, g.run.real("select.nucleus.tau")[0]) ==
          g.mask("select.nucleus.keep"));
  }
}

TEST_CASE("each reached node keeps its best edges until their scores add up") {
  std::mt19937 random(1);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    check_nucleus<float>(g, random);
    check_nucleus<double>(g, random);
  });
}

TEST_CASE("nodes with many edges, which are sorted in pieces") {
  std::mt19937 random(2);
  check_nucleus<float>(graph(1, 40, 30, strata::block_kind::sequential), random);
  check_nucleus<double>(graph(2, 9, 20, strata::block_kind::parallel), random);
}

TEST_CASE("where the scores do not add up, all edges are kept, or in the published way those above 0") {
  const graph g(1, 2, 1, strata::block_kind::sequential);  // residual, attention 0 and 1; mlp_residual, mlp
  const std::vector<double> scores{0.5, 0, 0.25, 0.25, 0.5};
  const auto kept = [&](double tau, nucleus_edges edges) {
    const edge_mask mask = strata::nucleus_selection<double>(g, scores, tau, edges);
    std::vector<edge_id> ids;
    for (edge_id e = 0; e < g.edge_count(); ++e)
      if (mask.contains(e)) ids.push_back(e);
    return ids;
  };
  CHECK(kept(0.8, nucleus_edges::any) == std::vector<edge_id>{0, 1, 2, 3, 4});
  CHECK(kept(0.8, nucleus_edges::positive) == std::vector<edge_id>{0, 2, 3, 4});
  CHECK(kept(0.75, nucleus_edges::any) == std::vector<edge_id>{0, 2, 3, 4});
  CHECK(kept(0.5, nucleus_edges::any) == std::vector<edge_id>{0, 4});
  CHECK(kept(0, nucleus_edges::any).empty());
}

TEST_CASE("frozen edges are kept beside a nucleus; in the published way they fill it") {
  const graph g(1, 2, 1, strata::block_kind::sequential);
  const double frozen = std::numeric_limits<double>::infinity();
  const std::vector<double> scores{0.5, frozen, frozen, 0.25, 0.5};
  const edge_mask beside = strata::nucleus_selection<double>(g, scores, 0.5);
  CHECK(beside.count({1, 0}) == 3);
  const edge_mask filled = strata::nucleus_selection<double>(g, scores, 0.5, nucleus_edges::positive);
  CHECK(filled.count({1, 0}) == 1);
  CHECK(filled.contains(g.attention_edge({1, 0}, 0, 0)));
}

TEST_CASE("scores and sums that are no numbers are refused") {
  for (const auto block : {strata::block_kind::sequential, strata::block_kind::parallel}) {
    const graph g(2, 2, 3, block);
    selections::refuses_not_a_number(g, [&](const std::vector<double>& scores) {
      return strata::nucleus_selection<double>(g, scores, std::numeric_limits<double>::infinity());
    });
  }
  const graph g(1, 1, 1, strata::block_kind::sequential);
  const std::vector<double> scores(4, 0.5);
  CHECK_THROWS_AS(
      static_cast<void>(strata::nucleus_selection<double>(g, scores, std::numeric_limits<double>::quiet_NaN())),
      strata::option_error);
}
