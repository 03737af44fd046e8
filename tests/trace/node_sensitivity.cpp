#include "strata/node_sensitivity.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/forward/run.hpp"
#include "strata/measure/nucleus.hpp"
#include "strata/measure/softmax.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/mean_recorder.hpp"
#include "strata/trace.hpp"
#include "strata/trace_options.hpp"
#include "support/goldens.hpp"

namespace {

using strata::matrix;
using strata::matrix_view;

// Plain hooks that add `step` to one component of a node.
struct pushed : strata::no_hooks<double> {
  strata::graph g;
  strata::node at;
  std::size_t component = 0;
  double step = 0;

  pushed(const strata::graph& graph, strata::node n) : g(graph), at(n) {}
  void push(std::size_t level, matrix_view<double> x, strata::row_list rows) const {
    for (std::size_t r = 0; r < x.rows; ++r)
      if (level == at.level && (rows.empty() ? r : rows[r]) == at.token) x(r, component) += step;
  }
  void join_attention(std::size_t l, matrix_view<double> x, matrix_view<double> out,
                      const strata::attention_parts<double>& parts, strata::row_list rows = {}) {
    strata::no_hooks<double>::join_attention(l, x, out, parts, rows);
    if (!g.parallel()) push(g.attention_level(l), x, rows);
  }
  void join_mlp(std::size_t l, matrix_view<double> x, matrix_view<double> out, strata::row_list rows = {}) {
    strata::no_hooks<double>::join_mlp(l, x, out, rows);
    push(g.mlp_level(l), x, rows);
  }
};

template <class F>
double norm_by_differences(const strata::decoder<double>& model, std::span<const int> tokens, strata::node n, F f) {
  pushed hooks({model.shape(), tokens.size()}, n);
  double squares = 0;
  for (hooks.component = 0; hooks.component < model.shape().width; ++hooks.component) {
    constexpr double step = 1e-5;
    hooks.step = step;
    const double above = f(model.forward(tokens, hooks));
    hooks.step = -step;
    const double derivative = (above - f(model.forward(tokens, hooks))) / (2 * step);
    squares += derivative * derivative;
  }
  return std::sqrt(squares);
}

double log_probability(std::span<const double> logits, std::size_t token) {
  return logits[token] - strata::log_sum_exp<double>(logits);
}

// A model whose S is what it is told.
struct told_model {
  using scalar = float;
  std::vector<float> norms;  // (levels + 1, tokens)

  [[nodiscard]] strata::model_shape shape() const { return {1, 1, 2, 3, 0, strata::block_kind::sequential}; }
  template <class Hooks>
  std::vector<float> forward(std::span<const strata::token_id>, Hooks&) {
    return {1, 0, 0};
  }
  template <class Hooks, class F>
  std::vector<float> forward_backward(std::span<const strata::token_id> tokens, Hooks& hooks, F logit_gradient) {
    std::vector<float> logits{1, 0, 0}, gradient(3);
    logit_gradient(std::span<const float>(logits), std::span<float>(gradient));
    matrix<float> at_embedding(tokens.size(), 2);
    for (std::size_t t = 0; t < tokens.size(); ++t) at_embedding(t, 0) = norms[t];
    if constexpr (requires { hooks.embedding_back(at_embedding.view()); }) hooks.embedding_back(at_embedding.view());
    return logits;
  }
};

}  // namespace

TEST_CASE("S is the gradient's norm by finite differences: the top token, several, random signs") {
  for (const char* name : {"llama", "gpt2", "gpt_neox", "gemma3_text"}) {
    CAPTURE(name);
    const auto model = strata::decoder<double>::load(goldens::model_folder(name));
    const auto tokens = goldens::run(name).integer("tokens");
    const strata::graph g(model.shape(), tokens.size());
    const std::vector<double> logits = strata::run(model, tokens);
    strata::ranking<double> best{std::span<const double>(logits)};
    const auto one = strata::node_sensitivities_of(model, tokens);
    const auto three = strata::node_sensitivities_of(model, tokens, {.top_tokens = 3});
    CHECK(one->rows() == g.levels() + 1);
    CHECK(one->cols() == tokens.size());
    for (const strata::node n : {strata::node{1, 0}, strata::node{1, tokens.size() - 2}, g.output()}) {
      CAPTURE(n.level);
      double squares = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        const double s =
            norm_by_differences(model, tokens, n, [&](const auto& l) { return log_probability(l, best[k]); });
        if (k == 0) CHECK((*one)(n.level, n.token) == doctest::Approx(s).epsilon(1e-6));
        squares += s * s / 3;
      }
      CHECK((*three)(n.level, n.token) == doctest::Approx(std::sqrt(squares)).epsilon(1e-6));
    }
  }
}

TEST_CASE("random signs: many probes give the norm of all logits' derivatives, and the seed decides") {
  const auto model = strata::decoder<double>::load(goldens::model_folder("llama"));
  const auto tokens = goldens::run("llama").integer("tokens");
  const strata::node n = strata::graph(model.shape(), tokens.size()).output();
  double squares = 0;
  for (std::size_t v = 0; v < model.shape().vocabulary; ++v) {
    const double s = norm_by_differences(model, tokens, n, [&](const auto& logits) { return logits[v]; });
    squares += s * s;
  }
  const auto many = strata::node_sensitivities_of(model, tokens, {.probes = 300, .seed = 1});
  CHECK((*many)(n.level, n.token) == doctest::Approx(std::sqrt(squares)).epsilon(0.1));
  const auto value = [&](std::uint64_t seed) {
    return (*strata::node_sensitivities_of(model, tokens, {.probes = 2, .seed = seed}))(n.level, n.token);
  };
  CHECK(value(3) == value(3));
  CHECK(value(3) != value(4));
}

TEST_CASE("the gradient of a log-probability, in units of its largest component, also where the model is sure") {
  for (const double gap : {0.5, 30.0, 600.0}) {
    CAPTURE(gap);
    const std::vector<double> logits{0, gap, -1, 0.25};
    std::vector<double> gradient(4);
    const double scale = strata::log_probability_gradient<double>(logits, 1, gradient);
    double rest = 0;
    for (const std::size_t i : {0U, 2U, 3U}) rest += std::exp(logits[i] - gap);
    CHECK(scale == doctest::Approx(rest / (1 + rest)).epsilon(1e-12));
    CHECK(gradient[1] == 1);
    for (const std::size_t i : {0U, 2U, 3U})
      CHECK(gradient[i] == doctest::Approx(-std::exp(logits[i] - gap) / rest).epsilon(1e-12));
  }
  std::vector<float> sure{0, 2000}, gradient(2);
  CHECK(strata::log_probability_gradient<float>(sure, 1, gradient) == 0);
  CHECK(gradient == std::vector<float>{0, 0});
}

TEST_CASE("S that is not finite becomes the largest finite one") {
  const float infinite = std::numeric_limits<float>::infinity();
  told_model model{{3, infinite, 5, std::numeric_limits<float>::quiet_NaN()}};
  const std::vector<int> tokens{0, 1, 2, 0};
  const auto s = strata::node_sensitivities_of(model, tokens);
  CHECK((*s)(0, 0) == doctest::Approx((*s)(0, 2) * 3 / 5));
  CHECK((*s)(0, 1) == (*s)(0, 2));
  CHECK((*s)(0, 3) == (*s)(0, 2));
  CHECK((*s)(1, 0) == 0);
  CHECK_THROWS_AS(static_cast<void>(strata::node_sensitivities_of(model, tokens, {.top_tokens = 0})),
                  strata::option_error);
}

TEST_CASE("a trace by sensitivity: scores stored and computed again give the same; minus means it is another") {
  const auto model = strata::decoder<float>::load(STRATA_SOURCE_DIR "/examples/model");
  const std::vector<int> tokens{5, 80, 7, 300, 12, 44, 9, 101};
  const strata::sensitivity rule{strata::node_sensitivities_of(model, tokens)};
  strata::trace_options options;
  options.check = false;
  options.scores = strata::score_storage::stored;
  const auto stored = strata::trace(model, tokens, options, rule);
  options.scores = strata::score_storage::recomputed;
  const auto recomputed = strata::trace(model, tokens, options, rule);
  CHECK(stored.order == recomputed.order);
  CHECK(stored.order != strata::trace(model, tokens, options).order);

  const std::vector<std::vector<int>> others{{9, 8, 7, 6, 5, 4, 3, 2}};
  const auto means = strata::means_over(model, others, tokens.size());
  options.scores = strata::score_storage::by_memory;
  const auto plain = strata::trace(model, tokens, options, rule, strata::ablation<float>({}, &means));
  options.minus_dropped = true;
  const auto minus = strata::trace(model, tokens, options, rule, strata::ablation<float>({}, &means));
  CHECK(plain.order == stored.order);
  CHECK(minus.order != plain.order);
  CHECK(minus.curve.back().measured.total_variation == 0);
  options.scores = strata::score_storage::recomputed;
  CHECK_THROWS_WITH_AS(
      static_cast<void>(strata::trace(model, tokens, options, rule, strata::ablation<float>({}, &means))),
      "scores cannot be computed again: what edges contribute minus what stands for them is asked for",
      strata::option_error);
}
