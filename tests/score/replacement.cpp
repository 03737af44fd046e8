#include "strata/score/replacement.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
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
#include "strata/search/prune.hpp"
#include "support/plain_models.hpp"

namespace replacement_test {

using strata::ablation;
using strata::attention_mask;
using strata::decoder;
using strata::edge_mask;
using strata::head_mean;
using strata::matrix;
using strata::matrix_view;
using strata::node;

namespace {

double largest_difference(std::span<const double> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double m = 0;
  for (std::size_t i = 0; i < a.size(); ++i) m = std::max(m, std::abs(a[i] - b[i]));
  return m;
}

// Random masks of any density, the empty and the whole one, one without the edges that leave embeddings, and one with a
// node that only a node without any value leads to.
std::vector<edge_mask> masks_of(const strata::graph& g, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<edge_mask> masks{edge_mask::none(g), edge_mask::all(g)};
  for (const unsigned kept : {3U, 20U, 50U, 80U, 97U}) {
    masks.emplace_back(g);
    for (strata::edge_id e = 0; e < g.edge_count(); ++e)
      if (random() % 100 < kept) masks.back().insert(e);
  }
  masks.push_back(edge_mask::where(g, [](const strata::edge& e) { return e.level > 1; }));
  masks.push_back(masks[4] - edge_mask::where(g, [](const strata::edge& e) { return e.level == 1 && e.target < 2; }));
  masks.push_back(masks[3]);
  return masks;
}

// The plain run by plain loops, kept whole; and a masked run that adds edge by edge.
struct naive {
  std::size_t layers, heads, tokens;
  bool parallel;
  std::vector<double> pattern, own;          // (layers, heads, tokens, tokens): the plain run's, this run's
  std::vector<std::vector<double>> outputs;  // (layers · heads · tokens): Σ a · v
  std::vector<double> norms;                 // (levels + 1, tokens)
  const edge_mask* mask = nullptr;           // null: records
  bool mass = false, frozen = false, rescale = false, renormalise = false;
  head_mean which = head_mean::prompt;
  const strata::mass_means<double>* table = nullptr;  // instead of the prompt's own

  naive(const strata::model_shape& shape, std::size_t length)
      : layers(shape.layers),
        heads(shape.heads),
        tokens(length),
        parallel(shape.block == strata::block_kind::parallel),
        pattern(layers * heads * tokens * tokens),
        own(pattern),
        outputs(layers * heads * tokens),
        norms((2 * layers + 1) * tokens) {}

  std::size_t row(std::size_t l, std::size_t h, std::size_t t) const { return (l * heads + h) * tokens + t; }
  const double& used(std::size_t l, std::size_t h, std::size_t t, std::size_t s) const {
    return (frozen && mask != nullptr ? pattern : own)[row(l, h, t) * tokens + s];
  }

  bool fed(node n) const {
    if (n.level == 0) return true;
    const strata::graph& g = mask->edges_of();
    if (!g.reaches_output(n)) return false;
    bool any = (mask->contains(g.residual_edge(n)) || (g.has_mlp(n.level) && mask->contains(g.mlp_edge(n)))) &&
               fed({n.level - 1, n.token});
    for (std::size_t s = 0; g.has_attention(n.level) && s <= n.token && !any; ++s)
      for (std::size_t h = 0; h < heads; ++h)
        any = any || (mask->contains(g.attention_edge(n, s, h)) && fed({n.level - 1, s}));
    return any;
  }
  bool alive(node n) const {
    return mask->edges_of().reaches_output(n) && (mass ? fed(n) : n.level == 0 || mask->any(n));
  }

  double mean(std::size_t l, std::size_t h, std::size_t t, std::size_t k) const {
    if (table != nullptr) return table->values()(l, h * (table->values().cols() / heads) + k);
    std::size_t first = 1, last = tokens - 2;  // the last is in it
    if (which == head_mean::causal) last = std::min(t, last);
    if (tokens < 3 || (which == head_mean::causal && t == 0)) first = last = 0;
    double sum = 0;
    for (std::size_t i = first; i <= last; ++i) sum += outputs[row(l, h, i)][k];
    return sum / static_cast<double>(last - first + 1);
  }

  void attend(std::size_t l, std::size_t head, std::size_t row0, matrix_view<double> weights) {
    for (std::size_t i = 0; i < weights.rows; ++i)
      for (std::size_t s = 0; s <= row0 + i; ++s) {
        own[row(l, head, row0 + i) * tokens + s] = weights(i, s);
        if (mask == nullptr) pattern[row(l, head, row0 + i) * tokens + s] = weights(i, s);
      }
  }

  void join_attention(std::size_t l, matrix_view<double> x, matrix_view<double> out,
                      const strata::attention_parts<double>& parts, strata::row_list rows = {}) {
    REQUIRE(rows.empty());
    const std::size_t width = parts.output.rows / heads, group = heads * width / parts.values.cols;
    const auto value = [&](std::size_t h, std::size_t s, std::size_t k) {
      return parts.values(s, h / group * width + k);
    };
    const std::size_t level = parallel ? l + 1 : 2 * l + 1;
    for (std::size_t t = 0; t < tokens; ++t) {
      if (mask == nullptr) {
        for (std::size_t h = 0; h < heads; ++h) {
          outputs[row(l, h, t)].assign(width, 0.0);
          for (std::size_t s = 0; s <= t; ++s)
            for (std::size_t k = 0; k < width; ++k) outputs[row(l, h, t)][k] += used(l, h, t, s) * value(h, s, k);
        }
        strata::detail::join_row(x.row(t), out.row(t), parts.post_norm);
      } else {
        const strata::graph& g = mask->edges_of();
        const node n{level, t};
        if (!g.reaches_output(n) || !mask->contains(g.residual_edge(n))) clear(x.row(t));
        if (!alive(n)) {
          clear(x.row(t));
          continue;
        }
        for (std::size_t j = 0; j < out.cols; ++j) out(t, j) = parts.output_bias.empty() ? 0 : parts.output_bias[j];
        for (std::size_t h = 0; h < heads; ++h) {
          double kept = 0;
          for (std::size_t s = 0; s <= t; ++s)
            if (mask->contains(g.attention_edge(n, s, h))) kept += used(l, h, t, s);
          for (std::size_t s = 0; s <= t; ++s)
            for (std::size_t k = 0; k < width; ++k) {
              double c = mass ? used(l, h, t, s) * mean(l, h, t, k) : 0;
              if (mask->contains(g.attention_edge(n, s, h)))
                c = used(l, h, t, s) / (renormalise ? kept : 1) * value(h, s, k);
              for (std::size_t j = 0; j < out.cols; ++j) out(t, j) += c * parts.output(h * width + k, j);
            }
        }
        strata::detail::join_row(x.row(t), out.row(t), parts.post_norm);
      }
      if (!parallel) settle(level, t, x.row(t));
    }
  }

  void join_mlp(std::size_t l, matrix_view<double> x, matrix_view<double> out, strata::row_list rows = {}) {
    REQUIRE(rows.empty());
    const std::size_t level = parallel ? l + 1 : 2 * l + 2;
    for (std::size_t t = 0; t < tokens; ++t) {
      const node n{level, t};
      if (mask != nullptr) {
        const strata::graph& g = mask->edges_of();
        if (!parallel && !(alive(n) && mask->contains(g.residual_edge(n)))) clear(x.row(t));
        if (!(alive(n) && mask->contains(g.mlp_edge(n)))) clear(out.row(t));
      }
      strata::detail::join_row<double>(x.row(t), out.row(t), nullptr);
      settle(level, t, x.row(t));
    }
  }

  void finish(matrix_view<double> x, const strata::norm<double>& final_norm) {
    strata::no_hooks<double>{}.finish(x, final_norm);
  }

  static void clear(std::span<double> row) { std::fill(row.begin(), row.end(), 0.0); }

  void settle(std::size_t level, std::size_t t, std::span<double> x) {
    double sum = 0;
    for (const double value : x) sum += value * value;
    if (mask == nullptr) norms[level * tokens + t] = std::sqrt(sum);
    if (mask == nullptr || !rescale || sum == 0) return;
    for (double& value : x) value *= norms[level * tokens + t] / std::sqrt(sum);
  }
};

template <class Model>
std::vector<double> last_row(Model& model, std::span<const int> tokens, naive& hooks) {
  if constexpr (requires { model.logits(tokens, hooks); }) {
    const auto all = model.logits(tokens, hooks);
    return {all.row(tokens.size() - 1).begin(), all.row(tokens.size() - 1).end()};
  } else {
    return model.forward(tokens, hooks);
  }
}

struct way {
  bool mass, frozen, rescale;
  head_mean which = head_mean::prompt;
  bool renormalise = false;
};

constexpr std::array<way, 8> ways{{{true, false, false},
                                   {false, true, false},
                                   {true, true, false},
                                   {true, true, false, head_mean::causal},
                                   {true, false, true, head_mean::causal},
                                   {false, false, true},
                                   {true, true, true},
                                   {false, true, false, head_mean::prompt, true}}};

template <class T>
ablation<T> dropped_of(const way& w, const strata::replacement<T>& all) {
  ablation<T> dropped(w.renormalise ? attention_mask::before_softmax : attention_mask::after_softmax);
  if (w.mass) dropped.mass = &all.mass;
  if (w.frozen) dropped.pattern = &all.pattern;
  if (w.rescale) dropped.norms = &all.norms;
  return dropped;
}

template <class Model>
std::vector<double> expected_of(Model& model, std::span<const int> tokens, const edge_mask& mask, const way& w) {
  naive hooks(model.shape(), tokens.size());
  static_cast<void>(last_row(model, tokens, hooks));
  hooks.mask = &mask;
  hooks.mass = w.mass, hooks.frozen = w.frozen, hooks.rescale = w.rescale, hooks.which = w.which;
  hooks.renormalise = w.renormalise;
  return last_row(model, tokens, hooks);
}

// Where rescaled or renormalised nodes are nearly 0 before, rounding is seen: in parts of the logits.
double bound(const way& w, std::span<const double> expected) {
  double largest = 1;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  return (w.rescale || w.renormalise ? 1e-8 : 1e-10) * largest;
}

}  // namespace

TEST_CASE("mass-mean, frozen pattern, rescaled nodes: hooks and sweep against a run that adds edge by edge") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const auto masks = masks_of({model.shape(), tokens.size()}, 1);
    const std::size_t vocabulary = model.shape().vocabulary;
    for (std::size_t i = 0; i < ways.size(); ++i) {
      CAPTURE(i);
      const auto all = strata::replacement_of(model, tokens, ways[i].which);
      const ablation<double> dropped = dropped_of(ways[i], all);
      const auto swept = strata::run_masked(model, tokens, masks, dropped);
      strata::masker<double> batch(masks, dropped);
      const auto together = model.forward(tokens, batch, masks.size());
      double apart = 0;
      for (std::size_t m = 0; m < masks.size(); ++m) {
        CAPTURE(m);
        const std::vector<double> expected = expected_of(model, tokens, masks[m], ways[i]);
        const auto part = [&](const std::vector<double>& of) {
          return std::span(of).subspan(m * vocabulary, vocabulary);
        };
        CHECK(largest_difference(part(swept), expected) <= bound(ways[i], expected));
        CHECK(largest_difference(part(together), expected) <= bound(ways[i], expected));
        CHECK(largest_difference(strata::run_masked(model, tokens, std::span(&masks[m], 1), dropped), expected) <=
              bound(ways[i], expected));
        apart =
            std::max(apart, largest_difference(expected, strata::run_masked(model, tokens, std::span(&masks[m], 1))));
      }
      if (tokens.size() > 2) CHECK(apart > 1e-3);  // from zero ablation
    }
  }
}

TEST_CASE("plug-in models: the same through the hooks, alone and as a batch") {
  for (const std::string& name : plain::models()) {
    CAPTURE(name);
    plain::model model(name);
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const auto masks = masks_of({model.shape(), tokens.size()}, 2);
    const std::size_t vocabulary = model.shape().vocabulary;
    for (std::size_t i = 0; i < ways.size(); ++i) {
      CAPTURE(i);
      const auto all = strata::replacement_of(model, tokens, ways[i].which);
      const ablation<double> dropped = dropped_of(ways[i], all);
      const auto together = strata::run_masked(model, tokens, masks, dropped);
      for (std::size_t m = 0; m < masks.size(); ++m) {
        CAPTURE(m);
        const std::vector<double> expected = expected_of(model, tokens, masks[m], ways[i]);
        CHECK(largest_difference(std::span(together).subspan(m * vocabulary, vocabulary), expected) <=
              bound(ways[i], expected));
      }
    }
  }
}

TEST_CASE("the whole mask gives the plain run; the empty one, and one that no embedding feeds, tell nothing") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto model = decoder<float>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const strata::graph g(model.shape(), tokens.size());
    const std::vector<float> plain = strata::run(model, tokens);
    const auto all = strata::replacement_of(model, tokens);
    const auto run = [&](const edge_mask& mask, const ablation<float>& dropped) {
      return strata::run_masked(model, tokens, std::span(&mask, 1), dropped);
    };
    const auto nothing = run(edge_mask::none(g), {});
    edge_mask unfed = edge_mask::where(g, [](const strata::edge& e) { return e.level > 1; });
    for (const way& w : ways) {
      const ablation<float> dropped = dropped_of(w, all);
      const std::vector<float> whole = run(edge_mask::all(g), dropped);
      if (!w.frozen && !w.rescale) CHECK(whole == plain);  // the others repeat what another run rounded
      for (std::size_t i = 0; i < plain.size(); ++i) CHECK(std::abs(whole[i] - plain[i]) <= 2e-5);
      CHECK(run(edge_mask::none(g), dropped) == nothing);
      if (!w.mass) continue;
      CHECK(run(unfed, dropped) == nothing);
      const std::vector<edge_mask> both{unfed, edge_mask::none(g)};
      const auto swept = strata::run_masked(model, tokens, both, dropped);
      CHECK(std::equal(nothing.begin(), nothing.end(), swept.begin()));
      CHECK(std::equal(nothing.begin(), nothing.end(), swept.begin() + static_cast<std::ptrdiff_t>(nothing.size())));
    }
    if (name == "llama")
      for (const float logit : nothing) CHECK(logit == 0);
  }
}

TEST_CASE("under mass-mean ablation, edges that nothing feeds change nothing") {
  for (const std::string name : {"llama", "gpt2", "gpt_neox"}) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const strata::graph g(model.shape(), tokens.size());
    const auto all = strata::replacement_of(model, tokens);
    ablation<double> dropped = dropped_of(ways[2], all);
    edge_mask mask = masks_of(g, 3)[3];
    const edge_mask fed = strata::prune(mask, strata::connection::from_input);
    edge_mask more = fed;
    // A node whose only edges come from nodes without a value is one more of these, and the residual edge into it.
    for (std::size_t level = 2; level <= g.levels(); ++level)
      for (std::size_t t = 0; t < tokens.size(); ++t)
        if (const node n{level, t}, below{level - 1, t}; g.reaches_output(n) && !fed.any(below) && !fed.any(n))
          more.insert(g.residual_edge(n));
    CHECK(more.count() > fed.count());
    const std::vector<edge_mask> both{fed, more};
    const auto logits = strata::run_masked(model, tokens, both, dropped);
    const std::size_t half = logits.size() / 2;
    CHECK(largest_difference(std::span(logits).first(half), std::span(logits).subspan(half)) == 0);
  }
}

TEST_CASE("nested masks, as strata and one by one; every part alone and all together") {
  for (const std::string name : {"llama", "gpt2", "gpt_neox", "olmo2_bias", "gemma3_text"}) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const strata::graph g(model.shape(), tokens.size());
    strata::recorder<double> record(g);
    static_cast<void>(strata::run(model, tokens, record));
    const auto order = strata::best_first<double>(g, record.scores());
    const std::vector<std::size_t> counts{0, 1, 5, 20, 60, 150, 300, 400};
    for (const way& w : ways) {
      const auto all = strata::replacement_of(model, tokens, w.which);
      const ablation<double> dropped = dropped_of(w, all);
      const auto swept = strata::run_masked(model, tokens, strata::edge_strata(g, order, counts), dropped);
      std::vector<double> expected;
      for (const std::size_t count : counts) {
        const edge_mask mask = edge_mask::prefix(g, order, count);
        const auto one = strata::run_masked(model, tokens, std::span(&mask, 1), dropped);
        expected.insert(expected.end(), one.begin(), one.end());
      }
      CHECK(largest_difference(swept, expected) <= bound(w, expected));
    }
  }
}

TEST_CASE("means over other prompts, and a frozen pattern beside means of edges") {
  for (const std::string name : {"llama", "gpt_neox", "olmo2_bias"}) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    const std::vector<std::vector<int>> others{{1, 2, 3, 4, 5}, {9, 8, 7, 6}, {3, 1}, {7}};
    const auto table = strata::mass_means_over(model, others);
    ablation<double> dropped;
    dropped.mass = &table;
    const auto masks = masks_of({model.shape(), tokens.size()}, 4);
    const auto swept = strata::run_masked(model, tokens, masks, dropped);
    naive hooks(model.shape(), tokens.size());
    hooks.mass = true, hooks.table = &table;
    const std::size_t vocabulary = model.shape().vocabulary;
    for (std::size_t m = 0; m < masks.size(); ++m) {
      hooks.mask = &masks[m];
      CHECK(largest_difference(std::span(swept).subspan(m * vocabulary, vocabulary), last_row(model, tokens, hooks)) <=
            1e-10);
    }
    // The table is the mean of what the prompts give one by one.
    matrix<double> sum(table.values().rows(), table.values().cols());
    for (const std::vector<int>& prompt : others) {
      naive own(model.shape(), prompt.size());
      static_cast<void>(last_row(model, std::span<const int>(prompt), own));
      const std::size_t width = sum.cols() / own.heads;
      for (std::size_t l = 0; l < own.layers; ++l)
        for (std::size_t h = 0; h < own.heads; ++h)
          for (std::size_t k = 0; k < width; ++k) sum(l, h * width + k) += own.mean(l, h, 0, k) / 4;
    }
    CHECK(largest_difference(sum.values(), table.values().values()) <= 1e-12);
  }
}

TEST_CASE("a prompt's pattern frozen on another prompt is what that one's masked run uses") {
  const auto model = decoder<double>::load(goldens::model_folder("llama"));
  const std::vector<int> tokens = goldens::run("llama").integer("tokens");
  std::vector<int> other = tokens;
  for (int& token : other) token = (token + 31) % 97;
  const auto all = strata::replacement_of(model, tokens);
  const auto masks = masks_of({model.shape(), tokens.size()}, 5);
  ablation<double> dropped;
  dropped.pattern = &all.pattern;
  const auto swept = strata::run_masked(model, other, masks, dropped);
  const std::size_t vocabulary = model.shape().vocabulary;
  for (std::size_t m = 0; m < masks.size(); ++m) {
    naive hooks(model.shape(), tokens.size());
    static_cast<void>(last_row(model, tokens, hooks));
    hooks.mask = &masks[m], hooks.frozen = true;
    CHECK(largest_difference(std::span(swept).subspan(m * vocabulary, vocabulary), last_row(model, other, hooks)) <=
          1e-10);
  }
}

TEST_CASE("the recorded parts are those of the plain run: pattern, norms, and means over the tokens that they say") {
  for (const std::string name : {"llama", "llama_T1", "llama_T2", "gpt_neox", "gemma3_text"}) {
    CAPTURE(name);
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const std::vector<int> tokens = goldens::run(name).integer("tokens");
    naive plain(model.shape(), tokens.size());
    static_cast<void>(last_row(model, tokens, plain));
    for (const head_mean which : {head_mean::prompt, head_mean::causal}) {
      const auto all = strata::replacement_of(model, tokens, which);
      plain.which = which;
      double pattern = 0, mean = 0, norm = 0;
      for (std::size_t l = 0; l < plain.layers; ++l)
        for (std::size_t h = 0; h < plain.heads; ++h)
          for (std::size_t t = 0; t < tokens.size(); ++t) {
            for (std::size_t s = 0; s <= t; ++s)
              pattern = std::max(pattern, std::abs(all.pattern.row(l, h, t)[s] - plain.used(l, h, t, s)));
            for (std::size_t k = 0; k < all.mass.head_width(); ++k)
              mean = std::max(mean, std::abs(all.mass.of(l, t, h)[k] - plain.mean(l, h, t, k)));
          }
      const strata::graph g(model.shape(), tokens.size());
      for (std::size_t level = 1; level <= g.levels(); ++level)
        for (std::size_t t = 0; t < tokens.size(); ++t)
          norm = std::max(norm, std::abs(all.norms.of({level, t}) - plain.norms[level * tokens.size() + t]));
      const auto alone = strata::mass_means_of(model, std::span<const int>(tokens), which);
      CHECK(std::ranges::equal(alone.values().values(), all.mass.values().values()));
      CHECK(pattern == 0);
      CHECK(mean <= 1e-12);
      CHECK(norm <= 1e-12);
      CHECK(all.norms.of({0, 0}) > 0);
      CHECK(all.mass.targets() == (which == head_mean::causal ? tokens.size() : 1));
    }
  }
}

TEST_CASE("what does not go together, or is of something else, is refused with a sentence") {
  const auto model = decoder<double>::load(goldens::model_folder("llama"));
  const auto other = decoder<double>::load(goldens::model_folder("gpt_neox"));
  const std::vector<int> tokens{1, 2, 3, 4, 5};
  const auto all = strata::replacement_of(model, tokens, head_mean::causal);
  const auto own = strata::replacement_of(model, tokens);
  const std::vector<double> zeros(strata::edge_mean_tables<double>::count(model.shape(), model.config().head_width, 5));
  const strata::edge_means<double> means(model.shape(), model.config().head_width, 5, zeros.data(), nullptr, true);
  const auto refused = [&](const auto& by, std::size_t length, const ablation<double>& dropped, const char* why) {
    const std::vector<edge_mask> masks(2, edge_mask(strata::graph(by.shape(), length)));
    const auto prompt = std::span(tokens).first(length);
    for (const std::size_t count : {std::size_t{1}, std::size_t{2}})
      CHECK_THROWS_WITH_AS(static_cast<void>(strata::run_masked(by, prompt, std::span(masks).first(count), dropped)),
                           doctest::Contains(why), strata::option_error);
  };
  ablation<double> mass, pattern, norms, both;
  mass.mass = &all.mass, pattern.pattern = &all.pattern, norms.norms = &all.norms;
  both.mass = &own.mass, both.means = &means;
  refused(model, 5, both, "not both");
  for (const attention_mask variant : {attention_mask::before_softmax, attention_mask::ignored}) {
    mass.attention = variant;
    refused(model, 5, mass, "after_softmax only");
  }
  mass.attention = attention_mask::after_softmax;
  pattern.attention = norms.attention = attention_mask::ignored;
  refused(model, 5, pattern, "do not go with the attention mask ignored");
  refused(model, 5, norms, "do not go with the attention mask ignored");
  pattern.attention = norms.attention = attention_mask::after_softmax;
  refused(model, 4, mass, "the prompt has 4 tokens, the causal mean outputs of heads are of 5");
  refused(model, 4, pattern, "the prompt has 4 tokens, the frozen pattern is of one of 5");
  refused(model, 4, norms, "the prompt has 4 tokens, the norms of nodes are of one of 5");
  refused(other, 5, mass, "another shape");
  refused(other, 5, pattern, "another shape");
  refused(other, 5, norms, "another shape");
  const strata::mass_means<double> narrow(model.shape(), matrix<double>(model.shape().layers, model.shape().heads));
  ablation<double> wrong;
  wrong.mass = &narrow;
  const edge_mask mask(strata::graph(model.shape(), 5));
  CHECK_THROWS_AS(static_cast<void>(strata::run_masked(model, tokens, std::span(&mask, 1), wrong)), strata::error);
  CHECK_THROWS_AS(static_cast<void>(model.sweep(tokens, strata::edge_mask_list(std::span(&mask, 1)), wrong)),
                  strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::mass_means_over(model, std::vector<std::vector<int>>())),
                  strata::option_error);
}

TEST_CASE("a pass that leaves out rows of the last layer gives a pattern, and no means") {
  plain::model trimmed("gpt2"), whole("gpt2");
  trimmed.only_last_row_at_the_end = true;
  const std::vector<int> tokens = goldens::run("gpt2").integer("tokens");
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::replacement_of(trimmed, tokens)),
                       doctest::Contains("need the rows of all 9 tokens"), strata::contract_error);
  const auto pattern = strata::full_pattern_of(trimmed, tokens);
  const auto all = strata::replacement_of(whole, tokens);
  const auto masks = masks_of({whole.shape(), tokens.size()}, 6);
  for (const bool mass : {false, true}) {
    ablation<double> dropped, expected;
    dropped.pattern = &pattern, expected.pattern = &all.pattern;
    if (mass) dropped.mass = expected.mass = &all.mass;
    CHECK(largest_difference(strata::run_masked(trimmed, tokens, masks, dropped),
                             strata::run_masked(whole, tokens, masks, expected)) <= 1e-11);
  }
}

}  // namespace replacement_test
