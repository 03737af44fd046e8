#include "strata/trace.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

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

TEST_CASE("a prompt of one token, and of one token repeated, go through the checks of the pass") {
  auto model = strata::decoder<float>::load(goldens::model_folder("llama"));
  CHECK(strata::trace(model, std::vector<int>{5}).curve.size() == 27);
  plain::model parallel("gpt_neox");
  CHECK(strata::trace(parallel, std::vector<int>{5, 5, 5}).curve.size() == 27);
}
