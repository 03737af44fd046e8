#include "strata/score/minus_dropped.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/forward/run.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/any_rule.hpp"
#include "strata/score/mean_recorder.hpp"
#include "strata/score/recorder.hpp"
#include "support/compare_scores.hpp"
#include "support/goldens.hpp"

namespace minus_dropped_test {

namespace {

using strata::decoder;
using strata::matrix;
using strata::matrix_view;
using prompts = std::vector<std::vector<int>>;

prompts random_prompts(std::size_t count, std::size_t tokens, std::size_t vocabulary, unsigned seed) {
  std::mt19937 random(seed);
  prompts made(count);
  for (auto& prompt : made)
    for (std::size_t t = 0; t < tokens; ++t) prompt.push_back(static_cast<int>(random() % vocabulary));
  return made;
}

// What every edge of a run contributes minus its mean, one by one, in plain loops; norms linearised at the run.
struct naive : strata::no_hooks<double> {
  naive(const strata::model_shape& shape, std::size_t tokens, const strata::edge_means<double>& m)
      : g(shape, tokens), means(m), differences(g.edge_count()), pattern(shape.heads) {}

  strata::graph g;
  const strata::edge_means<double>& means;
  std::vector<std::vector<double>> differences;  // (E, width)
  std::vector<matrix<double>> pattern;
  std::vector<double> output;  // the node before the final norm

  void attend(std::size_t /*layer*/, std::size_t h, std::size_t row0, matrix_view<double> weights) {
    if (row0 == 0) pattern[h] = matrix<double>(g.tokens(), g.tokens());
    for (std::size_t i = 0; i < weights.rows; ++i)
      for (std::size_t s = 0; s <= row0 + i; ++s) pattern[h](row0 + i, s) = weights(i, s);
  }
  static std::vector<double> minus(std::span<const double> c, std::span<const double> mean) {
    std::vector<double> d(c.begin(), c.end());
    for (std::size_t j = 0; j < d.size(); ++j) d[j] -= mean[j];
    return d;
  }
  void join_attention(std::size_t l, matrix_view<double> x, matrix_view<double> out,
                      const strata::attention_parts<double>& parts, strata::row_list rows = {}) {
    const std::size_t width = parts.output.rows / g.heads(), group = parts.output.rows / parts.values.cols;
    for (std::size_t r = 0; r < x.rows; ++r) {
      const strata::node n{g.attention_level(l), rows.empty() ? r : rows[r]};
      if (!g.reaches_output(n)) continue;
      differences[g.residual_edge(n)] = minus(x.row(r), means.residual(n.level, n.token));
      for (std::size_t h = 0; h < g.heads(); ++h)
        for (std::size_t s = 0; s <= n.token; ++s) {
          std::vector<double> d(x.cols, 0.0);
          for (std::size_t k = 0; k < width; ++k) {
            const double z =
                pattern[h](n.token, s) * parts.values(s, h / group * width + k) - means.attention(l, h, n.token)(s, k);
            for (std::size_t j = 0; j < d.size(); ++j) d[j] += z * parts.output(h * width + k, j);
          }
          if (parts.post_norm != nullptr) parts.post_norm->apply_linear(d, parts.post_norm->inverse(out.row(r)));
          differences[g.attention_edge(n, s, h)] = d;
        }
    }
    strata::no_hooks<double>::join_attention(l, x, out, parts, rows);
  }
  void join_mlp(std::size_t l, matrix_view<double> x, matrix_view<double> out, strata::row_list rows = {}) {
    for (std::size_t r = 0; r < x.rows; ++r) {
      const strata::node n{g.mlp_level(l), rows.empty() ? r : rows[r]};
      if (!g.reaches_output(n)) continue;
      if (!g.parallel()) differences[g.residual_edge(n)] = minus(x.row(r), means.residual(n.level, n.token));
      differences[g.mlp_edge(n)] = minus(out.row(r), means.mlp(l, n.token));
    }
    strata::no_hooks<double>::join_mlp(l, x, out, rows);
  }
  void finish(matrix_view<double> x, const strata::norm<double>& final_norm) {
    const strata::edge_id first = g.first_edge(g.output());
    for (strata::edge_id e = first; e < g.edge_count(); ++e)
      final_norm.apply_linear(differences[e], final_norm.inverse(x.row(x.rows - 1)));
    strata::no_hooks<double>::finish(x, final_norm);
  }
  // l1 of the differences, divided by the sum of a node's.
  std::vector<double> shares() const {
    std::vector<double> all;
    for (const auto& d : differences) {
      all.push_back(0);
      for (const double v : d) all.back() += std::abs(v);
    }
    for (std::size_t level = 1; level <= g.levels(); ++level)
      for (std::size_t t = 0; t < g.tokens(); ++t)
        if (g.reaches_output({level, t}))
          strata::divide_by_sum(std::span(all).subspan(g.first_edge({level, t}), g.edge_count({level, t})));
    return all;
  }
};

template <class T, class Rule>
std::vector<T> scores_of(const decoder<T>& model, std::span<const int> tokens, const Rule& rule,
                         const strata::ablation<T>& dropped, std::size_t threads = 1) {
  strata::recorder<T, Rule> record({model.shape(), tokens.size()}, rule, 1e-4, threads, dropped);
  static_cast<void>(strata::run(model, tokens, record));
  return record.take_scores();
}

// Node by node, from all contributions at once.
struct l1_of_nodes {
  template <class T>
  void node(matrix_view<const T> contributions, std::span<const T> /*value*/, std::span<T> scores) const {
    for (std::size_t e = 0; e < scores.size(); ++e) scores[e] = strata::l1{}.single(contributions.row(e), {});
    strata::divide_by_sum(scores);
  }
};

}  // namespace

TEST_CASE("every golden model: l1 of what edges contribute minus their means, in all forms of the rule") {
  const strata::per_edge edge_by_edge(
      [](auto c, auto) {
        double sum = 0;
        for (const auto v : c) sum += std::abs(static_cast<double>(v));
        return sum;
      },
      true);
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const auto tokens = goldens::run(name).integer("tokens");
    const auto means =
        strata::means_over(model, random_prompts(2, tokens.size(), model.shape().vocabulary, 7), tokens.size());
    naive plain(model.shape(), tokens.size(), means);
    static_cast<void>(strata::run(model, tokens, plain));
    const std::vector<double> expected = plain.shares();
    const strata::ablation<double> dropped({}, &means);
    CHECK(largest_difference<double>(scores_of(model, tokens, strata::l1{}, dropped), expected) <= 1e-12);
    CHECK(largest_difference<double>(scores_of(model, tokens, edge_by_edge, dropped), expected) <= 1e-12);
    CHECK(largest_difference<double>(scores_of(model, tokens, l1_of_nodes{}, dropped), expected) <= 1e-12);
    if (tokens.size() > 2)
      CHECK(largest_difference<double>(scores_of(model, tokens, strata::l1{}, {}), expected) > 1e-3);
  }
}

TEST_CASE("minus the prompt's own contributions nothing is left") {
  for (const char* name : {"llama", "gpt_neox", "gemma3_text"}) {
    CAPTURE(name);
    const auto model = decoder<float>::load(goldens::model_folder(name));
    const prompts own{goldens::run(name).integer("tokens")};
    const auto means = strata::means_over(model, own, own[0].size());
    auto ones = std::make_shared<matrix<double>>(strata::graph(model.shape(), 1).levels() + 1, own[0].size());
    ones->fill(1);
    for (const float score : scores_of(model, own[0], strata::sensitivity{ones}, {{}, &means})) CHECK(score <= 1e-5F);
  }
}

TEST_CASE("the bits do not depend on the number of threads") {
#if defined(STRATA_USE_OPENMP)
  const auto model = decoder<float>::load(goldens::model_folder("gemma3_text"));
  const auto tokens = goldens::run("gemma3_text").integer("tokens");
  const auto means = strata::means_over(model, random_prompts(2, tokens.size(), 90, 7), tokens.size());
  CHECK(scores_of(model, tokens, strata::l2{}, {{}, &means}, 1) ==
        scores_of(model, tokens, strata::l2{}, {{}, &means}, 3));
  CHECK(scores_of(model, tokens, strata::leverage{}, {{}, &means}, 1) ==
        scores_of(model, tokens, strata::leverage{}, {{}, &means}, 3));
#endif
}

TEST_CASE("means of another model, or of shorter prompts, are refused") {
  const auto model = decoder<float>::load(goldens::model_folder("llama"));
  const auto other = decoder<float>::load(goldens::model_folder("gpt2"));
  const auto tokens = goldens::run("llama").integer("tokens");
  const auto foreign = strata::means_over(other, random_prompts(1, tokens.size(), 90, 1), tokens.size());
  CHECK_THROWS_WITH_AS(scores_of(model, tokens, strata::l1{}, {{}, &foreign}),
                       "the means of dropped edges are of a model of another shape", strata::option_error);
  const auto shorter = strata::means_over(model, random_prompts(1, tokens.size() - 1, 90, 1), tokens.size() - 1);
  CHECK_THROWS_AS(scores_of(model, tokens, strata::l1{}, {{}, &shorter}), strata::option_error);
}

}  // namespace minus_dropped_test
