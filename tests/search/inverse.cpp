#include "strata/search/inverse.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "strata/forward/run.hpp"
#include "strata/model/decoder.hpp"
#include "support/selections.hpp"

using strata::edge_id;
using strata::edge_mask;
using strata::graph;

TEST_CASE("residual edges, a mask with them, and its complement with them") {
  std::mt19937 random(1);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    const edge_mask residual = edge_mask::where(g, [](const strata::edge& e) {
      return e.kind == strata::edge_kind::residual || e.kind == strata::edge_kind::mlp_residual;
    });
    CHECK(strata::residual_edges(g) == residual);
    edge_mask trace(g);
    for (edge_id e = 0; e < g.edge_count(); ++e)
      if (random() % 2 == 0) trace.insert(e);
    const edge_mask rest = strata::inverse(trace);
    for (edge_id e = 0; e < g.edge_count(); ++e) {
      CHECK(rest.contains(e) == (residual.contains(e) || !trace.contains(e)));
      CHECK(strata::with_residuals(trace).contains(e) == (residual.contains(e) || trace.contains(e)));
    }
    CHECK((rest | trace) == edge_mask::all(g));
    CHECK(strata::inverse(edge_mask::none(g)) == edge_mask::all(g));
    CHECK(strata::inverse(edge_mask::all(g)) == residual);
  });
}

TEST_CASE("the golden logits of what the 10 % trace leaves out") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const selections::golden g(name);
    auto model = strata::decoder<double>::load(goldens::model_folder(name));
    const edge_mask rest = strata::inverse(g.mask("mask.keep", 7));
    const std::vector<double> logits =
        strata::run_masked(model, g.run.integer("tokens"), std::span<const edge_mask>(&rest, 1));
    const std::vector<double> expected = g.run.real("inverse.logits");
    REQUIRE(logits.size() == expected.size());
    double largest = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) largest = std::max(largest, std::abs(logits[i] - expected[i]));
    CHECK(largest <= 1e-9);
  }
}
