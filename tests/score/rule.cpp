#include "strata/score/rule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <span>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/score/cosine.hpp"
#include "strata/score/l1.hpp"
#include "strata/score/l1_over_node.hpp"
#include "strata/score/l2.hpp"
#include "strata/score/leverage.hpp"
#include "strata/score/proximity.hpp"
#include "strata/score/proximity_shifted.hpp"
#include "strata/score/random_scores.hpp"
#include "strata/score/recorder.hpp"
#include "support/replay.hpp"

namespace rule_test {

namespace {

using strata::head_contributions;
using strata::matrix;
using strata::matrix_view;

double l1_of(std::span<const double> v) {
  double sum = 0;
  for (const double x : v) sum += std::abs(x);
  return sum;
}

const auto plain_l1 = [](auto c, auto) { return l1_of(c); };
const auto plain_l2 = [](auto c, auto) {
  double sum = 0;
  for (const double x : c) sum += x * x;
  return std::sqrt(sum);
};
const auto plain_over_node = [](auto c, auto x) { return l1_of(x) == 0 ? 0 : l1_of(c) / l1_of(x); };
const auto plain_proximity = [](auto c, auto x) {
  double sum = 0;
  for (std::size_t j = 0; j < c.size(); ++j) sum += std::abs(x[j]) - std::abs(x[j] - c[j]);
  return sum;
};
const auto plain_cosine = [](auto c, auto x) {
  double cx = 0, cc = 0, xx = 0;
  for (std::size_t j = 0; j < c.size(); ++j) cx += c[j] * x[j], cc += c[j] * c[j], xx += x[j] * x[j];
  return cc == 0 || xx == 0 ? 0.5 : (1 + cx / std::sqrt(cc * xx)) / 2;
};

// A head's contributions to some targets; the second source has weight 0 for all of them, the last node is zero.
template <class T>
struct random_head {
  random_head(std::size_t targets, std::size_t sources, std::size_t width)
      : weights(targets, sources), vectors(sources, width), nodes(targets, width), scales(targets) {
    std::mt19937 random(static_cast<unsigned>(1000 * targets + width));
    std::normal_distribution<double> normal;
    for (T& v : vectors.values()) v = static_cast<T>(normal(random));
    for (T& v : nodes.values()) v = static_cast<T>(normal(random));
    for (T& v : weights.values()) v = static_cast<T>(std::abs(normal(random)));
    for (T& v : scales) v = static_cast<T>(0.5 + std::abs(normal(random)));
    for (std::size_t i = 0; i < targets; ++i)
      if (sources > 1) weights(i, 1) = 0;
    for (T& v : nodes.row(targets - 1)) v = 0;
  }
  head_contributions<T> view() const { return {weights, scales, vectors, nodes}; }

  matrix<T> weights, vectors, nodes;
  std::vector<T> scales;
};

// The rule's scores of a head, and of each source's vector as a single contribution, against the plain function's.
template <class T, class Rule, class Plain>
void check_against(const Rule& rule, Plain plain, double tolerance) {
  for (const std::size_t width : {1U, 2U, 3U, 7U, 15U, 16U, 17U, 33U, 64U, 65U, 127U, 576U}) {
    CAPTURE(width);
    const random_head<T> head(5, 6, width);
    matrix<T> scores(5, 6);
    strata::score_head<T>(rule, head.view(), scores.view());
    std::vector<double> c(width), x(width);
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t s = 0; s < 6; ++s) {
        for (std::size_t j = 0; j < width; ++j) {
          c[j] = static_cast<double>(head.weights(i, s)) * static_cast<double>(head.scales[i]) *
                 static_cast<double>(head.vectors(s, j));
          x[j] = static_cast<double>(head.nodes(i, j));
        }
        const double expected = plain(std::span<const double>(c), std::span<const double>(x));
        CHECK(std::abs(static_cast<double>(scores(i, s)) - expected) <= tolerance * (1 + l1_of(c)));
        for (std::size_t j = 0; j < width; ++j) c[j] = static_cast<double>(head.vectors(s, j));
        const double single = plain(std::span<const double>(c), std::span<const double>(x));
        const matrix<T>& vectors = head.vectors;
        const matrix<T>& nodes = head.nodes;
        CHECK(std::abs(static_cast<double>(rule.template single<T>(vectors.row(s), nodes.row(i))) - single) <=
              tolerance * (1 + l1_of(c)));
      }
  }
}

template <class Rule, class Plain>
void check_rule(const Rule& rule, Plain plain) {
  check_against<float>(rule, plain, 2e-6);
  check_against<double>(rule, plain, 1e-14);
}

template <class T>
std::vector<T> finished(auto rule, std::vector<T> scores) {
  rule.finish(std::span<T>(scores));
  return scores;
}

// The count of a node's contributions beside each one's first component.
struct counting_rule {
  template <class T>
  void node(matrix_view<const T> contributions, std::span<const T> value, std::span<T> scores) const {
    CHECK(contributions.rows == scores.size());
    CHECK(contributions.cols == value.size());
    for (std::size_t e = 0; e < scores.size(); ++e)
      scores[e] = static_cast<T>(scores.size()) + contributions(e, 0) * contributions(e, 0);
  }
};

struct by_number {
  static double edge(strata::edge_id id) { return static_cast<double>(id) / 2; }
};

}  // namespace

static_assert(strata::node_rule<counting_rule, float> && strata::score_rule<counting_rule, float>);
static_assert(!strata::recomputed_rule<counting_rule, float> && !strata::recomputed_rule<strata::cosine, float>);
static_assert(strata::recomputed_rule<strata::l1_over_node, double>);
static_assert(strata::recomputed_rule<strata::random_scores, double>);
static_assert(!strata::score_rule<int, float>);

TEST_CASE("every rule gives the scores of its formula, edge by edge, for any width") {
  check_rule(strata::l1{}, plain_l1);
  check_rule(strata::l2{}, plain_l2);
  check_rule(strata::l1_over_node{}, plain_over_node);
  check_rule(strata::proximity{}, plain_proximity);
  check_rule(strata::proximity_shifted{}, plain_proximity);
  check_rule(strata::cosine{}, plain_cosine);
}

TEST_CASE("the last step with a node's scores") {
  using list = std::vector<double>;
  CHECK(finished(strata::l2{}, list{1, 3}) == list{0.25, 0.75});
  CHECK(finished(strata::proximity{}, list{1, -2, 3}) == list{0.25, 0, 0.75});
  CHECK(finished(strata::proximity{}, list{-1, -2}) == list{0, 0});
  CHECK(finished(strata::proximity_shifted{}, list{1, -2, 3}) == list{0.375, 0, 0.625});
  CHECK(finished(strata::proximity_shifted{}, list{1, 3}) == list{2.0 / 6, 4.0 / 6});
  CHECK(finished(strata::proximity_shifted{}, list{-2, -2}) == list{0, 0});
  CHECK(finished(strata::cosine{}, list{0.75, 0.5}) == list{0.75, 0.5});
  CHECK(finished(strata::l1_over_node{}, list{2, 3}) == list{2, 3});
}

TEST_CASE("a rule of one's own that sees all contributions of a node gets those of the per-edge form") {
  for (const char* name : {"llama", "gpt_neox", "gemma3_text", "gpt2", "olmo2_bias"}) {
    CAPTURE(name);
    const replay::recorded_pass<double> pass(name);
    const strata::per_edge squares([](auto c, auto) { return c[0] * c[0]; });
    strata::recorder<double, counting_rule> by_node(pass.graph());
    strata::recorder<double, decltype(squares)> plain(pass.graph(), squares);
    static_cast<void>(pass.drive(by_node, [](std::size_t, const auto&) {}));
    static_cast<void>(pass.drive(plain, [](std::size_t, const auto&) {}));
    const strata::graph g = pass.graph();
    for (strata::edge_id e = 0; e < g.edge_count(); ++e) {
      const auto count = static_cast<double>(g.edge_count(g.at(e).target_node()));
      CHECK(by_node.scores()[e] == doctest::Approx(count + plain.scores()[e]).epsilon(1e-14));
    }
  }
}

TEST_CASE("a rule of one's own that looks at the number of the edge alone") {
  const replay::recorded_pass<double> pass("llama");
  strata::recorder<double, by_number> record(pass.graph());
  static_cast<void>(pass.drive(record, [](std::size_t, const auto&) {}));
  for (strata::edge_id e = 0; e < pass.graph().edge_count(); ++e)
    CHECK(record.scores()[e] == static_cast<double>(e) / 2);
}

}  // namespace rule_test
