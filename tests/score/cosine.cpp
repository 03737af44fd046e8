#include "strata/score/cosine.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <span>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/forward/run.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/recorder.hpp"
#include "support/goldens.hpp"

namespace {

using strata::matrix;

// Equal tokens at some places of a prompt whose length and the model's widths are no multiples of a product's blocks.
template <class T>
void check_ties_in_layer_0(const strata::decoder<T>& model, std::size_t count) {
  std::vector<strata::token_id> tokens(count);
  for (std::size_t t = 0; t < count; ++t) tokens[t] = static_cast<strata::token_id>(t % 3 == 1 ? 7 : 10 + t);
  const strata::graph g(model.shape(), count);
  strata::recorder<T, strata::cosine> record(g);
  static_cast<void>(strata::run(model, tokens, record));
  for (std::size_t h = 0; h < g.heads(); ++h) {
    const strata::node last{1, count - 1};
    const T first = record.scores()[g.attention_edge(last, 1, h)];
    for (std::size_t s = 4; s < count; s += 3) CHECK(record.scores()[g.attention_edge(last, s, h)] == first);
    CHECK(record.scores()[g.attention_edge(last, 0, h)] != first);
  }
}

}  // namespace

TEST_CASE("equal tokens tie exactly in layer 0 of a model without learned positions") {
  for (const std::size_t count : {5U, 11U, 31U, 45U}) {
    CAPTURE(count);
    check_ties_in_layer_0(strata::decoder<float>::load(goldens::model_folder("llama")), count);
    check_ties_in_layer_0(strata::decoder<double>::load(goldens::model_folder("qwen3")), count);
    check_ties_in_layer_0(strata::decoder<float>::load(STRATA_SOURCE_DIR "/examples/model"), count);
  }
}

TEST_CASE("equal vectors tie exactly wherever they stand, and with each weight but 0") {
  for (const std::size_t sources : {2U, 5U, 13U, 50U})
    for (const std::size_t width : {1U, 5U, 37U, 64U, 129U}) {
      CAPTURE(sources);
      CAPTURE(width);
      std::mt19937 random(static_cast<unsigned>(width));
      const auto fill = [&](std::span<float> v) {
        for (float& x : v) x = static_cast<float>(std::normal_distribution<double>()(random));
      };
      matrix<float> weights(3, sources), vectors(sources, width), nodes(3, width), scores(3, sources);
      fill(vectors.values());
      fill(nodes.values());
      for (float& w : weights.values()) w = 0.1F + static_cast<float>(random() % 100);
      for (std::size_t s = 2; s < sources; s += 2)
        for (std::size_t j = 0; j < width; ++j) vectors(s, j) = vectors(0, j);
      weights(1, sources - 1) = 0;
      const std::vector<float> scales(3, 2.0F);
      strata::cosine{}.attention<float>({weights, scales, vectors, nodes}, scores);
      for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t s = 2; s + 1 < sources; s += 2) CHECK(scores(i, s) == scores(i, 0));
      CHECK(scores(1, sources - 1) == 0.5F);
    }
}

TEST_CASE("zero vectors, parallel and opposite ones") {
  const std::vector<float> x{1, 2, 2}, zero(3), opposite{-2, -4, -4}, tiny{1e-30F, 2e-30F, 2e-30F};
  const strata::cosine rule;
  const auto score = [&](const std::vector<float>& c, const std::vector<float>& node) {
    return rule.single(std::span<const float>(c), std::span<const float>(node));
  };
  CHECK(score(x, x) == 1);
  CHECK(score(opposite, x) == 0);
  CHECK(score(zero, x) == 0.5F);
  CHECK(score(x, zero) == 0.5F);
  CHECK(score(tiny, x) == doctest::Approx(1).epsilon(1e-6));  // its squares are no floats
}
