#include "strata/score/long_recorder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "strata/forward/run.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/recorder.hpp"
#include "support/goldens.hpp"

namespace {

using strata::matrix_view;

// Hands a run to both recorders, each with rows of its own.
template <class T>
void check_same_scores(const strata::decoder<T>& model, std::span<const strata::token_id> tokens, std::size_t threads) {
  const strata::graph g(model.shape(), tokens.size());
  strata::recorder<T> stored(g);
  strata::long_recorder<T> recomputed(g, {}, 1e-4, threads);
  CHECK(strata::run(model, tokens, stored) == strata::run(model, tokens, recomputed));
  REQUIRE(recomputed.finished());
  CHECK(stored.largest_error() == recomputed.largest_error());
  for (std::size_t level = g.levels(); level > 0; --level)
    for (std::size_t t = 0; t < g.tokens(); ++t) {
      const strata::node n{level, t};
      if (!g.reaches_output(n)) continue;
      const std::span<const T> scores = recomputed.scores_of(n);
      const std::span<const T> expected = stored.scores().subspan(g.first_edge(n), g.edge_count(n));
      REQUIRE(std::equal(scores.begin(), scores.end(), expected.begin(), expected.end()));
    }
}

// Takes the weights that attend gets, and the sources.
template <class T>
struct kept_weights : strata::no_hooks<T> {
  std::vector<strata::matrix<T>> blocks;
  std::vector<std::size_t> layers, heads, rows;
  std::vector<std::shared_ptr<const strata::attention_source<T>>> sources;
  bool asks = true;

  [[nodiscard]] bool wants_attention_source() const { return asks; }
  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<T> weights) {
    blocks.emplace_back(matrix_view<const T>(weights));
    layers.push_back(layer), heads.push_back(head), rows.push_back(row0);
  }
  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const strata::attention_parts<T>& parts,
                      strata::row_list list = {}) {
    sources.push_back(parts.source);
    strata::no_hooks<T>::join_attention(layer, x, out, parts, list);
  }
};

std::vector<strata::token_id> long_prompt(std::size_t tokens, std::size_t vocabulary) {
  std::vector<strata::token_id> prompt;
  for (std::size_t i = 0; i < tokens; ++i)
    prompt.push_back(static_cast<strata::token_id>((i * i * 31 + 7 * i + 3) % vocabulary));
  return prompt;
}

// Calls of a plug-in, with a source that may be wrong.
struct fixed_source : strata::attention_source<float> {
  explicit fixed_source(strata::matrix<float> all) : values(std::move(all)) {}
  void weights(std::size_t /*head*/, std::size_t row0, matrix_view<float> to) const override {
    for (std::size_t i = 0; i < to.rows; ++i)
      for (std::size_t s = 0; s < to.cols; ++s) to(i, s) = values(row0 + i, s);
  }
  strata::matrix<float> values;
};

struct one_layer {
  strata::graph edges{1, 1, 2, strata::block_kind::sequential};
  strata::matrix<float> x{2, 2}, out{2, 2}, weights{2, 2}, values{2, 2}, output{2, 2};

  one_layer() {
    for (float& v : x.values()) v = 1;
    weights(0, 0) = 1, weights(1, 0) = 0.25F, weights(1, 1) = 0.75F;
  }
  void run(std::shared_ptr<const strata::attention_source<float>> source) {
    strata::long_recorder<float> recorder(edges);
    recorder.attend(0, 0, 0, weights);
    recorder.join_attention(0, x, out, {values, output, {}, nullptr, std::move(source)});
  }
};

}  // namespace

TEST_CASE("every golden model: the scores of every node have the bits of a recorder's") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto tokens = goldens::run(name).integer("tokens");
    check_same_scores(strata::decoder<double>::load(goldens::model_folder(name)), tokens, 1);
    check_same_scores(strata::decoder<float>::load(goldens::model_folder(name)), tokens, 1);
  }
}

TEST_CASE("a prompt of several blocks of rows: the same bits") {
  const auto model = strata::decoder<float>::load(STRATA_SOURCE_DIR "/examples/model");
  check_same_scores(model, long_prompt(150, model.shape().vocabulary), 1);
#if defined(STRATA_USE_OPENMP)
  check_same_scores(model, long_prompt(150, model.shape().vocabulary), 3);
#endif
}

TEST_CASE("the decoder's source gives the weights of attend again, for any block of rows, after the run") {
  const auto model = strata::decoder<float>::load(STRATA_SOURCE_DIR "/examples/model");
  const auto prompt = long_prompt(100, model.shape().vocabulary);
  kept_weights<float> kept;
  static_cast<void>(strata::run(model, prompt, kept));
  REQUIRE(kept.sources.size() == model.shape().layers);
  for (std::size_t i = 0; i < kept.blocks.size(); ++i) {
    const strata::matrix<float>& block = kept.blocks[i];
    for (const std::size_t rows : {std::size_t{1}, std::size_t{3}, block.rows()})
      for (std::size_t first = 0; first + rows <= block.rows(); first += rows) {
        strata::matrix<float> again(rows, kept.rows[i] + first + rows);
        kept.sources[kept.layers[i]]->weights(kept.heads[i], kept.rows[i] + first, again.view());
        for (std::size_t r = 0; r < rows; ++r)
          REQUIRE(std::equal(again.row(r).begin(), again.row(r).end(), block.row(first + r).begin()));
      }
  }
  kept_weights<float> does_not_ask;
  does_not_ask.asks = false;
  static_cast<void>(strata::run(model, prompt, does_not_ask));
  for (const auto& source : does_not_ask.sources) CHECK(source == nullptr);
}

TEST_CASE("a pass without a source, and one whose source gives other weights, are refused") {
  one_layer right;
  CHECK_NOTHROW(right.run(std::make_shared<fixed_source>(right.weights)));
  CHECK_THROWS_WITH_AS(one_layer().run(nullptr),
                       "layer 0: attention_parts have no source; a long prompt's weights are not stored",
                       strata::contract_error);
  strata::matrix<float> other = right.weights;
  other(1, 1) = std::nextafter(0.75F, 1.0F);
  CHECK_THROWS_WITH_AS(one_layer().run(std::make_shared<fixed_source>(other)),
                       "layer 0, token 1, head 0: the attention source gives other weights than attend got",
                       strata::contract_error);
}
