#include "strata/model/decoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "strata/forward/run.hpp"
#include "strata/score/check_forward_pass.hpp"
#include "strata/score/recorder.hpp"
#include "strata/search/best_first.hpp"
#include "support/goldens.hpp"

using strata::attention_mask;
using strata::decoder;
using strata::edge_mask;

namespace {

template <class T>
double largest_difference(std::span<const T> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double m = 0;
  for (std::size_t i = 0; i < a.size(); ++i) m = std::max(m, std::abs(static_cast<double>(a[i]) - b[i]));
  return m;
}

double largest(std::span<const double> v) {
  double m = 0;
  for (const double x : v) m = std::max(m, std::abs(x));
  return m;
}

// Looks at everything that the pass hands over, and compares it with the golden run.
template <class T>
struct comparing_hooks : strata::no_hooks<T> {
  comparing_hooks(const goldens::run& golden, double pattern_bound, double relative_bound)
      : run(golden), parallel(golden.integer("shape")[6] == 1), pattern(pattern_bound), relative(relative_bound) {}

  void attend(std::size_t layer, std::size_t head, std::size_t row0, strata::matrix_view<T> weights) {
    const auto expected = run.matrix("pattern." + std::to_string(layer));
    for (std::size_t i = 0; i < weights.rows; ++i)
      CHECK(largest_difference<T>(weights.row(i), expected.row(head * weights.cols + row0 + i)) <= pattern);
  }
  void join_attention(std::size_t layer, strata::matrix_view<T> x, strata::matrix_view<T> out,
                      const strata::attention_parts<T>& parts, strata::row_list rows = {}) {
    compare(x, parallel ? layer : 2 * layer, rows);
    const auto values = run.matrix("values." + std::to_string(layer));
    const std::size_t heads = parts.output.rows / values.cols();
    const std::size_t group = parts.output.rows / parts.values.cols;
    for (std::size_t h = 0; h < heads; ++h)
      for (std::size_t s = 0; s < parts.values.rows; ++s)
        CHECK(largest_difference<T>(parts.values.row(s).subspan(h / group * values.cols(), values.cols()),
                                    values.row(h * parts.values.rows + s)) <= relative * largest(values.values()));
    strata::no_hooks<T>::join_attention(layer, x, out, parts, rows);
    if (!parallel) compare(x, 2 * layer + 1, rows);
  }
  void join_mlp(std::size_t layer, strata::matrix_view<T> x, strata::matrix_view<T> out, strata::row_list rows = {}) {
    strata::no_hooks<T>::join_mlp(layer, x, out, rows);
    compare(x, parallel ? layer + 1 : 2 * layer + 2, rows);
  }
  void compare(strata::matrix_view<const T> x, std::size_t level, strata::row_list rows) const {
    const auto expected = run.matrix("residual." + std::to_string(level));
    if (rows.empty() && x.rows != expected.rows()) return;  // x before the rows of the last layer are taken
    for (std::size_t r = 0; r < x.rows; ++r)
      CHECK(largest_difference<T>(x.row(r), expected.row(rows.empty() ? r : rows[r])) <=
            relative * largest(expected.values()));
  }
  const goldens::run& run;
  bool parallel;
  double pattern, relative;
};

template <class T>
void compare_with_golden(const std::string& name, double pattern, double relative, double logits, double after,
                         double before) {
  CAPTURE(name);
  const goldens::run run(name);
  const auto tokens = run.integer("tokens");
  const decoder<T> model = decoder<T>::load(goldens::model_folder(name));

  CHECK(largest_difference<T>(model.logits(tokens).values(), run.real("logits")) <= logits);
  comparing_hooks<T> compare(run, pattern, relative);
  static_cast<void>(strata::run(model, tokens, compare));

  const strata::graph g(model.shape(), tokens.size());
  const auto keep = run.integer("mask.keep");
  std::vector<edge_mask> masks(10, edge_mask(g));
  for (std::size_t i = 0; i < keep.size(); ++i)
    if (keep[i] != 0) masks[i / g.edge_count()].insert(i % g.edge_count());
  const auto masked = [&](attention_mask variant) {
    return strata::run_masked(model, std::span<const int>(tokens), masks, variant);
  };
  CHECK(largest_difference<T>(masked(attention_mask::after_softmax), run.real("mask.logits.after_softmax")) <= after);
  CHECK(largest_difference<T>(masked(attention_mask::before_softmax), run.real("mask.logits.before_softmax")) <=
        before);
  CHECK(largest_difference<T>(masked(attention_mask::ignored), run.real("mask.logits.ignored")) <= after);
}

}  // namespace

TEST_CASE("in double: logits, patterns, values, residuals and masked logits of every golden model within 1e-9") {
  for (const std::string& name : goldens::all_runs()) compare_with_golden<double>(name, 1e-9, 1e-9, 1e-9, 1e-9, 1e-9);
}

TEST_CASE("in float: within the tolerances of the goldens' README") {
  for (const std::string& name : goldens::all_runs()) compare_with_golden<float>(name, 1e-5, 5e-6, 5e-5, 2e-4, 1e-4);
}

TEST_CASE("scores and order of a run of the decoder itself") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const goldens::run run(name);
    const auto tokens = run.integer("tokens");
    const decoder<double> model = decoder<double>::load(goldens::model_folder(name));
    const strata::graph g(model.shape(), tokens.size());
    strata::recorder<double> record(g);
    static_cast<void>(strata::run(model, tokens, record));
    CHECK(largest_difference<double>(record.scores(), run.real("score.l1")) <= 1e-9);
    const auto order = strata::best_first<double>(g, record.scores());
    const auto expected = run.integer("order");
    for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(order[i] == static_cast<strata::edge_id>(expected[i]));

    const decoder<float> narrow = decoder<float>::load(goldens::model_folder(name));
    strata::recorder<float> record_narrow(g);
    static_cast<void>(strata::run(narrow, tokens, record_narrow));
    CHECK(largest_difference<float>(record_narrow.scores(), run.real("score.l1")) <= 2e-6);
  }
}

TEST_CASE("the decoder goes through the checks of a forward pass") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto tokens = goldens::run(name).integer("tokens");
    const decoder<float> model = decoder<float>::load(goldens::model_folder(name));
    const auto report = strata::check_forward_pass(model, tokens);
    CHECK(report.self_check_error < 3e-6);
    CHECK(report.batch_error < 1e-5);
  }
}

TEST_CASE("a masked run that keeps all edges gives the plain run's bits") {
  for (const std::string& name : goldens::all_runs()) {
    const auto tokens = goldens::run(name).integer("tokens");
    const decoder<float> model = decoder<float>::load(goldens::model_folder(name));
    const edge_mask all = edge_mask::all(strata::graph(model.shape(), tokens.size()));
    for (const auto variant : {attention_mask::after_softmax, attention_mask::before_softmax, attention_mask::ignored})
      CHECK(strata::run_masked(model, std::span<const int>(tokens), std::span(&all, 1), variant) ==
            strata::run(model, tokens));
  }
}

TEST_CASE("prompts that a model cannot take are refused") {
  const decoder<float> model = decoder<float>::load(goldens::model_folder("llama"));
  const auto refuse = [&](const std::vector<int>& tokens, const char* said) {
    CHECK_THROWS_WITH_AS(static_cast<void>(strata::run(model, std::span<const int>(tokens))), said,
                         strata::option_error);
  };
  refuse({}, "the prompt is empty; it needs at least one token");
  refuse({1, 97}, "token 1 is 97, outside the vocabulary of 97");
  refuse({-1}, "token 0 is -1, outside the vocabulary of 97");
  refuse(std::vector<int>(65, 1), "the prompt has 65 tokens, the model's context is 64");
}

TEST_CASE("a size in config.json that the tensors do not have is refused before memory is taken for it") {
  strata::model_description model = strata::describe_model(goldens::model_folder("llama"));
  model.config.vocabulary = std::size_t{1} << 40;
  CHECK_THROWS_AS(decoder<float>{model}, strata::data_error);
  model.config.vocabulary = 97;
  model.config.mlp_width = std::size_t{1} << 40;
  CHECK_THROWS_AS(decoder<float>{model}, strata::data_error);
}

TEST_CASE("weights that stay in their files give the same bits as expanded ones") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto tokens = goldens::run(name).integer("tokens");
    const std::string folder = goldens::model_folder(name);
    const decoder<float> expanded = decoder<float>::load(folder);
    const decoder<float> mapped = decoder<float>::load(folder, {.max_memory = 0});
    CHECK(expanded.expanded());
    CHECK_FALSE(mapped.expanded());
    CHECK(expanded.parameters() == mapped.parameters());
    const auto a = expanded.logits(tokens), b = mapped.logits(tokens);
    CHECK(std::equal(a.values().begin(), a.values().end(), b.values().begin(), b.values().end()));
    const std::size_t bytes = sizeof(float) * expanded.parameters();
    CHECK(decoder<float>::load(folder, {.max_memory = bytes}).expanded());
    CHECK_FALSE(decoder<float>::load(folder, {.max_memory = bytes - 1}).expanded());
  }
}
