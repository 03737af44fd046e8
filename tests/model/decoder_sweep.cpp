#include "strata/model/decoder_sweep.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "strata/forward/run.hpp"
#include "strata/graph/edge_strata.hpp"
#include "strata/measure/curve.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/recorder.hpp"
#include "strata/search/best_first.hpp"
#include "support/goldens.hpp"

using strata::attention_mask;
using strata::decoder;
using strata::edge_mask;

namespace {

constexpr attention_mask variants[] = {attention_mask::after_softmax, attention_mask::before_softmax,
                                       attention_mask::ignored};

template <class T, class U>
double largest_difference(std::span<const T> a, std::span<const U> b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return largest;
}

// Random masks of very different sizes, the empty and the whole one, one of them twice, and nested ones.
std::vector<edge_mask> masks_of(const strata::graph& g, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<edge_mask> masks{edge_mask::none(g), edge_mask::all(g)};
  for (const unsigned kept : {2U, 20U, 50U, 80U, 98U}) {
    masks.emplace_back(g);
    for (strata::edge_id e = 0; e < g.edge_count(); ++e)
      if (random() % 100 < kept) masks.back().insert(e);
  }
  masks.push_back(masks[3]);
  masks.push_back(masks[3] | masks[4]);
  masks.push_back(edge_mask::all(g) - masks[2]);
  return masks;
}

// Each mask by itself, through the hooks.
template <class T>
std::vector<T> one_by_one(const decoder<T>& model, std::span<const int> tokens, std::span<const edge_mask> masks,
                          attention_mask variant) {
  std::vector<T> logits;
  for (const edge_mask& mask : masks) {
    strata::masker<T> hooks(mask, variant);
    const std::vector<T> one = model.forward(tokens, hooks);
    logits.insert(logits.end(), one.begin(), one.end());
  }
  return logits;
}

}  // namespace

TEST_CASE("a sweep gives what the masks give one by one: every architecture, random masks, every variant") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto tokens = goldens::run(name).integer("tokens");
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const auto narrow = decoder<float>::load(goldens::model_folder(name));
    const strata::graph g(model.shape(), tokens.size());
    const std::vector<edge_mask> masks = masks_of(g, 1);
    for (const attention_mask variant : variants) {
      CAPTURE(static_cast<int>(variant));
      const std::vector<double> expected = one_by_one<double>(model, tokens, masks, variant);
      CHECK(largest_difference<double, double>(model.sweep(tokens, strata::edge_mask_list(masks), variant), expected) <=
            1e-10);
      CHECK(largest_difference<float, double>(narrow.sweep(tokens, strata::edge_mask_list(masks), variant), expected) <=
            3e-4);
    }
  }
}

TEST_CASE("the published sizes of every golden run, as strata and as masks") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const goldens::run run(name);
    const auto tokens = run.integer("tokens");
    const auto model = decoder<double>::load(goldens::model_folder(name));
    const strata::graph g(model.shape(), tokens.size());
    strata::edge_order order(g.edge_count());
    for (const int e : run.integer("order")) order.push_back(static_cast<strata::edge_id>(e));
    std::vector<std::size_t> sizes;
    std::vector<edge_mask> masks;
    for (const double size : strata::published_sizes) {
      sizes.push_back(static_cast<std::size_t>(strata::edges_at_size(g, size)));
      masks.push_back(edge_mask::prefix(g, order, sizes.back()));
    }
    const std::vector<double> swept = model.sweep(tokens, strata::edge_strata(g, order, sizes));
    CHECK(largest_difference<double, double>(swept, run.real("metrics.logits")) <= 1e-9);
    CHECK(swept == model.sweep(tokens, strata::edge_mask_list(masks)));
  }
}

TEST_CASE("a prompt longer than the blocks of attention, heads of every kind of width, weights that stay in the file") {
  const std::string bundled = STRATA_SOURCE_DIR "/examples/model";
  for (const std::string& folder : {bundled, goldens::model_folder("gpt_neox"), goldens::model_folder("mistral"),
                                    goldens::model_folder("gemma3_text")}) {
    CAPTURE(folder);
    const auto model = decoder<double>::load(folder);
    const std::size_t count = std::min<std::size_t>(model.shape().context, 100);
    std::vector<int> tokens(count);
    for (std::size_t t = 0; t < count; ++t) tokens[t] = static_cast<int>((37 * t + 11) % 97);
    const strata::graph g(model.shape(), count);
    std::vector<edge_mask> masks = masks_of(g, 2);
    for (edge_mask& mask : masks)  // without them most nodes of a long prompt are near 0, and rounding would be seen
      for (strata::edge_id e = 0; e < g.edge_count(); ++e)
        if (g.at(e).kind == strata::edge_kind::residual || g.at(e).kind == strata::edge_kind::mlp_residual)
          mask.insert(e);
    const std::vector<double> expected = one_by_one<double>(model, tokens, masks, attention_mask::after_softmax);
    const auto swept = model.sweep(tokens, strata::edge_mask_list(masks));
    CHECK(largest_difference<double, double>(swept, expected) <= 1e-10);
    const auto mapped = decoder<double>::load(folder, {.max_memory = 0});
    CHECK(mapped.sweep(tokens, strata::edge_mask_list(masks)) == swept);
    CHECK(strata::run(mapped, tokens) == strata::run(model, tokens));
  }
}

TEST_CASE("the same bits for any number of threads: sweep, plain run and recorded run") {
#if defined(STRATA_USE_OPENMP)
  const std::string bundled = STRATA_SOURCE_DIR "/examples/model";  // large enough for products that are cut
  for (const std::string& folder : {goldens::model_folder("gpt_neox"), goldens::model_folder("olmo2_bias"), bundled}) {
    CAPTURE(folder);
    const auto one = decoder<float>::load(folder), three = decoder<float>::load(folder, {.threads = 3});
    std::vector<int> tokens(folder == bundled ? 100 : 40);
    for (std::size_t t = 0; t < tokens.size(); ++t) tokens[t] = static_cast<int>((37 * t + 11) % 97);
    const strata::graph g(one.shape(), tokens.size());
    const std::vector<edge_mask> masks = masks_of(g, 3);
    CHECK(one.sweep(tokens, strata::edge_mask_list(masks)) == three.sweep(tokens, strata::edge_mask_list(masks)));
    CHECK(strata::run(one, tokens) == strata::run(three, tokens));
    strata::recorder<float> a(g), b(g, strata::l1(), 1e-4, 3);
    CHECK(strata::run(one, tokens, a) == strata::run(three, tokens, b));
    CHECK(std::equal(a.scores().begin(), a.scores().end(), b.scores().begin()));
  }
#endif
}

TEST_CASE("a sweep tells how far it is, and can be stopped") {
  const auto model = decoder<float>::load(goldens::model_folder("llama"));
  const auto tokens = goldens::run("llama").integer("tokens");
  const std::vector<edge_mask> masks(1, edge_mask::all(strata::graph(model.shape(), tokens.size())));
  std::vector<std::size_t> told;
  static_cast<void>(model.sweep(tokens, strata::edge_mask_list(masks), attention_mask::after_softmax,
                                [&](std::size_t done, std::size_t total) {
                                  CHECK(total == model.shape().layers);
                                  told.push_back(done);
                                }));
  REQUIRE(told.size() == model.shape().layers);
  for (std::size_t l = 0; l < told.size(); ++l) CHECK(told[l] == l);
  CHECK_THROWS_AS(static_cast<void>(model.sweep(tokens, strata::edge_mask_list(masks), attention_mask::after_softmax,
                                                [](std::size_t, std::size_t) { throw strata::cancelled("stop"); })),
                  strata::cancelled);
}
