// Loading a model against writing as much fresh memory, and a plain forward pass against the matrix products in it; one
// core. Needs the model of examples/get_smollm2.sh, or another whose path is in STRATA_BENCH_MODEL.
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "interleaved.hpp"
#include "strata/detail/product.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/recorder.hpp"

namespace {

std::string model_path() {
  const char* const named = std::getenv("STRATA_BENCH_MODEL");
  return named != nullptr ? named : STRATA_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

bool there(const std::string& path) {
  if (std::filesystem::exists(path)) return true;
  std::printf("%s is not there: sh examples/get_smollm2.sh fetches it\n", path.c_str());
  return false;
}

strata::matrix<float> random_matrix(std::size_t rows, std::size_t cols) {
  static std::minstd_rand random(1);
  strata::matrix<float> m(rows, cols);
  for (float& v : m.values()) v = static_cast<float>(random() % 2001) / 1000 - 1;
  return m;
}

// The products of a plain pass, each weight with memory of its own.
class products {
 public:
  products(const strata::decoder_config& config, std::size_t tokens) : config_(config), tokens_(tokens) {
    const std::size_t queries = config.heads * config.head_width;
    for (std::size_t l = 0; l < config.layers; ++l) {
      layer& w = layers_.emplace_back();
      w.qkv = random_matrix(queries + 2 * config.kv_heads * config.head_width, config.width);
      w.output = random_matrix(config.width, queries);
      w.gate_up = random_matrix((config.gated ? 2 : 1) * config.mlp_width, config.width);
      w.down = random_matrix(config.width, config.mlp_width);
    }
    unembedding_ = random_matrix(config.vocabulary, config.width);
    x_ = random_matrix(tokens, std::max({config.width, queries, config.mlp_width}));
    heads_ = random_matrix(tokens, config.head_width);
    weights_ = random_matrix(tokens, tokens);
  }

  float run() {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const std::size_t rows = l + 1 == layers_.size() ? 1 : tokens_;
      const std::size_t queries = config_.heads * config_.head_width;
      const strata::matrix_view<const float> qkv = layers_[l].qkv.view();
      if (rows == tokens_) {
        times(rows, qkv);
      } else {
        times(rows, qkv.row_range(0, queries));
        times(tokens_, qkv.row_range(queries, qkv.rows - queries));
      }
      strata::matrix<float> mixed;
      mixed.resize_uninitialised(rows, config_.head_width);
      for (std::size_t head = 0; head < config_.heads; ++head) {
        const strata::matrix_view<float> weights = weights_.view().row_range(0, rows);
        strata::detail::product<float>(heads_.view().row_range(0, rows), heads_.view().transposed(), weights);
        strata::detail::product<float>(weights, heads_, mixed);
      }
      times(rows, layers_[l].output);
      times(rows, layers_[l].gate_up);
      times(rows, layers_[l].down);
    }
    times(1, unembedding_);
    return y_.data()[0];
  }

 private:
  void times(std::size_t rows, strata::matrix_view<const float> w) {
    y_.resize_uninitialised(rows, w.rows);
    strata::detail::product<float>(x_.view().row_range(0, rows).col_range(0, w.cols), w.transposed(), y_);
  }

  struct layer {
    strata::matrix<float> qkv, output, gate_up, down;
  };
  strata::decoder_config config_;
  std::size_t tokens_;
  std::vector<layer> layers_;
  strata::matrix<float> unembedding_, x_, heads_, weights_, y_;
};

}  // namespace

TEST_CASE("loading against writing fresh memory", "[load]") {
  const std::string path = model_path();
  if (!there(path)) return;
  const std::size_t bytes = strata::decoder<float>::load(path).parameters() * sizeof(float);
  std::size_t parameters = 0;
  const auto times = bench::in_turn(11, {[&] {
                                           const auto fresh = std::make_unique_for_overwrite<char[]>(bytes);
                                           std::memset(fresh.get(), 1, bytes);
                                           CHECK(fresh[bytes / 2] == 1);
                                         },
                                         [&] { parameters = strata::decoder<float>::load(path).parameters(); }});
  const bench::spread ratio = bench::ratio(times[1], times[0]);
  std::printf("writing %.0f MB %8.2f ms, loading %8.2f ms, ratio %.3f (%.3f to %.3f)\n",
              static_cast<double>(bytes) / 1e6, 1e3 * bench::spread_of(times[0]).median,
              1e3 * bench::spread_of(times[1]).median, ratio.median, ratio.low, ratio.high);
  CHECK(parameters * sizeof(float) == bytes);
}

TEST_CASE("a plain pass against its matrix products, and a recorded one against the plain one", "[forward]") {
  const std::string path = model_path();
  if (!there(path)) return;
  const auto model = strata::decoder<float>::load(path);
  const auto mapped = strata::decoder<float>::load(path, {.max_memory = 0});
  for (const std::size_t count : {std::size_t{40}, std::size_t{128}}) {
    std::vector<strata::token_id> tokens(count);
    for (std::size_t t = 0; t < count; ++t)
      tokens[t] = static_cast<strata::token_id>((37 * t + 11) % model.shape().vocabulary);
    const strata::graph edges(model.shape(), count);
    products list(model.config(), count);
    float sum = 0;
    std::vector<float> plain_logits, recorded_logits, mapped_logits;
    const auto forward = [&](const auto& pass, auto hooks, std::vector<float>& logits) {
      logits = pass.forward(tokens, hooks);
    };
    const auto times =
        bench::in_turn(9, {[&] { sum += list.run(); }, [&] { forward(model, strata::no_hooks<float>(), plain_logits); },
                           [&] { forward(model, strata::recorder<float>(edges), recorded_logits); },
                           [&] { forward(mapped, strata::no_hooks<float>(), mapped_logits); }});
    const auto line = [&](const char* what, std::size_t a, std::size_t b) {
      const bench::spread ratio = bench::ratio(times[a], times[b]);
      std::printf("%4zu tokens: %-44s %8.2f / %8.2f ms, ratio %.3f (%.3f to %.3f)\n", count, what,
                  1e3 * bench::spread_of(times[a]).median, 1e3 * bench::spread_of(times[b]).median, ratio.median,
                  ratio.low, ratio.high);
    };
    line("plain pass / its products", 1, 0);
    line("recorded pass / plain pass", 2, 1);
    line("plain pass, layers expanded in turn / plain", 3, 1);
    CHECK(sum != 0);
    CHECK(plain_logits == recorded_logits);
    CHECK(plain_logits == mapped_logits);
  }
}
