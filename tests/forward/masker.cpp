#include "strata/forward/masker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "strata/forward/run.hpp"
#include "support/plain_models.hpp"

using strata::attention_mask;
using strata::edge_mask;

namespace {

struct golden {
  explicit golden(const std::string& name)
      : run(name), model(name), tokens(run.integer("tokens")), edges(model.shape(), tokens.size()) {
    const auto keep = run.integer("mask.keep");
    for (std::size_t i = 0; i < 10; ++i) {
      masks.emplace_back(edges);
      for (std::size_t e = 0; e < edges.edge_count(); ++e)
        if (keep[i * edges.edge_count() + e] != 0) masks.back().insert(e);
    }
  }
  goldens::run run;
  plain::model model;
  std::vector<int> tokens;
  strata::graph edges;
  std::vector<edge_mask> masks;
};

double largest_difference(std::span<const double> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double m = 0;
  for (std::size_t i = 0; i < a.size(); ++i) m = std::max(m, std::abs(a[i] - b[i]));
  return m;
}

const std::vector<std::pair<attention_mask, std::string>> variants{{attention_mask::after_softmax, "after_softmax"},
                                                                   {attention_mask::before_softmax, "before_softmax"},
                                                                   {attention_mask::ignored, "ignored"}};

}  // namespace

TEST_CASE("masked logits of every family, mask and variant, alone and as one batch") {
  for (const std::string& name : plain::models()) {
    CAPTURE(name);
    golden g(name);
    strata::no_hooks<double> none;
    CHECK(largest_difference(g.model.all_logits(g.tokens, none).values(), g.run.real("logits")) <= 1e-9);
    for (const auto& named : variants) {  // no structured binding: clang 14 cannot capture one
      const attention_mask variant = named.first;
      const std::string& text = named.second;
      CAPTURE(text);
      const auto expected = g.run.real("mask.logits." + text);
      const std::size_t vocabulary = g.model.shape().vocabulary;
      for (std::size_t i = 0; i < g.masks.size(); ++i)
        CHECK(largest_difference(strata::run_masked(g.model, g.tokens, std::span(&g.masks[i], 1), variant),
                                 std::span(expected).subspan(i * vocabulary, vocabulary)) <= 1e-9);
      CHECK(largest_difference(strata::run_masked(g.model, g.tokens, g.masks, variant), expected) <= 1e-9);
      g.model.only_last_row_at_the_end = true;
      CHECK(largest_difference(strata::run_masked(g.model, g.tokens, g.masks, variant), expected) <= 1e-9);
      g.model.only_last_row_at_the_end = false;
    }
  }
}

TEST_CASE("a run that keeps all edges gives the bits of the plain run; dropping one changes the output") {
  for (const std::string& name : plain::models()) {
    CAPTURE(name);
    golden g(name);
    const auto plain_logits = strata::run(g.model, g.tokens);
    const edge_mask all = edge_mask::all(g.edges);
    for (const auto& [variant, text] : variants)
      CHECK(strata::run_masked(g.model, g.tokens, std::span(&all, 1), variant) == plain_logits);
    for (const strata::edge_kind kind :
         {strata::edge_kind::residual, strata::edge_kind::attention, strata::edge_kind::mlp}) {
      const edge_mask without = all - edge_mask::where(g.edges, [&](const strata::edge& e) {
                                  return e.kind == kind && e.target + 1 == g.tokens.size();
                                });
      CHECK(strata::run_masked(g.model, g.tokens, std::span(&without, 1)) != plain_logits);
      const bool unheard = kind == strata::edge_kind::attention;
      CHECK((strata::run_masked(g.model, g.tokens, std::span(&without, 1), attention_mask::ignored) == plain_logits) ==
            unheard);
    }
  }
}

TEST_CASE("the complement of a trace with all residual edges") {
  for (const std::string& name : plain::models()) {
    CAPTURE(name);
    golden g(name);
    const edge_mask inverse = ~g.masks[7] | edge_mask::where(g.edges, [](const strata::edge& e) {
      return e.kind == strata::edge_kind::residual || e.kind == strata::edge_kind::mlp_residual;
    });
    CHECK(largest_difference(strata::run_masked(g.model, g.tokens, std::span(&inverse, 1)),
                             g.run.real("inverse.logits")) <= 1e-9);
  }
}

TEST_CASE("what a pass may leave out is what the mask says of the node") {
  for (const std::string name : {"llama", "gpt_neox"}) {
    golden g(name);
    for (const auto& [variant, text] : variants) {
      const strata::masker<double> hooks(g.masks, variant);
      const std::size_t T = g.tokens.size();
      for (std::size_t row = 0; row < T * g.masks.size(); ++row)
        for (std::size_t level = 1; level <= g.edges.levels(); ++level) {
          bool active = false, mixes = false, runs_mlp = false;
          for (strata::edge_id e = 0; e < g.edges.edge_count(); ++e) {
            const strata::edge at = g.edges.at(e);
            if (at.level != level || at.target != row % T) continue;
            const bool attention = at.kind == strata::edge_kind::attention;
            const bool kept = g.masks[row / T].contains(e) || (attention && variant == attention_mask::ignored);
            active = active || kept;
            mixes = mixes || (kept && attention);
            runs_mlp = runs_mlp || (kept && at.kind == strata::edge_kind::mlp);
          }
          CHECK(hooks.active(level, row) == active);
          if (g.edges.has_attention(level)) CHECK(hooks.mixes(g.edges.layer_of(level), row) == mixes);
          if (g.edges.has_mlp(level)) CHECK(hooks.runs_mlp(g.edges.layer_of(level), row) == runs_mlp);
        }
      CHECK(hooks.active(0, 0));
    }
  }
}

TEST_CASE("before the softmax: kept weights are renormalised, whole rows stay as they are, a row without any is zero") {
  const strata::graph g(2, 1, 3, strata::block_kind::sequential);
  edge_mask mask = edge_mask::all(g);
  mask.erase(g.attention_edge({1, 1}, 0, 0));
  for (const std::size_t s : {0U, 1U, 2U}) mask.erase(g.attention_edge({1, 2}, s, 0));
  strata::masker<float> hooks(mask, attention_mask::before_softmax);
  strata::matrix<float> weights(3, 3);
  const float given[3][3] = {{0.9F, 0, 0}, {0.3F, 0.6F, 0}, {0.2F, 0.3F, 0.4F}};
  for (std::size_t t = 0; t < 3; ++t)
    for (std::size_t s = 0; s < 3; ++s) weights(t, s) = given[t][s];
  hooks.attend(0, 0, 0, weights.view());
  CHECK(weights(0, 0) == 0.9F);  // untouched, though it does not sum to 1
  CHECK(weights(1, 0) == 0);
  CHECK(weights(1, 1) == 1);
  for (std::size_t s = 0; s < 3; ++s) CHECK(weights(2, s) == 0);
}

TEST_CASE("wrong numbers of rows and masks are refused") {
  const strata::graph g(1, 1, 2, strata::block_kind::sequential);
  const edge_mask mask = edge_mask::all(g);
  strata::masker<float> hooks(mask);
  strata::matrix<float> x(4, 2), out(4, 2);
  CHECK_THROWS_AS(hooks.join_mlp(0, x.view(), out.view()), contract_violation);
  CHECK_THROWS_AS(strata::masker<float>(std::span<const edge_mask>()), contract_violation);
}
