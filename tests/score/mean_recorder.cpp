#include "strata/score/mean_recorder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge_strata.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/recorder.hpp"
#include "strata/search/best_first.hpp"
#include "support/plain_models.hpp"

using strata::decoder;
using strata::edge_mask;
using strata::matrix;
using strata::matrix_view;
using prompts = std::vector<std::vector<int>>;

namespace {

double largest_difference(std::span<const double> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double m = 0;
  for (std::size_t i = 0; i < a.size(); ++i) m = std::max(m, std::abs(a[i] - b[i]));
  return m;
}

std::vector<edge_mask> random_masks(const strata::graph& g, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<edge_mask> masks{edge_mask::none(g), edge_mask::all(g)};
  for (const unsigned kept : {3U, 20U, 50U, 80U, 97U}) {
    masks.emplace_back(g);
    for (strata::edge_id e = 0; e < g.edge_count(); ++e)
      if (random() % 100 < kept) masks.back().insert(e);
  }
  return masks;
}

prompts random_prompts(std::size_t count, std::size_t tokens, unsigned seed) {
  std::mt19937 random(seed);
  prompts made(count);
  for (auto& prompt : made)
    for (std::size_t t = 0; t < tokens; ++t) prompt.push_back(static_cast<int>(random() % 97));
  return made;
}

// What the edges of a run contribute, kept one by one; and a masked run that adds them one by one.
struct naive {
  struct contributions {
    std::vector<std::vector<double>> attention, residual, mlp;  // by ids of their own: see below
  };

  std::size_t layers, heads, tokens;
  bool parallel;
  contributions sums;
  std::size_t prompts_recorded = 0;
  const edge_mask* mask = nullptr;  // null: records
  std::vector<matrix<double>> pattern;

  naive(const strata::model_shape& shape, std::size_t length)
      : layers(shape.layers),
        heads(shape.heads),
        tokens(length),
        parallel(shape.block == strata::block_kind::parallel) {
    sums.attention.resize(layers * heads * tokens * tokens);
    sums.residual.resize((2 * layers + 1) * tokens);
    sums.mlp.resize(layers * tokens);
  }

  std::vector<double>& attention(std::size_t l, std::size_t h, std::size_t t, std::size_t s) {
    return sums.attention[((l * heads + h) * tokens + t) * tokens + s];
  }
  static void add(std::vector<double>& to, std::span<const double> c, double factor) {
    to.resize(c.size());
    for (std::size_t j = 0; j < c.size(); ++j) to[j] += factor * c[j];
  }
  double share() const { return 1 / static_cast<double>(prompts_recorded); }

  void attend(std::size_t /*layer*/, std::size_t head, std::size_t row0, matrix_view<double> weights) {
    pattern.resize(heads);
    pattern[head].resize_uninitialised(tokens, tokens);
    for (std::size_t i = 0; i < weights.rows; ++i)
      for (std::size_t s = 0; s <= row0 + i; ++s) pattern[head](row0 + i, s) = weights(i, s);
  }

  void join_attention(std::size_t l, matrix_view<double> x, matrix_view<double> out,
                      const strata::attention_parts<double>& parts, strata::row_list rows = {}) {
    const std::size_t width = parts.output.rows / heads, group = heads * width / parts.values.cols;
    const auto value = [&](std::size_t h, std::size_t s) {
      return parts.values.row(s).subspan(h / group * width, width);
    };
    const std::size_t level = parallel ? l + 1 : 2 * l + 1;
    for (std::size_t r = 0; r < x.rows; ++r) {
      const std::size_t t = rows.empty() ? r : rows[r];
      if (mask == nullptr) {
        add(sums.residual[level * tokens + t], x.row(r), 1);
        for (std::size_t h = 0; h < heads; ++h)
          for (std::size_t s = 0; s <= t; ++s) add(attention(l, h, t, s), value(h, s), pattern[h](t, s));
        continue;
      }
      const strata::graph& g = mask->edges_of();
      const strata::node n{level, t};
      if (!g.reaches_output(n)) continue;
      for (std::size_t j = 0; j < out.cols; ++j) out(r, j) = parts.output_bias.empty() ? 0 : parts.output_bias[j];
      for (std::size_t h = 0; h < heads; ++h)
        for (std::size_t s = 0; s <= t; ++s)
          for (std::size_t k = 0; k < width; ++k) {
            const double c = mask->contains(g.attention_edge(n, s, h)) ? pattern[h](t, s) * value(h, s)[k]
                                                                       : attention(l, h, t, s)[k] * share();
            for (std::size_t j = 0; j < out.cols; ++j) out(r, j) += c * parts.output(h * width + k, j);
          }
      replace(x.row(r), mask->contains(g.residual_edge(n)), sums.residual[level * tokens + t]);
    }
    strata::no_hooks<double>{}.join_attention(l, x, out, parts);
  }

  void join_mlp(std::size_t l, matrix_view<double> x, matrix_view<double> out, strata::row_list rows = {}) {
    const std::size_t level = parallel ? l + 1 : 2 * l + 2;
    for (std::size_t r = 0; r < x.rows; ++r) {
      const std::size_t t = rows.empty() ? r : rows[r];
      if (mask == nullptr) {
        if (!parallel) add(sums.residual[level * tokens + t], x.row(r), 1);
        add(sums.mlp[l * tokens + t], out.row(r), 1);
        continue;
      }
      const strata::graph& g = mask->edges_of();
      const strata::node n{level, t};
      if (!g.reaches_output(n)) continue;
      if (!parallel) replace(x.row(r), mask->contains(g.residual_edge(n)), sums.residual[level * tokens + t]);
      replace(out.row(r), mask->contains(g.mlp_edge(n)), sums.mlp[l * tokens + t]);
    }
    strata::no_hooks<double>{}.join_mlp(l, x, out);
  }

  void finish(matrix_view<double> x, const strata::norm<double>& final_norm) {
    strata::no_hooks<double>{}.finish(x, final_norm);
  }

  void replace(std::span<double> row, bool kept, const std::vector<double>& sum) const {
    if (kept) return;
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = sum[j] * share();
  }
};

template <class Model>
std::vector<double> naive_run(Model& model, const prompts& references, std::span<const int> tokens,
                              const edge_mask& mask) {
  naive hooks(model.shape(), tokens.size());
  for (const auto& prompt : references) {
    ++hooks.prompts_recorded;
    static_cast<void>(model.forward(prompt, hooks));
  }
  hooks.mask = &mask;
  return model.forward(tokens, hooks);
}

}  // namespace

TEST_CASE("with means over the prompt itself any mask gives the plain logits, down to the empty one") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const auto narrow = decoder<float>::load(goldens::model_folder(name));
    const prompts own{goldens::run(name).integer("tokens")};
    const auto means = strata::means_over(model, own, own[0].size());
    const auto narrow_means = strata::means_over(narrow, own, own[0].size());
    const std::vector<double> expected = strata::run(model, own[0]);
    const auto masks = random_masks({model.shape(), own[0].size()}, 3);
    const auto swept = strata::run_masked(model, own[0], masks, {strata::attention_mask::after_softmax, &means});
    const auto narrow_swept =
        narrow.sweep(own[0], strata::edge_mask_list(masks), {strata::attention_mask::after_softmax, &narrow_means});
    for (std::size_t m = 0; m < masks.size(); ++m) {
      CAPTURE(m);
      const auto part = std::span(swept).subspan(m * expected.size(), expected.size());
      CHECK(largest_difference(part, expected) <= 1e-11);
      const std::vector<double> wide(narrow_swept.begin() + static_cast<std::ptrdiff_t>(m * expected.size()),
                                     narrow_swept.begin() + static_cast<std::ptrdiff_t>((m + 1) * expected.size()));
      CHECK(largest_difference(wide, expected) <= 2e-4);
      const auto one =
          strata::run_masked(model, own[0], std::span(&masks[m], 1), {strata::attention_mask::after_softmax, &means});
      CHECK(largest_difference(one, expected) <= 1e-11);
    }
  }
}

TEST_CASE("means over several prompts: hooks and sweep against a run that adds edge by edge; every architecture") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const prompts references = random_prompts(3, tokens.size(), 5);
    const auto means = strata::means_over(model, references, tokens.size());
    const strata::ablation<double> dropped(strata::attention_mask::after_softmax, &means);
    const auto masks = random_masks({model.shape(), tokens.size()}, 4);
    const auto swept = strata::run_masked(model, tokens, masks, dropped);
    const std::size_t vocabulary = model.shape().vocabulary;
    double apart = 0;
    for (std::size_t m = 0; m < masks.size(); ++m) {
      CAPTURE(m);
      const std::vector<double> expected = naive_run(model, references, tokens, masks[m]);
      const auto part = std::span(swept).subspan(m * vocabulary, vocabulary);
      CHECK(largest_difference(part, expected) <= 1e-10);
      CHECK(largest_difference(strata::run_masked(model, tokens, std::span(&masks[m], 1), dropped), expected) <= 1e-10);
      apart = std::max(apart, largest_difference(part, strata::run_masked(model, tokens, std::span(&masks[m], 1))));
    }
    CHECK(apart > 1e-2);  // from zero ablation
  }
}

TEST_CASE("nested masks with means, as strata and one by one") {
  for (const std::string name : {"llama", "gpt2", "gpt_neox", "olmo2_bias", "gemma3_text"}) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const auto means = strata::means_over(model, random_prompts(4, tokens.size(), 6), tokens.size());
    const strata::ablation<double> dropped(strata::attention_mask::after_softmax, &means);
    const strata::graph g(model.shape(), tokens.size());
    strata::recorder<double> record(g);
    static_cast<void>(strata::run(model, tokens, record));
    const auto order = strata::best_first<double>(g, record.scores());
    const std::vector<std::size_t> counts{0, 1, 5, 20, 60, 150, 300, 400};
    const auto swept = strata::run_masked(model, tokens, strata::edge_strata(g, order, counts), dropped);
    std::vector<double> expected;
    for (const std::size_t count : counts) {
      const edge_mask mask = edge_mask::prefix(g, order, count);
      const auto one = strata::run_masked(model, tokens, std::span(&mask, 1), dropped);
      expected.insert(expected.end(), one.begin(), one.end());
    }
    CHECK(largest_difference(swept, expected) <= 1e-10);
  }
}

TEST_CASE("plug-in models: the hooks, alone and as a batch, every family") {
  for (const std::string& name : plain::models()) {
    CAPTURE(name);
    plain::model model(name);
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const prompts references = random_prompts(3, tokens.size(), 7);
    const auto means = strata::means_over(model, references, tokens.size());
    const strata::ablation<double> dropped(strata::attention_mask::after_softmax, &means);
    const auto masks = random_masks({model.shape(), tokens.size()}, 8);
    const auto together = strata::run_masked(model, tokens, masks, dropped);
    const std::size_t vocabulary = model.shape().vocabulary;
    for (std::size_t m = 0; m < masks.size(); ++m) {
      CAPTURE(m);
      const std::vector<double> expected = naive_run(model, references, tokens, masks[m]);
      CHECK(largest_difference(std::span(together).subspan(m * vocabulary, vocabulary), expected) <= 1e-10);
      CHECK(largest_difference(strata::run_masked(model, tokens, std::span(&masks[m], 1), dropped), expected) <= 1e-10);
    }
  }
}

TEST_CASE("means of longer prompts serve shorter ones; they are those of the beginnings") {
  for (const std::string name : {"llama", "gpt_neox"}) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const prompts references = random_prompts(3, 9, 9);
    const auto longer = strata::means_over(model, references, 9);
    const auto shorter = strata::means_over(model, references, 6);
    CHECK(longer.every_position());
    const std::vector<int> tokens{5, 4, 3, 2, 1, 0};
    const auto masks = random_masks({model.shape(), tokens.size()}, 10);
    const auto with = [&](const strata::edge_means<double>& means) {
      return strata::run_masked(model, tokens, masks, {strata::attention_mask::after_softmax, &means});
    };
    CHECK(largest_difference(with(longer), with(shorter)) <= 1e-11);
  }
}

TEST_CASE("what means cannot be used for is refused with a sentence") {
  const auto model = decoder<double>::load(goldens::model_folder("llama"));
  const prompts references = random_prompts(2, 5, 11);
  const auto means = strata::means_over(model, references, 5);
  const auto refused = [&](std::vector<int> tokens, strata::attention_mask variant, const char* why) {
    const edge_mask mask(strata::graph(model.shape(), tokens.size()));
    CHECK_THROWS_WITH_AS(static_cast<void>(strata::run_masked(model, tokens, std::span(&mask, 1), {variant, &means})),
                         doctest::Contains(why), strata::option_error);
  };
  refused({1, 2, 3, 4, 5, 6}, strata::attention_mask::after_softmax,
          "the prompt has 6 tokens, the means of dropped edges are of 5");
  refused({1, 2, 3}, strata::attention_mask::before_softmax, "after_softmax only");
  refused({1, 2, 3}, strata::attention_mask::ignored, "after_softmax only");
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::means_over(model, references, 6)),
                       "reference prompt 0 has 5 tokens, expected at least 6", strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::means_over(model, prompts(), 5)), strata::option_error);
  const auto other = decoder<double>::load(goldens::model_folder("gpt_neox"));
  const edge_mask mask(strata::graph(other.shape(), 3));
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::run_masked(other, std::vector<int>{1, 2, 3}, std::span(&mask, 1),
                                                            {strata::attention_mask::after_softmax, &means})),
                       doctest::Contains("another shape"), strata::option_error);

  // A pass that leaves rows of the last layer out makes means for prompts of one length.
  plain::model trimmed("llama");
  trimmed.only_last_row_at_the_end = true;
  const auto of_one_length = strata::means_over(trimmed, references, 5);
  CHECK_FALSE(of_one_length.every_position());
  CHECK_THROWS_WITH_AS(of_one_length.require(trimmed.shape(), 4), doctest::Contains("exactly 5"), strata::option_error);
  CHECK_NOTHROW(of_one_length.require(trimmed.shape(), 5));
}

namespace {

// A pass that leaves out what the masker says is not needed: there it hands over anything.
struct lazy_pass {
  strata::masker<double>& masker;
  std::size_t tokens;

  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<double> weights) {
    masker.attend(layer, head, row0, weights);
  }
  void join_attention(std::size_t layer, matrix_view<double> x, matrix_view<double> out,
                      const strata::attention_parts<double>& parts, strata::row_list rows = {}) {
    for (std::size_t r = 0; r < out.rows; ++r)
      if (!masker.mixes(layer, rows.empty() ? r : rows[r])) std::fill(out.row(r).begin(), out.row(r).end(), 7.0);
    masker.join_attention(layer, x, out, parts, rows);
  }
  void join_mlp(std::size_t layer, matrix_view<double> x, matrix_view<double> out, strata::row_list rows = {}) {
    for (std::size_t r = 0; r < out.rows; ++r)
      if (!masker.runs_mlp(layer, rows.empty() ? r : rows[r])) std::fill(out.row(r).begin(), out.row(r).end(), 7.0);
    masker.join_mlp(layer, x, out, rows);
  }
  void finish(matrix_view<double> x, const strata::norm<double>& final_norm) { masker.finish(x, final_norm); }
};

}  // namespace

TEST_CASE("with means a pass may leave out what the masker does not need, as without") {
  for (const std::string name : {"llama", "gpt2", "gpt_neox", "olmo2_bias"}) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const auto means = strata::means_over(model, random_prompts(2, tokens.size(), 12), tokens.size());
    for (const strata::edge_means<double>* used : {static_cast<const strata::edge_means<double>*>(nullptr), &means})
      for (const edge_mask& mask : random_masks({model.shape(), tokens.size()}, 13)) {
        strata::masker<double> masker(mask, {strata::attention_mask::after_softmax, used});
        const std::vector<double> whole = model.forward(tokens, masker);
        lazy_pass lazy{masker, tokens.size()};
        CHECK(largest_difference(model.forward(tokens, lazy), whole) <= 1e-12);
      }
  }
}
