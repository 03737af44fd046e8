// Traces by nested swap search: the search's order, run; and what goes with it.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/forward/run.hpp"
#include "strata/masked_divergence.hpp"
#include "strata/model/decoder.hpp"
#include "strata/node_sensitivity.hpp"
#include "strata/score/sensitivity.hpp"
#include "strata/search/prune.hpp"
#include "strata/trace.hpp"
#include "support/goldens.hpp"
#include "support/plain_models.hpp"

using strata::decoder;
using strata::edge_mask;

namespace {

struct prompt_of {
  decoder<double> model;
  std::vector<int> tokens;
  explicit prompt_of(const std::string& name)
      : model(decoder<double>::load(goldens::model_folder(name))), tokens(goldens::run(name).integer("tokens")) {}

  [[nodiscard]] strata::trace_options options(std::size_t rounds) const {
    strata::trace_options made;
    made.sizes = {0.02, 0.05, 0.1, 0.2, 0.4, 1};
    made.swap.emplace();
    made.swap->sizes = {0.05, 0.1, 0.2, 0.4};
    made.swap->rounds = rounds;
    return made;
  }
  [[nodiscard]] strata::sensitivity rule() const { return {strata::node_sensitivities_of(model, tokens)}; }
};

}  // namespace

TEST_CASE("the trace is that of the search's order; what a step says is what its mask gives") {
  for (const std::string name : {"llama", "gpt_neox", "gemma3_text"}) {
    CAPTURE(name);
    const prompt_of p(name);
    const auto options = p.options(3);
    const auto result = strata::trace(p.model, p.tokens, options, p.rule());
    REQUIRE(result.swaps.size() == 4);
    CHECK(result.evaluations > 4);
    CHECK(result.evaluations <= 16);
    CHECK(result.order.size() == result.edges.edge_count());
    std::size_t exact = 0, better = 0;
    for (const strata::swap_step& step : result.swaps) {
      if (step.first != step.first) continue;
      CHECK(step.last <= step.first);
      better += step.last < step.first ? 1 : 0;
      const auto mask = edge_mask::prefix(result.edges, result.order, step.edges);
      if (strata::prune(mask, strata::connection::from_input) != mask) continue;
      const auto logits = strata::run_masked(p.model, p.tokens, std::span(&mask, 1));
      if (step.edges != strata::edges_at_size(result.edges, step.size)) continue;
      ++exact;
      CHECK(strata::kl_divergence<double>(result.logits, logits) == doctest::Approx(step.last).epsilon(1e-9));
      for (const auto& point : result.curve)
        if (point.edges == step.edges) CHECK(point.measured.kl == doctest::Approx(step.last).epsilon(1e-9));
    }
    CHECK(exact > 0);
    CHECK(better > 0);
    CHECK(result.curve.back().measured.kl == 0);
  }
}

TEST_CASE("without rounds, or with no budget for a swap, it is the order of the scores' own masks") {
  const prompt_of p("llama");
  auto options = p.options(0);
  const auto none = strata::trace(p.model, p.tokens, options, p.rule());
  CHECK(none.evaluations == 0);
  options.swap->rounds = 3;
  options.swap->budget = 1;
  const auto budget = strata::trace(p.model, p.tokens, options, p.rule());
  CHECK(budget.evaluations == 0);
  for (std::size_t i = 0; i < none.curve.size(); ++i) CHECK(none.curve[i].measured.kl == budget.curve[i].measured.kl);
}

TEST_CASE("values of several masks are those of each; a search that tries several swaps finds what its steps say") {
  for (const std::string name : {"llama", "gpt_neox"}) {
    CAPTURE(name);
    const prompt_of p(name);
    auto options = p.options(3);
    options.swap->tried = {2, 0.7, 0.2};
    options.swap->grow = true;
    const auto result = strata::trace(p.model, p.tokens, options, p.rule());
    CHECK(result.evaluations <= 16);
    std::vector<edge_mask> masks;
    std::size_t better = 0;
    for (const strata::swap_step& step : result.swaps) {
      masks.push_back(edge_mask::prefix(result.edges, result.order, step.edges));
      better += step.last < step.first ? 1 : 0;
    }
    CHECK(better > 0);
    const strata::masked_divergence<const decoder<double>> evaluate(p.model, p.tokens, result.logits);
    const std::vector<double> values = evaluate.values(masks);
    REQUIRE(values.size() == masks.size());
    for (std::size_t i = 0; i < masks.size(); ++i) {
      CHECK(values[i] == doctest::Approx(evaluate(masks[i], false).value).epsilon(1e-9));
      if (result.swaps[i].last == result.swaps[i].last)
        CHECK(values[i] == doctest::Approx(result.swaps[i].last).epsilon(1e-9));
    }
  }
}

TEST_CASE("smaller sizes cut the order off, halves do not touch it; frozen components are refused") {
  const prompt_of p("llama");
  auto options = p.options(2);
  const auto result = strata::trace(p.model, p.tokens, options, p.rule());
  auto small = options;
  small.max_size = 0.1;
  small.select.round_to_half = true;
  const auto part = strata::trace(p.model, p.tokens, small, p.rule());
  REQUIRE(part.order.size() == strata::edges_at_size(result.edges, 0.1));
  CHECK(std::equal(part.order.begin(), part.order.end(), result.order.begin()));
  options.select.frozen = strata::components::parse("mlp");
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::trace(p.model, p.tokens, options, p.rule())),
                       doctest::Contains("without frozen components"), strata::option_error);
}

TEST_CASE("inverse runs are those of what the traces leave out") {
  const prompt_of p("llama");
  auto options = p.options(1);
  const auto plain = strata::trace(p.model, p.tokens, options, p.rule());
  CHECK(plain.masks.empty());
  options.select.inverse = true;
  const auto inverse = strata::trace(p.model, p.tokens, options, p.rule());
  CHECK(inverse.order == plain.order);
  REQUIRE(inverse.masks.size() == options.sizes.size());
  for (std::size_t i = 0; i < inverse.masks.size(); ++i) {
    const auto count = strata::edges_at_size(plain.edges, options.sizes[i]);
    CHECK(inverse.masks[i] == strata::inverse(edge_mask::prefix(plain.edges, plain.order, count)));
  }
}

TEST_CASE("a pass without gradients, and a selection that takes no order, are refused") {
  const prompt_of p("llama");
  auto options = p.options(1);
  options.select.how = strata::selection::top_scores;
  CHECK_THROWS_AS(static_cast<void>(strata::trace(p.model, p.tokens, options, p.rule())), strata::option_error);
  plain::model plain("llama");
  options.select.how = strata::selection::best_first;
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::trace(plain, p.tokens, options)), doctest::Contains("needs gradients"),
                       strata::option_error);
}

TEST_CASE("it can be stopped") {
  const prompt_of p("llama");
  auto options = p.options(3);
  std::size_t searched = 0;
  options.progress = [&](const strata::trace_progress& at) { return at.stage != "search" || ++searched < 3; };
  CHECK_THROWS_AS(static_cast<void>(strata::trace(p.model, p.tokens, options, p.rule())), strata::cancelled);
  CHECK(searched == 3);
}
