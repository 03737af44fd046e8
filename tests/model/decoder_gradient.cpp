// The reverse pass against finite differences of the forward pass, in double, for every architecture.
#include "strata/model/decoder_gradient.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "strata/forward/mask_gradient.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/measure/softmax.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/mean_recorder.hpp"
#include "strata/score/replacement.hpp"
#include "support/goldens.hpp"

using strata::attention_mask;
using strata::decoder;
using strata::edge_mask;
using strata::mask_gradient;
using strata::matrix;
using strata::matrix_view;

namespace {

// A function of the logits that is neither linear nor symmetric: Σ c_i · log p_i, c_i from the index.
double coefficient(std::size_t i) { return static_cast<double>(i % 7) - 2.5; }

double value_of(std::span<const double> logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double y : logits) sum += std::exp(y - most);
  double f = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) f += coefficient(i) * (logits[i] - most - std::log(sum));
  return f / static_cast<double>(logits.size());
}

void gradient_of_value(std::span<const double> logits, std::span<double> g) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0, all = 0;
  for (const double y : logits) sum += std::exp(y - most);
  for (std::size_t i = 0; i < logits.size(); ++i) all += coefficient(i);
  for (std::size_t i = 0; i < logits.size(); ++i)
    g[i] = (coefficient(i) - all * std::exp(logits[i] - most) / sum) / static_cast<double>(logits.size());
}

enum class mask_values { full, soft, hard };

std::vector<double> weights_of(const strata::graph& g, mask_values kind, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform;
  std::vector<double> weights(static_cast<std::size_t>(g.edge_count()), 1);
  for (double& m : weights) {
    if (kind == mask_values::soft) m = 0.5 + uniform(random) / 2;
    if (kind == mask_values::hard) m = uniform(random) < 0.9 ? 1 : 0;
  }
  return weights;
}

struct setting {
  std::string name;
  decoder<double> model;
  std::vector<int> tokens;
  strata::graph edges;

  explicit setting(const std::string& run, const strata::load_options& options = {})
      : name(run),
        model(decoder<double>::load(goldens::model_folder(run), options)),
        tokens(goldens::run(run).integer("tokens")),
        edges(model.shape(), tokens.size()) {}
};

double run_value(const setting& s, std::vector<double> weights, const strata::ablation<double>& dropped) {
  mask_gradient<double> hooks(s.edges, std::move(weights), dropped);
  return value_of(s.model.forward(s.tokens, hooks));
}

strata::run_gradient<double> gradient_at(const setting& s, std::vector<double> weights,
                                         const strata::ablation<double>& dropped = {}) {
  return strata::gradient_of(s.model, s.tokens, std::move(weights), gradient_of_value, dropped);
}

// Where the derivative exists: not where the edge switches a node on, or the renormalised row of a head.
bool smooth(const setting& s, const std::vector<double>& weights, strata::edge_id e, attention_mask variant) {
  const strata::edge at = s.edges.at(e);
  const strata::node n = at.target_node();
  const auto others = [&](auto condition) {
    for (strata::edge_id k = s.edges.first_edge(n); k < s.edges.first_edge(n) + s.edges.edge_count(n); ++k)
      if (k != e && weights[k] != 0 && condition(s.edges.at(k))) return true;
    return false;
  };
  if (!others([](const strata::edge&) { return true; })) return false;
  return variant != attention_mask::before_softmax || at.kind != strata::edge_kind::attention ||
         others([&](const strata::edge& k) { return k.kind == at.kind && k.head == at.head; });
}

// The largest error of a layer's derivatives, relative to its largest derivative, over all layers.
double largest_error(const setting& s, mask_values kind, const strata::ablation<double>& dropped) {
  const std::vector<double> weights = weights_of(s.edges, kind, 5);
  const std::vector<double> found = gradient_at(s, weights, dropped).of_mask;
  std::vector<double> errors(s.edges.layers()), largest(s.edges.layers());
  double scale = 0;
  for (const double g : found) scale = std::max(scale, std::abs(g));
#ifdef NDEBUG
  const strata::edge_id step = 1;
#else  // with sanitizers a run takes twenty times as long
  const strata::edge_id step = std::max<strata::edge_id>(1, s.edges.edge_count() / 16);
#endif
  for (strata::edge_id e = 0; e < s.edges.edge_count(); e += step) {
    if (!smooth(s, weights, e, dropped.attention)) continue;
    const auto at = [&](double m) {
      std::vector<double> moved = weights;
      moved[e] += m;
      return run_value(s, std::move(moved), dropped);
    };
    const auto slope = [&](double h) {  // two steps, so that the error is of fourth order
      return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
    };
    double numeric = slope(1e-4);
    // Where a row keeps little, renormalised weights bend within such a step; a shorter one loses digits elsewhere.
    if (std::abs(numeric - found[e]) > 1e-8 * scale) {
      const double shorter = slope(1e-5);
      if (std::abs(shorter - found[e]) < std::abs(numeric - found[e])) numeric = shorter;
    }
    const std::size_t layer = s.edges.layer_of(s.edges.at(e).level);
    errors[layer] = std::max(errors[layer], std::abs(numeric - found[e]));
    largest[layer] = std::max(largest[layer], std::abs(numeric));
  }
  double worst = 0;
  for (std::size_t l = 0; l < errors.size(); ++l) {
    CHECK(largest[l] > 1e-7);
    worst = std::max(worst, errors[l] / largest[l]);
  }
  return worst;
}

}  // namespace

TEST_CASE("∂f/∂mask of every edge, every architecture: full mask, weights in (0.5, 1), nine of ten edges kept") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const setting s(name);
    for (const mask_values kind : {mask_values::full, mask_values::soft, mask_values::hard}) {
      CAPTURE(static_cast<int>(kind));
      for (const attention_mask variant : {attention_mask::after_softmax, attention_mask::before_softmax}) {
        CAPTURE(static_cast<int>(variant));
        const double error = largest_error(s, kind, variant);
        CHECK(error <= 1e-6);
      }
    }
  }
}

TEST_CASE("the same with means of dropped edges") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const setting s(name);
    std::vector<std::vector<int>> others(2, s.tokens);
    for (int& token : others[0]) token = (token + 31) % 97;
    for (int& token : others[1]) token = (token + 57) % 97;
    const auto means = strata::means_over(s.model, others, s.tokens.size());
    for (const mask_values kind : {mask_values::full, mask_values::soft, mask_values::hard})
      CHECK(largest_error(s, kind, {attention_mask::after_softmax, &means}) <= 1e-6);
  }
}

namespace {

double largest_difference(std::span<const double> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

}  // namespace

TEST_CASE("the same with mean outputs of heads, a frozen pattern and rescaled nodes") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const setting s(name);
    const auto whole = strata::replacement_of(s.model, s.tokens, strata::head_mean::causal);
    for (const mask_values kind : {mask_values::full, mask_values::soft, mask_values::hard})
      for (const unsigned parts : {1U, 2U, 3U, 4U, 7U}) {
        CAPTURE(parts);
        strata::ablation<double> dropped;
        if ((parts & 1U) != 0) dropped.mass = &whole.mass;
        if ((parts & 2U) != 0) dropped.pattern = &whole.pattern;
        if ((parts & 4U) != 0) dropped.norms = &whole.norms;
        CHECK(largest_error(s, kind, dropped) <= 1e-6);
        if (parts != 2) continue;
        dropped.attention = attention_mask::before_softmax;
        CHECK(largest_error(s, kind, dropped) <= 1e-6);
      }
  }
}

TEST_CASE("its forward run is the masked run, and has the bits of the plain one where all is kept") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const setting s(name);
    std::vector<std::vector<int>> others(1, s.tokens);
    for (int& token : others[0]) token = (token + 31) % 97;
    const auto means = strata::means_over(s.model, others, s.tokens.size());
    std::vector<strata::ablation<double>> ablations{attention_mask::after_softmax,
                                                    attention_mask::before_softmax,
                                                    attention_mask::ignored,
                                                    {attention_mask::after_softmax, &means}};
    std::mt19937 random(3);
    for (const unsigned kept : {0U, 5U, 50U, 90U, 100U}) {
      edge_mask mask(s.edges);
      for (strata::edge_id e = 0; e < s.edges.edge_count(); ++e)
        if (random() % 100 < kept) mask.insert(e);
      for (const auto& dropped : ablations) {
        const auto found = strata::gradient_of(s.model, s.tokens, mask, gradient_of_value, dropped).logits;
        if (kept == 100) CHECK(found == strata::run(s.model, s.tokens));
        const auto expected = strata::run_masked(s.model, s.tokens, std::span(&mask, 1), dropped);
        CHECK(largest_difference(found, expected) <= 1e-10);
      }
    }
  }
}

namespace {

// Adds to one component of one node of a run.
struct moved_node : mask_gradient<double> {
  strata::node at;
  std::size_t component;
  double by;
  strata::graph edges;

  moved_node(const setting& s, std::vector<double> weights, strata::node n, std::size_t j, double d)
      : mask_gradient<double>(s.edges, std::move(weights)), at(n), component(j), by(d), edges(s.edges) {}

  void move(std::size_t level, matrix_view<double> x, strata::row_list rows) const {
    for (std::size_t r = 0; r < x.rows; ++r)
      if (level == at.level && (rows.empty() ? r : rows[r]) == at.token) x(r, component) += by;
  }
  void join_attention(std::size_t layer, matrix_view<double> x, matrix_view<double> out,
                      const strata::attention_parts<double>& parts, strata::row_list rows = {}) {
    mask_gradient<double>::join_attention(layer, x, out, parts, rows);
    if (!edges.parallel()) move(edges.attention_level(layer), x, rows);
  }
  void join_mlp(std::size_t layer, matrix_view<double> x, matrix_view<double> out, strata::row_list rows = {}) {
    mask_gradient<double>::join_mlp(layer, x, out, rows);
    move(edges.mlp_level(layer), x, rows);
  }
};

}  // namespace

TEST_CASE("∂f/∂node at every level and token") {
  for (const std::string name : {"llama", "olmo2_bias", "gpt_neox", "gpt2", "qwen3"}) {
    CAPTURE(name);
    const setting s(name);
    for (const mask_values kind : {mask_values::full, mask_values::soft}) {
      const std::vector<double> weights = weights_of(s.edges, kind, 5);
      const matrix<double> norms = gradient_at(s, weights).node_norms;
      REQUIRE(norms.rows() == s.edges.levels() + 1);
      for (std::size_t level = 1; level <= s.edges.levels(); ++level)
        for (const std::size_t token : {std::size_t{0}, s.tokens.size() / 2, s.tokens.size() - 1}) {
          double squares = 0;
          for (std::size_t j = 0; j < s.model.shape().width; ++j) {
            const auto at = [&](double d) {
              moved_node hooks(s, weights, {level, token}, j, d);
              return value_of(s.model.forward(s.tokens, hooks));
            };
            const double slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            squares += slope * slope;
          }
          CAPTURE(level);
          CAPTURE(token);
          if (!s.edges.reaches_output({level, token}))
            CHECK(norms(level, token) == 0);
          else
            CHECK(norms(level, token) == doctest::Approx(std::sqrt(squares)).epsilon(1e-6));
        }
    }
    // At level 0 the gradient is what the first level's edges carry back: ⟨g, x⟩ = Σ of its edges' derivatives where the
    // norm forgets the length of x; here only that it is there.
    for (std::size_t t = 0; t < s.tokens.size(); ++t)
      CHECK(gradient_at(s, weights_of(s.edges, mask_values::full, 5)).node_norms(0, t) > 0);
  }
}

TEST_CASE("layers computed again give the same bits as layers kept; float agrees with double") {
  for (const std::string name : {"llama", "gemma3_text", "gpt_neox", "olmo2_bias", "phi3_partial"}) {
    CAPTURE(name);
    const setting kept(name), again(name, {.gradient_memory = 0});
    const std::vector<double> weights = weights_of(kept.edges, mask_values::soft, 5);
    const auto a = gradient_at(kept, weights), b = gradient_at(again, weights);
    CHECK(a.of_mask == b.of_mask);
    CHECK(std::equal(a.node_norms.values().begin(), a.node_norms.values().end(), b.node_norms.values().begin()));
    CHECK(a.logits == b.logits);

    const auto single = decoder<float>::load(goldens::model_folder(name));
    const auto f = strata::gradient_of(single, kept.tokens, std::vector<float>(weights.begin(), weights.end()),
                                       [](std::span<const float> logits, std::span<float> g) {
                                         const std::vector<double> wide(logits.begin(), logits.end());
                                         std::vector<double> gradient(wide.size());
                                         gradient_of_value(wide, gradient);
                                         std::copy(gradient.begin(), gradient.end(), g.begin());
                                       });
    double largest = 0;
    for (const double d : a.of_mask) largest = std::max(largest, std::abs(d));
    for (std::size_t e = 0; e < a.of_mask.size(); ++e)
      CHECK(std::abs(static_cast<double>(f.of_mask[e]) - a.of_mask[e]) <= 2e-5 * largest);
  }
}

TEST_CASE("an empty mask has the uniform distribution and no derivatives") {
  const setting s("llama_bias");
  const auto found = strata::gradient_of(s.model, s.tokens, edge_mask::none(s.edges), gradient_of_value);
  for (const double d : found.of_mask) CHECK(d == 0);
  for (const double y : found.logits) CHECK(y == found.logits[0]);
}
