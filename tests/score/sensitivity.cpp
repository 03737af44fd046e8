#include "strata/score/sensitivity.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/score/l1.hpp"
#include "strata/score/recorder.hpp"
#include "strata/score/share_sensitivity.hpp"
#include "support/compare_scores.hpp"
#include "support/replay.hpp"

namespace {

using strata::matrix;
using strata::matrix_view;

strata::node_sensitivities random_sensitivities(const strata::graph& g, unsigned seed) {
  std::mt19937 random(seed);
  auto made = std::make_shared<matrix<double>>(g.levels() + 1, g.tokens());
  for (double& s : made->values()) s = std::ldexp(1 + random() % 7, static_cast<int>(random() % 9) - 4);
  return made;
}

template <class Rule>
std::vector<double> scores_by(const replay::recorded_pass<double>& pass, const Rule& rule) {
  strata::recorder<double, Rule> record(pass.graph(), rule);
  static_cast<void>(pass.drive(record, [](std::size_t, const auto&) {}));
  return record.take_scores();
}

// A rule of one's own that looks at the residual stream itself.
template <class F>
struct before_the_norm : strata::per_edge<F> {
  using strata::per_edge<F>::per_edge;
  bool through_final_norm = false;
};
template <class F>
before_the_norm(F, bool) -> before_the_norm<F>;

double norm_1(std::span<const double> c) {
  double sum = 0;
  for (const double v : c) sum += std::abs(v);
  return sum;
}
double norm_2(std::span<const double> c) {
  double sum = 0;
  for (const double v : c) sum += v * v;
  return std::sqrt(sum);
}

// Keeps what the last MLP edge and its residual contribute.
struct last_join : strata::no_hooks<double> {
  std::vector<double> x, out;
  void join_mlp(std::size_t layer, matrix_view<double> into, matrix_view<double> from, strata::row_list rows = {}) {
    x.assign(into.row(into.rows - 1).begin(), into.row(into.rows - 1).end());
    out.assign(from.row(from.rows - 1).begin(), from.row(from.rows - 1).end());
    strata::no_hooks<double>::join_mlp(layer, into, from, rows);
  }
};

}  // namespace

TEST_CASE("every golden run: norms of contributions, and their shares, times S of the target") {
  const before_the_norm l2([](auto c, auto) { return norm_2(c); }, false);
  const before_the_norm shares([](auto c, auto) { return norm_1(c); }, true);
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const replay::recorded_pass<double> pass(name);
    const strata::graph g = pass.graph();
    const auto of_nodes = random_sensitivities(g, 3);
    const auto check = [&](const std::vector<double>& scores, std::vector<double> expected) {
      for (strata::edge_id e = 0; e < g.edge_count(); ++e) {
        const strata::node target = g.target_of(e);
        expected[e] *= (*of_nodes)(target.level, target.token);
        REQUIRE(scores[e] == doctest::Approx(expected[e]).epsilon(1e-12));
      }
    };
    check(scores_by(pass, strata::sensitivity{of_nodes}), scores_by(pass, l2));
    check(scores_by(pass, strata::share_sensitivity{of_nodes}), scores_by(pass, shares));
  }
}

TEST_CASE("the last level is taken before the final norm, or behind it if that is asked for") {
  for (const char* name : {"llama", "gpt2", "gemma3_text", "gpt_neox_seq"}) {
    CAPTURE(name);
    const replay::recorded_pass<double> pass(name);
    const strata::graph g = pass.graph();
    const auto of_nodes = random_sensitivities(g, 5);
    const double s = (*of_nodes)(g.levels(), g.tokens() - 1);
    last_join kept;
    static_cast<void>(pass.drive(kept, [](std::size_t, const auto&) {}));
    const auto before = scores_by(pass, strata::sensitivity{of_nodes});
    CHECK(before[g.residual_edge(g.output())] == doctest::Approx(norm_2(kept.x) * s).epsilon(1e-12));
    CHECK(before[g.mlp_edge(g.output())] == doctest::Approx(norm_2(kept.out) * s).epsilon(1e-12));
    const auto behind = scores_by(pass, strata::sensitivity{of_nodes, true});
    const auto plain = scores_by(pass, strata::per_edge([](auto c, auto) { return norm_2(c); }));
    CHECK(behind[g.mlp_edge(g.output())] == doctest::Approx(plain[g.mlp_edge(g.output())] * s).epsilon(1e-12));
    CHECK(behind[g.mlp_edge(g.output())] != doctest::Approx(before[g.mlp_edge(g.output())]).epsilon(1e-3));
    CHECK(std::equal(before.begin(), before.end() - 2, behind.begin()));  // all other levels are the same
  }
}

TEST_CASE("a score beyond the scalar type becomes its largest number, NaN stays what it is") {
  auto of_nodes = std::make_shared<matrix<double>>(2, 1);
  (*of_nodes)(1, 0) = 1e300;
  std::vector<float> scores{0, 1e-20F, 1e20F, std::numeric_limits<float>::quiet_NaN()};
  strata::finish_node<float>(strata::sensitivity{of_nodes}, {1, 0}, scores);
  CHECK(scores[0] == 0);
  CHECK(scores[1] == std::numeric_limits<float>::max());
  CHECK(scores[2] == std::numeric_limits<float>::max());
  CHECK(std::isnan(scores[3]));
}

TEST_CASE("without sensitivities, or with those of another prompt, nothing is scored") {
  const replay::recorded_pass<double> pass("llama");
  CHECK_THROWS_WITH_AS(scores_by(pass, strata::sensitivity{}),
                       "the score needs the sensitivity of the nodes, and none is given", strata::option_error);
  const strata::graph g = pass.graph();
  const auto shorter = random_sensitivities({g.layers(), g.heads(), g.tokens() - 1, g.block()}, 1);
  CHECK_THROWS_WITH_AS(scores_by(pass, strata::share_sensitivity{shorter}),
                       strata::concat("the sensitivities are of ", g.levels() + 1, " levels and ", g.tokens() - 1,
                                      " tokens; there is a node at level 1, token ", g.tokens() - 1)
                           .c_str(),
                       strata::option_error);
}
