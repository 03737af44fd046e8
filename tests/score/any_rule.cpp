#include "strata/score/any_rule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/forward/run.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/long_recorder.hpp"
#include "strata/score/recorder.hpp"
#include "strata/search/best_first.hpp"
#include "support/compare_scores.hpp"
#include "support/goldens.hpp"

namespace {

// The rules of the goldens, and how far their README lets a float be off.
struct golden_rule {
  std::string name;
  double tolerance;
};
const std::vector<golden_rule> golden_rules{{"l1", 2e-6},           {"l2", 2e-6},        {"cosine", 2e-6},
                                            {"l1_over_node", 5e-6}, {"proximity", 5e-6}, {"proximity_shifted", 1e-5},
                                            {"leverage", 5e-5}};

strata::node_sensitivities some_sensitivities(const strata::graph& g) {
  auto made = std::make_shared<strata::matrix<double>>(g.levels() + 1, g.tokens());
  for (std::size_t i = 0; i < made->values().size(); ++i) made->values()[i] = 0.1 * static_cast<double>(i * i % 17 + 1);
  return made;
}

template <class T>
std::vector<T> scores_of(const strata::decoder<T>& model, std::span<const strata::token_id> tokens,
                         std::string_view rule, std::size_t threads = 1) {
  const auto of_nodes = some_sensitivities(strata::graph(model.shape(), tokens.size()));
  return strata::with_rule(rule, {.k = 3, .seed = 5, .of_nodes = of_nodes}, [&](const auto& chosen) {
    strata::recorder<T, std::decay_t<decltype(chosen)>> record(strata::graph(model.shape(), tokens.size()), chosen,
                                                               1e-4, threads);
    static_cast<void>(strata::run(model, tokens, record));
    return record.take_scores();
  });
}

template <class T, class Rule>
void check_recomputed(const strata::decoder<T>& model, std::span<const strata::token_id> tokens, const Rule& rule) {
  const strata::graph g(model.shape(), tokens.size());
  strata::recorder<T, Rule> stored(g, rule);
  strata::long_recorder<T, Rule> recomputed(g, rule);
  CHECK(strata::run(model, tokens, stored) == strata::run(model, tokens, recomputed));
  for (std::size_t level = g.levels(); level > 0; --level)
    for (std::size_t t = 0; t < g.tokens(); ++t) {
      if (!g.reaches_output({level, t})) continue;
      const std::span<const T> scores = recomputed.scores_of({level, t});
      const auto expected = stored.scores().subspan(g.first_edge({level, t}), g.edge_count({level, t}));
      REQUIRE(std::equal(scores.begin(), scores.end(), expected.begin(), expected.end()));
    }
}

std::vector<strata::token_id> some_tokens(std::size_t count, std::size_t vocabulary) {
  std::vector<strata::token_id> tokens;
  for (std::size_t i = 0; i < count; ++i)
    tokens.push_back(static_cast<strata::token_id>((i * i * 31 + 7 * i + 3) % vocabulary));
  return tokens;
}

}  // namespace

TEST_CASE("every golden run by every rule, through the decoder in double: scores and orders") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const goldens::run run(name);
    const auto model = strata::decoder<double>::load(goldens::model_folder(name));
    const auto tokens = run.integer("tokens");
    const strata::graph g(model.shape(), tokens.size());
    for (const auto& rule : golden_rules) {
      CAPTURE(rule.name);
      const std::vector<double> scores = scores_of(model, tokens, rule.name);
      CHECK(largest_difference<double>(scores, run.real("score." + rule.name)) <= 1e-9);
      const auto order = strata::best_first<double>(g, scores);
      const auto expected = run.integer(rule.name == "l1" ? "order" : "order." + rule.name);
      REQUIRE(order.size() == expected.size());
      std::size_t same = 0;
      while (same < expected.size() && order[same] == static_cast<strata::edge_id>(expected[same])) ++same;
      CHECK(same == expected.size());
    }
  }
}

TEST_CASE("every golden run by every rule in float: scores within their tolerance, orders replayed") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const goldens::run run(name);
    const auto model = strata::decoder<float>::load(goldens::model_folder(name));
    const auto tokens = run.integer("tokens");
    const strata::graph g(model.shape(), tokens.size());
    for (const auto& rule : golden_rules) {
      CAPTURE(rule.name);
      const std::vector<float> scores = scores_of(model, tokens, rule.name);
      const auto exact = run.real("score." + rule.name);
      CHECK(largest_difference<float>(scores, exact) <= rule.tolerance);
      check_replayed(g, strata::best_first<float>(g, scores), exact, rule.tolerance);
    }
  }
}

TEST_CASE("scores that are computed again have the bits of stored ones") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto tokens = goldens::run(name).integer("tokens");
    const auto model = strata::decoder<float>::load(goldens::model_folder(name));
    check_recomputed(model, tokens, strata::l2{});
    check_recomputed(model, tokens, strata::l1_over_node{});
    check_recomputed(model, tokens, strata::random_scores{7});
    const auto of_nodes = some_sensitivities(strata::graph(model.shape(), tokens.size()));
    check_recomputed(model, tokens, strata::sensitivity{of_nodes});
    check_recomputed(model, tokens, strata::share_sensitivity{of_nodes, true});
    check_recomputed(strata::decoder<double>::load(goldens::model_folder(name)), tokens, strata::l1_over_node{});
  }
  const auto model = strata::decoder<float>::load(STRATA_SOURCE_DIR "/examples/model");
  check_recomputed(model, some_tokens(150, model.shape().vocabulary), strata::l1_over_node{});
}

TEST_CASE("the bits do not depend on the number of threads") {
#if defined(STRATA_USE_OPENMP)
  const auto model = strata::decoder<float>::load(STRATA_SOURCE_DIR "/examples/model");
  const auto tokens = some_tokens(20, model.shape().vocabulary);
  for (const std::string_view rule : strata::rule_names) {
    CAPTURE(rule);
    CHECK(scores_of(model, tokens, rule, 1) == scores_of(model, tokens, rule, 2));
  }
#endif
}

TEST_CASE("each name gives a rule of its own, with its settings") {
  const auto model = strata::decoder<double>::load(goldens::model_folder("llama"));
  const auto tokens = goldens::run("llama").integer("tokens");
  std::vector<std::vector<double>> all;
  for (const std::string_view rule : strata::rule_names) {
    all.push_back(scores_of(model, tokens, rule));
    for (std::size_t i = 0; i + 1 < all.size(); ++i) CHECK(all[i] != all.back());
  }
  CHECK(strata::with_rule("leverage", {.k = 4}, [](const auto& rule) {
          if constexpr (requires { rule.k; }) return rule.k;
          return std::size_t{0};
        }) == 4);
  CHECK(strata::with_rule("random", {.seed = 9}, [](const auto& rule) {
          if constexpr (requires { rule.seed; }) return rule.seed;
          return std::uint64_t{0};
        }) == 9);
}

TEST_CASE("names that are none, and leverage of nothing, are refused") {
  const auto nothing = [](const auto&) {};
  CHECK_THROWS_WITH_AS(strata::with_rule("L1", {}, nothing),
                       "there is no score rule \"L1\"; expected one of l1, l2, l1_over_node, proximity, "
                       "proximity_shifted, cosine, leverage, random, sensitivity, share_sensitivity",
                       strata::option_error);
  CHECK_THROWS_WITH_AS(strata::with_rule("leverage", {.k = 0}, nothing), "leverage: k is 0, expected at least 1",
                       strata::option_error);
}
