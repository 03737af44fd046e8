#include "strata/trace.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "strata/model/decoder.hpp"
#include "support/goldens.hpp"
#include "support/plain_models.hpp"

namespace {

// Integers equal, reals within `bound` of the goldens: the whole curve and what is read off it.
template <class T>
void check_metrics(const goldens::run& run, const strata::trace_result<T>& result, double bound) {
  const auto edges = run.integer("metrics.edges"), top1 = run.integer("metrics.top1"),
             agree = run.integer("metrics.nucleus_agree"), nucleus = run.integer("metrics.nucleus"),
             nucleus_size = run.integer("metrics.nucleus_size"), rank = run.integer("metrics.rank"),
             first5 = run.integer("metrics.first5"), reaches = run.integer("metrics.reaches_input");
  const auto kl = run.real("metrics.kl"), tv = run.real("metrics.tv"), js = run.real("metrics.jsd"),
             entropy = run.real("metrics.entropy"), cross = run.real("metrics.cross_entropy");
  const auto close = [&](double a, double b) { CHECK(std::abs(a - b) <= bound); };
  REQUIRE(result.curve.size() == edges.size());
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const strata::trace_point& point = result.curve[i];
    const strata::faithfulness& m = point.measured;
    CHECK(point.edges == static_cast<strata::edge_id>(edges[i]));
    CHECK(point.made_of.edges == point.edges);
    CHECK(point.made_of.reaches_input == (reaches[i] != 0));
    close(m.kl, kl[i]);
    close(m.total_variation, tv[i]);
    close(m.jensen_shannon, js[i]);
    close(m.entropy, entropy[i]);
    close(m.cross_entropy.value(), cross[i]);
    CHECK(m.top1 == (top1[i] != 0));
    CHECK(m.nucleus == nucleus[i]);
    CHECK(static_cast<int>(m.nucleus_size) == nucleus_size[i]);
    CHECK(static_cast<int>(m.rank.value()) == rank[i]);
    for (std::size_t k = 0; k < 12; ++k) CHECK(m.nucleus_agrees[k] == (agree[12 * i + k] != 0));
    for (std::size_t k = 0; k < 5; ++k)
      CHECK((k < m.first_five.size() ? static_cast<int>(m.first_five[k]) : -1) == first5[5 * i + k]);
  }
  close(result.entropy, run.real("metrics.entropy_p")[0]);
  close(result.density, run.real("metrics.density")[0]);
  const auto first_tv = run.real("metrics.first_tv_below"), first_kl = run.real("metrics.first_kl_below");
  const double bounds[] = {0.5, 0.2, 0.1, 0.05};
  for (std::size_t k = 0; k < 4; ++k) {
    const auto size = [](const strata::trace_point* p) { return p == nullptr ? -1 : p->size; };
    CHECK(size(result.smallest_below(bounds[k], [](const auto& m) { return m.total_variation; })) == first_tv[k]);
    CHECK(size(result.smallest_below(bounds[k], [](const auto& m) { return m.kl; })) == first_kl[k]);
  }
}

template <class T>
void check_equal(const strata::trace_result<T>& a, const strata::trace_result<T>& b) {
  CHECK(a.logits == b.logits);
  CHECK(a.self_check == b.self_check);
  CHECK(a.order == b.order);
  CHECK(a.density == b.density);
  REQUIRE(a.curve.size() == b.curve.size());
  for (std::size_t i = 0; i < a.curve.size(); ++i) {
    CHECK(a.curve[i].edges == b.curve[i].edges);
    CHECK(a.curve[i].measured.kl == b.curve[i].measured.kl);
  }
}

std::vector<int> long_prompt(std::size_t tokens) {
  std::vector<int> prompt;
  for (std::size_t i = 0; i < tokens; ++i) prompt.push_back(static_cast<int>((i * i * 31 + 7 * i + 3) % 2048));
  return prompt;
}

template <class Model, class Rule = strata::l1>
std::string refusal(Model& model, std::span<const int> tokens, const strata::trace_options& options,
                    const Rule& rule = {}) {
  try {
    static_cast<void>(strata::trace(model, tokens, options, rule));
  } catch (const strata::option_error& e) {
    return e.what();
  }
  return "";
}

struct must_not_run {
  using scalar = float;
  strata::model_shape shape() const { return {2, 2, 4, 10, 8, strata::block_kind::sequential}; }
  template <class Hooks>
  std::vector<float> forward(std::span<const strata::token_id> /*tokens*/, Hooks& /*hooks*/) {
    FAIL("the pass ran");
    return {};
  }
};

}  // namespace

TEST_CASE("the whole chain against the goldens, in double: ten plug-in models and the decoder") {
  for (const std::string& name : plain::models()) {
    CAPTURE(name);
    const goldens::run run(name);
    const auto tokens = run.integer("tokens");
    strata::trace_options options;
    options.target = run.integer("metrics.target")[0];
    plain::model model(name);
    check_metrics(run, strata::trace(model, tokens, options), 1e-9);
    options.batch = 8;
    check_metrics(run, strata::trace(model, tokens, options), 1e-9);
    if (name.starts_with("llama")) {
      auto decoder = strata::decoder<double>::load(goldens::model_folder(name));
      check_metrics(run, strata::trace(decoder, tokens, options), 1e-9);
    }
  }
}

TEST_CASE("in float the orders may differ in near ties only: the curve stays within the goldens' tolerances") {
  for (const std::string name : {"llama", "llama_bias", "llama_rope_linear"}) {
    CAPTURE(name);
    const goldens::run run(name);
    REQUIRE(run.integer("order_fp32_stable.l1")[0] == 1);
    strata::trace_options options;
    options.target = run.integer("metrics.target")[0];
    auto decoder = strata::decoder<float>::load(goldens::model_folder(name));
    check_metrics(run, strata::trace(decoder, run.integer("tokens"), options), 5e-5);
  }
}

TEST_CASE("at size 1 the trace is the plain run: all divergences are exactly 0") {
  auto model = strata::decoder<float>::load(goldens::model_folder("llama"));
  const auto result = strata::trace(model, goldens::run("llama").integer("tokens"));
  const strata::faithfulness& whole = result.curve.back().measured;
  CHECK(whole.kl == 0);
  CHECK(whole.total_variation == 0);
  CHECK(whole.jensen_shannon == 0);
  CHECK(whole.nucleus == 99);
}

TEST_CASE("a part of the grid is searched only as far as it needs, and gives the same points") {
  auto model = strata::decoder<double>::load(goldens::model_folder("llama"));
  const auto tokens = goldens::run("llama").integer("tokens");
  strata::trace_options options;
  const auto whole = strata::trace(model, tokens, options);
  options.sizes = {0.01, 0.1};
  options.keep_scores = true;
  const auto part = strata::trace(model, tokens, options);
  CHECK(part.order.size() == 45);
  CHECK(part.scores.size() == 453);
  for (const auto& point : part.curve)
    for (const auto& same : whole.curve)
      if (same.size == point.size) CHECK(same.measured.kl == doctest::Approx(point.measured.kl).epsilon(1e-9));
}

TEST_CASE("sizes above max_size are left out") {
  auto model = strata::decoder<double>::load(goldens::model_folder("llama"));
  const auto tokens = goldens::run("llama").integer("tokens");
  strata::trace_options options;
  options.max_size = 0.1;
  const auto part = strata::trace(model, tokens, options);
  CHECK(part.order.size() == 45);
  CHECK(part.curve.back().size == 0.1);
  options.max_size = 1e-6;
  CHECK_THROWS_AS(static_cast<void>(strata::trace(model, tokens, options)), strata::option_error);
}

TEST_CASE("wrong prompts, targets and sizes are refused before anything runs") {
  must_not_run model;
  const std::vector<int> tokens{1, 2};
  const auto refused = [&](std::span<const int> prompt, const strata::trace_options& options) {
    CHECK_THROWS_AS(static_cast<void>(strata::trace(model, prompt, options)), strata::option_error);
  };
  refused({}, {});
  refused(std::vector<int>{10}, {});
  refused(std::vector<int>(9, 1), {});
  strata::trace_options options;
  options.target = 10;
  refused(tokens, options);
  for (const std::vector<double>& sizes :
       std::vector<std::vector<double>>{{}, {0}, {0.1, 1.5}, {0.2, 0.1}, {std::nan("")}}) {
    options = {};
    options.sizes = sizes;
    refused(tokens, options);
  }
}

TEST_CASE("progress is told stage by stage, and stops the trace") {
  auto model = strata::decoder<float>::load(goldens::model_folder("llama"));
  const auto tokens = goldens::run("llama").integer("tokens");
  std::vector<std::string> stages;
  strata::trace_options options;
  options.progress = [&](const strata::trace_progress& p) {
    if (stages.empty() || stages.back() != p.stage) stages.emplace_back(p.stage);
    CHECK(p.done <= p.total);
    return true;
  };
  static_cast<void>(strata::trace(model, tokens, options));
  CHECK(stages == std::vector<std::string>{"check", "record", "order", "evaluate"});
  for (const char* at : {"check", "record", "order", "evaluate"}) {
    options.progress = [&](const strata::trace_progress& p) { return p.stage != at; };
    CHECK_THROWS_AS(static_cast<void>(strata::trace(model, tokens, options)), strata::cancelled);
  }
}

TEST_CASE("every golden model: scores that are computed again give the result of stored ones, to the bit") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    auto model = strata::decoder<double>::load(goldens::model_folder(name));
    const auto tokens = goldens::run(name).integer("tokens");
    for (const double max_size : {1.0, 0.1}) {
      strata::trace_options options;
      options.max_size = max_size;
      options.scores = strata::score_storage::stored;
      const auto stored = strata::trace(model, tokens, options);
      options.scores = strata::score_storage::recomputed;
      check_equal(strata::trace(model, tokens, options), stored);
    }
  }
}

TEST_CASE("a memory bound between both ways: the scores of a longer prompt are computed again, to the same bits") {
  auto model = strata::decoder<float>::load(STRATA_SOURCE_DIR "/examples/model");
  const std::vector<int> tokens = long_prompt(200);
  strata::trace_options options;
  options.sizes = {0.02};
  const auto estimate = [&](bool recomputed) {
    return strata::estimate_memory(model.shape(), model.footprint(), tokens.size(), options, recomputed, sizeof(float))
        .total;
  };
  REQUIRE(estimate(true) < estimate(false));
  const auto stored = strata::trace(model, tokens, options);
  options.max_memory = static_cast<std::size_t>(estimate(true)) + 1;
  CHECK(strata::plan_memory(model.shape(), model.footprint(), tokens.size(), options, {}, sizeof(float)).recomputed);
  check_equal(strata::trace(model, tokens, options), stored);
  options.max_memory -= 2;
  CHECK(refusal(model, tokens, options).find("; it would fit with up to 199 tokens, a larger bound or fewer edges") !=
        std::string::npos);
}

TEST_CASE("what cannot be computed again is refused above the bound, with what would fit") {
  const std::vector<int> tokens{1, 2};
  must_not_run plugged_in;
  strata::trace_options options;
  options.max_memory = 1000;
  CHECK(refusal(plugged_in, tokens, options)
            .find("(its scores have to be stored, since the model has no attention "
                  "source); it would fit with a larger bound or fewer edges") != std::string::npos);
  options.scores = strata::score_storage::recomputed;
  CHECK(refusal(plugged_in, tokens, options) == "scores cannot be computed again: the model has no attention source");
  auto decoder = strata::decoder<float>::load(goldens::model_folder("llama"));
  const strata::per_edge own_rule([](auto contribution, auto) { return std::abs(contribution[0]); });
  CHECK(refusal(decoder, tokens, options, own_rule) == "scores cannot be computed again: the rule does not factor");
  options.keep_scores = true;
  CHECK(refusal(decoder, tokens, options) == "scores cannot be computed again: the scores are to be kept");
  options = {};
  options.max_memory = 1000;
  options.scores = strata::score_storage::stored;
  CHECK(refusal(decoder, tokens, options).find("since that was asked for") != std::string::npos);
}

TEST_CASE("a prompt of one token, and of one token repeated, go through the checks of the pass") {
  auto model = strata::decoder<float>::load(goldens::model_folder("llama"));
  CHECK(strata::trace(model, std::vector<int>{5}).curve.size() == 27);
  plain::model parallel("gpt_neox");
  CHECK(strata::trace(parallel, std::vector<int>{5, 5, 5}).curve.size() == 27);
}
