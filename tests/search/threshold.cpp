#include "strata/search/threshold.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <vector>

#include "support/selections.hpp"

using strata::edge_id;
using strata::edge_mask;
using strata::graph;

namespace {

template <class T>
edge_mask reference_threshold(const graph& g, const std::vector<T>& scores, double tau) {
  edge_mask above(g);
  for (edge_id e = 0; e < g.edge_count(); ++e)
    if (static_cast<double>(scores[e]) > tau) above.insert(e);
  return selections::reaching_output(g, above);
}

template <class T>
void check_threshold(const graph& g, std::mt19937& random) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& scores : selections::many_scores<T>(g.edge_count(), random))
    for (const double tau : {-infinity, -1.0, 0.0, 0.1, 0.25, 0.5, 0.9, infinity}) {
      const edge_mask selected = strata::threshold<T>(g, scores, tau);
      CHECK(selected == reference_threshold<T>(g, scores, tau));
      CHECK(selected == strata::threshold_by_node<T>(g, selections::by_node(g, scores), tau));
    }
}

}  // namespace

TEST_CASE("the golden selections above a threshold") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const selections::golden g(name);
    CHECK(strata::threshold<double>(g.edges, g.l1, g.run.real("select.threshold.tau")[0]) ==
          g.mask("select.threshold.keep"));
  }
}

TEST_CASE("the edges above a threshold that reach the output through such edges") {
  std::mt19937 random(1);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    check_threshold<float>(g, random);
    check_threshold<double>(g, random);
  });
}

TEST_CASE("an edge that equals the threshold is not above it; what lies behind a dropped edge is dropped") {
  const graph g(1, 1, 1, strata::block_kind::sequential);  // attention_residual, attention; mlp_residual, mlp
  const auto kept = [&](std::vector<double> scores, double tau) {
    const edge_mask mask = strata::threshold<double>(g, scores, tau);
    std::vector<edge_id> ids;
    for (edge_id e = 0; e < g.edge_count(); ++e)
      if (mask.contains(e)) ids.push_back(e);
    return ids;
  };
  CHECK(kept({0.5, 0.6, 0.5, 0.6}, 0.5) == std::vector<edge_id>{1, 3});
  CHECK(kept({0.9, 0.9, 0.5, 0.5}, 0.5).empty());
}

TEST_CASE("scores and thresholds that are no numbers are refused") {
  for (const auto block : {strata::block_kind::sequential, strata::block_kind::parallel}) {
    const graph g(2, 2, 3, block);
    selections::refuses_not_a_number(
        g, [&](const std::vector<double>& scores) { return strata::threshold<double>(g, scores, 0); });
  }
  const graph g(1, 1, 1, strata::block_kind::sequential);
  const std::vector<double> scores(4, 0.5);
  CHECK_THROWS_AS(static_cast<void>(strata::threshold<double>(g, scores, std::numeric_limits<double>::quiet_NaN())),
                  strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::threshold<double>(g, std::span(scores).first(3), 0)), contract_violation);
}
