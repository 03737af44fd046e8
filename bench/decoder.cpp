// Loading a model against writing as much fresh memory, and a pass that expands its weights layer by layer against one
// whose weights are expanded; one core. Needs the model of examples/get_smollm2.sh, or another whose path is in
// STRATA_BENCH_MODEL.
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "interleaved.hpp"
#include "strata/forward/run.hpp"
#include "strata/model/decoder.hpp"

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

TEST_CASE("layers expanded in turn against weights that are expanded already", "[forward]") {
  const std::string path = model_path();
  if (!there(path)) return;
  const auto model = strata::decoder<float>::load(path);
  const auto mapped = strata::decoder<float>::load(path, {.max_memory = 0});
  for (const std::size_t count : {std::size_t{40}, std::size_t{128}}) {
    std::vector<strata::token_id> tokens(count);
    for (std::size_t t = 0; t < count; ++t)
      tokens[t] = static_cast<strata::token_id>((37 * t + 11) % model.shape().vocabulary);
    std::vector<float> plain_logits, mapped_logits;
    const auto times = bench::in_turn(
        9, {[&] { plain_logits = strata::run(model, tokens); }, [&] { mapped_logits = strata::run(mapped, tokens); }});
    const bench::spread ratio = bench::ratio(times[1], times[0]);
    std::printf(
        "%4zu tokens: plain pass, layers expanded in turn / plain %8.2f / %8.2f ms, ratio %.3f (%.3f to %.3f)\n", count,
        1e3 * bench::spread_of(times[1]).median, 1e3 * bench::spread_of(times[0]).median, ratio.median, ratio.low,
        ratio.high);
    CHECK(plain_logits == mapped_logits);
  }
}
