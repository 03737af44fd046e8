#include "strata/select.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/l2.hpp"
#include "strata/trace.hpp"
#include "support/goldens.hpp"

using strata::decoder;
using strata::edge_id;
using strata::edge_mask;
using strata::selection;

namespace {

struct recorded {
  explicit recorded(const std::string& name)
      : model(decoder<double>::load(goldens::model_folder(name))),
        tokens(goldens::run(name).integer("tokens")),
        edges(model.shape(), tokens.size()) {
    strata::recorder<double> record(edges);
    static_cast<void>(strata::run(model, tokens, record));
    scores = record.take_scores();
  }
  decoder<double> model;
  std::vector<int> tokens;
  strata::graph edges;
  std::vector<double> scores;
  std::vector<edge_id> sizes{0, 3, 20, 100, 400};
};

strata::selected_edges of(const recorded& r, const strata::selection_options& options) {
  return strata::select_edges<double>(r.edges, r.scores, r.sizes, options);
}

}  // namespace

TEST_CASE("each selection is what its own function gives; node by node the same") {
  for (const std::string name : {"llama", "gpt_neox"}) {
    CAPTURE(name);
    const recorded r(name);
    const std::span<const double> scores(r.scores);
    const auto by_node = [&](strata::node n) { return scores.subspan(r.edges.first_edge(n), r.edges.edge_count(n)); };
    const auto agree = [&](const strata::selection_options& options) {
      const auto stored = of(r, options);
      const auto again = strata::select_edges_by_node<double>(r.edges, by_node, r.sizes, options);
      CHECK(stored.order == again.order);
      CHECK(stored.counts == again.counts);
      CHECK(stored.masks == again.masks);
      return stored;
    };
    strata::selection_options options;
    CHECK(agree(options).order == strata::best_first<double>(r.edges, scores, 400));
    options.frozen = strata::components::parse("mlp,L1.H2");
    const auto frozen = agree(options);
    CHECK(frozen.counts == strata::frozen_prefixes(r.edges, options.frozen, frozen.order, r.sizes));
    CHECK(frozen.counts[1] > 3);
    options.count_frozen = true;
    CHECK(agree(options).counts == std::vector<std::size_t>{0, 3, 20, 100, 400});
    options = {};
    options.how = selection::random_connected;
    options.seed = 5;
    CHECK(agree(options).order == strata::random_connected(r.edges, 400, 5));
    options.keep_residuals = options.published_ways = true;
    const auto published = agree(options);
    REQUIRE(published.masks.size() == 5);
    CHECK(published.masks[1] ==
          strata::with_residuals(edge_mask::prefix(
              r.edges, strata::random_connected(r.edges, 400, 5, strata::random_edges::residual_and_mlp_first), 3)));
    options = {};
    options.how = selection::threshold;
    options.tau = 0.05;
    CHECK(agree(options).masks == std::vector{strata::threshold<double>(r.edges, scores, 0.05)});
    options.how = selection::nucleus;
    options.tau = 0.6;
    CHECK(agree(options).masks == std::vector{strata::nucleus_selection<double>(r.edges, scores, 0.6)});
    options = {};
    options.how = selection::top_scores;
    options.frozen = strata::components::parse("mlp");
    const auto beside = of(r, options);  // 20 edges and all MLP edges, of which those are left that reach the output
    edge_id counted = 0;
    for (edge_id e = 0; e < r.edges.edge_count(); ++e)
      if (beside.masks[2].contains(e) && r.edges.at(e).kind != strata::edge_kind::mlp) ++counted;
    CHECK(counted <= 20);
    CHECK(beside.masks[2].count() > counted);
    options.frozen = {};
    const auto top = of(r, options);
    REQUIRE(top.masks.size() == 5);
    CHECK(top.masks[2] == strata::top_scores<double>(r.edges, scores, 20));
    CHECK_THROWS_AS(static_cast<void>(strata::select_edges_by_node<double>(r.edges, by_node, r.sizes, options)),
                    strata::option_error);
  }
}

TEST_CASE("a trace and its inverse hold every edge; rounding to half changes the order a little") {
  const recorded r("llama");
  strata::selection_options options;
  const auto plain = of(r, options);
  options.inverse = true;
  const auto inverse = of(r, options);
  REQUIRE(inverse.masks.size() == r.sizes.size());
  for (std::size_t i = 0; i < r.sizes.size(); ++i)
    CHECK((inverse.masks[i] | edge_mask::prefix(r.edges, plain.order, plain.counts[i])) == edge_mask::all(r.edges));
  options = {};
  options.round_to_half = true;
  const auto rounded = of(r, options);
  CHECK(rounded.order.size() == plain.order.size());
  std::vector<double> halves = r.scores;
  strata::round_to_half(std::span<double>(halves));
  CHECK(rounded.order == strata::best_first<double>(r.edges, halves, 400));
}

TEST_CASE("what does not go together is refused") {
  const recorded r("llama");
  strata::selection_options options;
  options.how = selection::random_connected;
  options.frozen = strata::components::parse("mlp");
  CHECK_THROWS_WITH_AS(static_cast<void>(of(r, options)), "a random selection cannot freeze components",
                       strata::option_error);
  options = {};
  options.frozen = strata::components::parse("L9");
  CHECK_THROWS_AS(static_cast<void>(of(r, options)), strata::option_error);
}

TEST_CASE("a trace goes through every selection, and through every rule") {
  const recorded r("llama");
  strata::trace_options options;
  options.sizes = {0.01, 0.1, 0.5, 1};
  options.select.how = selection::top_scores;
  const auto top = strata::trace(r.model, r.tokens, options);
  REQUIRE(top.curve.size() == 4);
  CHECK(top.order.empty());
  CHECK(top.curve[3].measured.total_variation == doctest::Approx(0).epsilon(1e-9));
  CHECK(top.curve[1].edges <= strata::edges_at_size(r.edges, 0.1));
  CHECK(top.masks[1].count() == top.curve[1].edges);

  options.select.how = selection::threshold;
  options.select.tau = 0.2;
  options.sizes = {0.1};  // not the size of the one trace
  const auto single = strata::trace(r.model, r.tokens, options);
  CHECK(single.curve[0].size == static_cast<double>(single.curve[0].edges) / static_cast<double>(r.edges.edge_count()));
  options.select.tau = 5;
  const auto nothing = strata::trace(r.model, r.tokens, options);
  CHECK(nothing.curve[0].edges == 0);
  CHECK(nothing.density == 0);
  options.sizes = {0.01, 0.1, 0.5, 1};

  options.select.how = selection::nucleus;
  options.select.tau = 0.7;
  const auto nucleus = strata::trace(r.model, r.tokens, options);
  REQUIRE(nucleus.curve.size() == 1);
  CHECK(nucleus.curve[0].edges == nucleus.masks[0].count());
  CHECK(nucleus.curve[0].size ==
        static_cast<double>(nucleus.curve[0].edges) / static_cast<double>(r.edges.edge_count()));
  CHECK(nucleus.density == 0);

  options.select = {};
  options.select.frozen = strata::components::parse("attention");
  const auto frozen = strata::trace(r.model, r.tokens, options);
  CHECK(frozen.curve[0].edges > strata::edges_at_size(r.edges, 0.01));
  CHECK(frozen.curve[3].edges == r.edges.edge_count());

  options.select = {};
  options.select.inverse = true;
  options.keep_states = true;
  const auto inverse = strata::trace(r.model, r.tokens, options);
  CHECK(inverse.curve[3].made_of.attention() == 0);
  CHECK(inverse.final_states.rows() == 4);

  options = {};
  options.keep_scores = true;
  const auto by_l2 = strata::trace(r.model, r.tokens, options, strata::l2{});
  CHECK(by_l2.order == strata::best_first<double>(r.edges, by_l2.scores));
  options.keep_scores = false;
  options.scores = strata::score_storage::recomputed;
  CHECK(strata::trace(r.model, r.tokens, options, strata::l2{}).order == by_l2.order);
}
