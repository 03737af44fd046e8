#include "strata/evaluate.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "strata/circuit.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/mean_recorder.hpp"
#include "strata/trace.hpp"
#include "support/goldens.hpp"
#include "support/plain_models.hpp"

using strata::edge_mask;

namespace {

struct setting {
  explicit setting(const std::string& name)
      : run(name),
        model(strata::decoder<double>::load(goldens::model_folder(name))),
        tokens(run.integer("tokens")),
        edges(model.shape(), tokens.size()),
        order(edges.edge_count()),
        logits(strata::run(model, tokens)),
        measure(std::span<const double>(logits)) {
    for (const int e : run.integer("order")) order.push_back(static_cast<strata::edge_id>(e));
  }
  goldens::run run;
  strata::decoder<double> model;
  std::vector<int> tokens;
  strata::graph edges;
  strata::edge_order order;
  std::vector<double> logits;
  strata::faithfulness_to<double> measure;
};

}  // namespace

TEST_CASE("an order's traces and the same as masks are measured alike; equal counts once, all edges by the plain run") {
  for (const std::string name : {"llama", "gpt_neox"}) {
    CAPTURE(name);
    const setting s(name);
    const auto all = static_cast<std::size_t>(s.edges.edge_count());
    const std::vector<std::size_t> counts{0, 0, 7, 100, 100, all, all};
    strata::matrix<double> states, logits, mask_states, mask_logits;
    const auto points = strata::evaluate(s.model, s.tokens, s.order, counts, s.measure, {}, {}, {}, &states, &logits);
    std::vector<edge_mask> masks;
    for (const std::size_t count : counts) masks.push_back(edge_mask::prefix(s.edges, s.order, count));
    const auto of_masks = strata::evaluate(s.model, s.tokens, masks, s.measure, {}, {}, {}, &mask_states, &mask_logits);
    REQUIRE(points.size() == counts.size());
    REQUIRE(of_masks.size() == counts.size());
    REQUIRE(states.rows() == counts.size());
    REQUIRE(logits.rows() == counts.size());
    for (std::size_t i = 0; i < counts.size(); ++i) {
      CAPTURE(i);
      CHECK(points[i].edges == counts[i]);
      CHECK(points[i].made_of == of_masks[i].made_of);
      CHECK(points[i].size == static_cast<double>(counts[i]) / static_cast<double>(all));
      CHECK(std::abs(points[i].measured.kl - of_masks[i].measured.kl) <= 1e-9);
      for (std::size_t j = 0; j < states.cols(); ++j) CHECK(std::abs(states(i, j) - mask_states(i, j)) <= 1e-9);
      for (std::size_t j = 0; j < logits.cols(); ++j) CHECK(std::abs(logits(i, j) - mask_logits(i, j)) <= 1e-9);
    }
    CHECK(points.back().measured.kl == 0);
    CHECK(points[0].measured.kl > 0);
    // Without states and logits the figures are the same.
    const auto again = strata::evaluate(s.model, s.tokens, s.order, counts, s.measure);
    for (std::size_t i = 0; i < counts.size(); ++i)
      CHECK(std::abs(again[i].measured.kl - points[i].measured.kl) <= 1e-12);
  }
}

TEST_CASE("a circuit's faithfulness is 0 without edges and 1 with all, for any metric and ablation") {
  const setting s("llama");
  strata::trace_options options;
  options.keep_logits = true;
  options.sizes = {0.001, 0.05, 0.2, 0.5, 1};  // the first has no edges
  for (const bool with_means : {false, true}) {
    CAPTURE(with_means);
    std::vector<std::vector<int>> others{s.tokens};
    for (int& token : others[0]) token = (token + 13) % 97;
    const auto means = strata::means_over(s.model, others, s.tokens.size());
    const strata::edge_means<double>* const used = with_means ? &means : nullptr;
    const strata::ablation<double> dropped(options.attention, used);
    const auto trace = strata::trace(s.model, s.tokens, options, strata::l1{}, dropped);
    const auto check = [&](const auto& metric) {
      const auto circuit = strata::circuit_of(s.model, trace, metric, dropped);
      REQUIRE(circuit.faithfulness.size() == 5);
      CHECK(std::abs(circuit.faithfulness[0]) <= 1e-9);
      CHECK(circuit.faithfulness[4] == 1);
      CHECK(circuit.full == metric(std::span<const double>(s.logits)));
      for (std::size_t i = 0; i < 5; ++i)
        CHECK(circuit.faithfulness[i] ==
              (metric(std::as_const(trace.curve_logits).row(i)) - circuit.empty) / (circuit.full - circuit.empty));
      std::vector<double> sizes = options.sizes;
      CHECK(circuit.cpr == strata::circuit_performance_ratio(sizes, circuit.faithfulness));
      CHECK(circuit.cmd == strata::circuit_model_distance(sizes, circuit.faithfulness));
    };
    check(strata::log_probability_of{5});
    check(strata::logit_difference{5, 9});
    check([](std::span<const double> logits) { return logits[3] * logits[3]; });
  }
  // A metric that nothing changes has no faithfulness.
  const auto trace = strata::trace(s.model, s.tokens, options);
  const auto nothing = strata::circuit_of(s.model, trace, [](std::span<const double>) { return 2.0; });
  CHECK(nothing.faithfulness.empty());
  CHECK_FALSE(nothing.cpr.has_value());
}

TEST_CASE("a plug-in model without a sweep keeps states and logits too, in threads and batches") {
  plain::model model("llama");
  const std::vector<int> tokens = goldens::run("llama").integer("tokens");
  strata::trace_options options;
  options.keep_logits = options.keep_states = true;
  options.sizes = {0.05, 0.3, 0.6, 1};
  const auto one = strata::trace(model, tokens, options);
  options.batch = 3;
  const auto batched = strata::trace(model, tokens, options);
  const auto decoder = strata::decoder<double>::load(goldens::model_folder("llama"));
  const auto swept = strata::trace(decoder, tokens, options);
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < one.final_states.cols(); ++j) {
      CHECK(std::abs(one.final_states(i, j) - batched.final_states(i, j)) <= 1e-9);
      CHECK(std::abs(one.final_states(i, j) - swept.final_states(i, j)) <= 1e-8);
    }
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < one.curve_logits.cols(); ++j)
      CHECK(std::abs(one.curve_logits(i, j) - swept.curve_logits(i, j)) <= 1e-8);
}
