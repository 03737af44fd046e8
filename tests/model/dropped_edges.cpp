// Dropping an edge must change the output: a run that keeps everything whatever the mask says would pass for one that is
// exact.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "strata/forward/run.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/mean_recorder.hpp"
#include "strata/score/recorder.hpp"
#include "support/goldens.hpp"

using strata::attention_mask;
using strata::decoder;
using strata::edge_mask;

namespace {

// A build without optimisation looks at every seventh edge of the larger graphs, of every kind still.
strata::edge_id step_of(const strata::graph& g) {
#ifdef NDEBUG
  static_cast<void>(g);
  return 1;
#else
  return g.edge_count() < 100 ? 1 : 7;
#endif
}

// Of each edge (each that is looked at), how far the logits move when it alone is dropped.
std::vector<double> changes(const decoder<double>& model, std::span<const int> tokens,
                            const strata::ablation<double>& dropped, bool one_by_one) {
  const strata::graph g(model.shape(), tokens.size());
  const std::vector<double> plain = strata::run(model, tokens);
  std::vector<edge_mask> masks;
  for (strata::edge_id e = 0; e < g.edge_count(); e += step_of(g)) {
    masks.push_back(edge_mask::all(g));
    masks.back().erase(e);
  }
  std::vector<double> logits;
  if (one_by_one) {
    for (const edge_mask& mask : masks) {
      const auto one = strata::run_masked(model, tokens, std::span(&mask, 1), dropped);
      logits.insert(logits.end(), one.begin(), one.end());
    }
  } else {
    logits = strata::run_masked(model, tokens, masks, dropped);
  }
  std::vector<double> moved(masks.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    double& largest = moved[i / plain.size()];
    largest = std::max(largest, std::abs(logits[i] - plain[i % plain.size()]));
  }
  return moved;
}

// Which edges can change the output: those that contribute to a node from which edges that contribute lead to the output.
// A window cuts the others off.
std::vector<bool> edges_that_count(const decoder<double>& model, std::span<const int> tokens) {
  const strata::graph g(model.shape(), tokens.size());
  strata::recorder<double> record(g);
  static_cast<void>(strata::run(model, tokens, record));
  std::vector<bool> reached((g.levels() + 1) * tokens.size()), count(g.edge_count());
  const auto slot = [&](strata::node n) { return n.level * tokens.size() + n.token; };
  reached[slot(g.output())] = true;
  for (strata::edge_id e = g.edge_count(); e-- > 0;) {  // targets by falling level
    const strata::edge at = g.at(e);
    count[e] = record.scores()[e] != 0 && reached[slot(at.target_node())];
    if (count[e]) reached[slot(at.source_node())] = true;
  }
  return count;
}

}  // namespace

TEST_CASE(
    "each single edge counts: every kind, every architecture, through hooks and sweep; outside windows none does") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const strata::graph g(model.shape(), tokens.size());
    const std::vector<bool> count = edges_that_count(model, tokens);
    const std::vector<double> swept = changes(model, tokens, {}, false);
    const std::vector<double> single = changes(model, tokens, {}, true);
    std::array<int, 4> counted{};
    for (strata::edge_id e = 0; e < g.edge_count(); e += step_of(g)) {
      CAPTURE(e);
      ++counted[static_cast<std::size_t>(g.at(e).kind)];
      CHECK((single[e / step_of(g)] > 1e-9) == count[e]);
      CHECK((swept[e / step_of(g)] > 1e-9) == count[e]);
      CHECK(std::abs(single[e / step_of(g)] - swept[e / step_of(g)]) <= 1e-10);
    }
    CHECK(counted[0] > 0);
    CHECK(counted[1] > 0);
    CHECK((counted[2] > 0) == !g.parallel());
    CHECK(counted[3] > 0);
  }
}

TEST_CASE("with the attention mask ignored only the other edges count; with renormalised weights all do") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const strata::graph g(model.shape(), tokens.size());
    const std::vector<double> ignored = changes(model, tokens, attention_mask::ignored, false);
    const std::vector<double> before = changes(model, tokens, attention_mask::before_softmax, false);
    const std::vector<bool> count = edges_that_count(model, tokens);
    for (strata::edge_id e = 0; e < g.edge_count(); e += step_of(g)) {
      CAPTURE(e);
      const bool attention = g.at(e).kind == strata::edge_kind::attention;
      CHECK((ignored[e / step_of(g)] > 1e-9) == (count[e] && !attention));
      CHECK((before[e / step_of(g)] > 1e-9) == count[e]);
    }
  }
}

TEST_CASE("with means of other prompts every edge counts too") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const strata::graph g(model.shape(), tokens.size());
    std::vector<std::vector<int>> others(2, tokens);
    for (int& token : others[0]) token = (token + 31) % 97;
    for (int& token : others[1]) token = (token + 57) % 97;
    const auto means = strata::means_over(model, others, tokens.size());
    const std::vector<bool> count = edges_that_count(model, tokens);
    const std::vector<double> moved = changes(model, tokens, {attention_mask::after_softmax, &means}, false);
    for (strata::edge_id e = 0; e < g.edge_count(); e += step_of(g)) {
      CAPTURE(e);
      CHECK((moved[e / step_of(g)] > 1e-9) == count[e]);
    }
  }
}
