#include "strata/score/recorder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "strata/search/best_first.hpp"
#include "support/compare_scores.hpp"
#include "support/replay.hpp"

namespace {

double largest(std::span<const double> v) {
  double m = 0;
  for (const double x : v) m = std::max(m, std::abs(x));
  return m;
}

// Scores of the per-edge form of a rule, without any factoring.
const strata::per_edge plain_l1(
    [](auto contribution, auto) {
      double sum = 0;
      for (const auto c : contribution) sum += std::abs(static_cast<double>(c));
      return sum;
    },
    true);

}  // namespace

TEST_CASE("every golden run: node values, l1 scores and order, in double") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const replay::recorded_pass<double> pass(name);
    const strata::graph g = pass.graph();
    strata::recorder<double> record(g);
    const auto final_x = pass.drive(record, [&](std::size_t level, const strata::matrix<double>& x) {
      const auto expected = pass.run().real("residual." + std::to_string(level));
      CHECK(largest_difference(x.values(), expected) <= 1e-9 * largest(expected));
    });
    REQUIRE(record.finished());
    CHECK(record.largest_error() < 1e-12);
    CHECK(largest_difference(record.scores(), pass.run().real("score.l1")) <= 1e-9);

    const auto order = strata::best_first<double>(g, record.scores());
    const auto expected = pass.run().integer("order");
    REQUIRE(order.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(order[i] == static_cast<strata::edge_id>(expected[i]));
  }
}

TEST_CASE("every golden run in float: scores within 2e-6, orders replayed") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const replay::recorded_pass<float> pass(name);
    strata::recorder<float> record(pass.graph());
    static_cast<void>(pass.drive(record, [](std::size_t, const auto&) {}));
    const auto exact = pass.run().real("score.l1");
    CHECK(record.largest_error() < 1e-6);
    CHECK(largest_difference(record.scores(), exact) <= 2e-6);
    check_replayed(pass.graph(), strata::best_first<float>(pass.graph(), record.scores()), exact, 2e-6);
  }
}

TEST_CASE("edges are numbered as in the goldens") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const goldens::run run(name);
    const strata::graph g = replay::recorded_pass<double>(name).graph();
    const auto kind = run.integer("edge.kind"), level = run.integer("edge.target_level"),
               head = run.integer("edge.head"), target = run.integer("edge.target"),
               source = run.integer("edge.source");
    REQUIRE(g.edge_count() == kind.size());
    for (std::size_t e = 0; e < kind.size(); ++e) {
      const strata::edge at = g.at(e);
      REQUIRE(static_cast<int>(at.kind) == kind[e]);
      REQUIRE(static_cast<int>(at.level) == level[e]);
      REQUIRE((at.head == strata::no_head ? -1 : static_cast<int>(at.head)) == head[e]);
      REQUIRE(static_cast<int>(at.target) == target[e]);
      REQUIRE(static_cast<int>(at.source) == source[e]);
    }
  }
}

TEST_CASE("the factored l1 rule gives the scores of its per-edge form") {
  for (const char* name : {"llama", "gpt_neox", "gemma3_text", "gpt2", "olmo2_bias"}) {
    CAPTURE(name);
    const replay::recorded_pass<double> pass(name);
    strata::recorder<double> fast(pass.graph());
    strata::recorder<double, decltype(plain_l1)> plain(pass.graph(), plain_l1);
    static_cast<void>(pass.drive(fast, [](std::size_t, const auto&) {}));
    static_cast<void>(pass.drive(plain, [](std::size_t, const auto&) {}));
    for (std::size_t e = 0; e < fast.scores().size(); ++e)
      CHECK(fast.scores()[e] == doctest::Approx(plain.scores()[e]).epsilon(1e-12));
  }
}

TEST_CASE("a user's own rule sees contributions and node values: cosine and l1 over the node against the goldens") {
  const strata::per_edge cosine([](auto c, auto x) {
    double cx = 0, cc = 0, xx = 0;
    for (std::size_t j = 0; j < c.size(); ++j) cx += c[j] * x[j], cc += c[j] * c[j], xx += x[j] * x[j];
    return cc > 0 && xx > 0 ? (1 + cx / std::sqrt(cc * xx)) / 2 : 0.5;
  });
  const strata::per_edge over_node([](auto c, auto x) {
    double cs = 0, xs = 0;
    for (std::size_t j = 0; j < c.size(); ++j) cs += std::abs(c[j]), xs += std::abs(x[j]);
    return xs > 0 ? cs / xs : 0;
  });
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const replay::recorded_pass<double> pass(name);
    strata::recorder<double, decltype(cosine)> by_cosine(pass.graph(), cosine);
    strata::recorder<double, decltype(over_node)> by_share(pass.graph(), over_node);
    static_cast<void>(pass.drive(by_cosine, [](std::size_t, const auto&) {}));
    static_cast<void>(pass.drive(by_share, [](std::size_t, const auto&) {}));
    CHECK(largest_difference(by_cosine.scores(), pass.run().real("score.cosine")) <= 1e-9);
    CHECK(largest_difference(by_share.scores(), pass.run().real("score.l1_over_node")) <= 1e-9);
  }
}
