// A real model: SmolLM2-135M-Instruct from its Q4_1 GGUF file, against runs in double precision that were made without
// this library. Needs models/ (examples/get_smollm2.sh) and the runs, which are not part of the project.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "strata/model/decoder.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/score/check_forward_pass.hpp"
#include "strata/trace.hpp"

namespace smollm2_test {

namespace {

const std::string model_file = STRATA_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
const std::string runs_file = STRATA_SOURCE_DIR "/../shared/goldens/smollm2.safetensors";

// The runs, or nullptr with a sentence that says what is not tested.
std::unique_ptr<strata::safetensors_file> runs() {
  for (const std::string& file : {model_file, runs_file})
    if (!std::filesystem::exists(file)) {
      MESSAGE("skipped: " << file << " is not there (sh examples/get_smollm2.sh fetches the model)");
      return nullptr;
    }
  return std::make_unique<strata::safetensors_file>(runs_file);
}

template <class T>
std::vector<T> values(const strata::safetensors_file& file, const std::string& name) {
  const strata::tensor_view& tensor = file.tensor(name);
  std::vector<T> out(tensor.elements());
  strata::expand(tensor, std::span<T>(out));
  return out;
}

template <class T>
double largest_difference(std::span<const T> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double m = 0;
  for (std::size_t i = 0; i < a.size(); ++i) m = std::max(m, std::abs(static_cast<double>(a[i]) - b[i]));
  return m;
}

template <class T>
void compare_logits(const strata::safetensors_file& file, double bound) {
  const auto model = strata::decoder<T>::load(model_file);
  CHECK(model.config().warnings.empty());
  CHECK(model.parameters() == 134515008);
  double worst = 0;
  for (int i = 0; i < 8; ++i) {
    const std::string prefix = std::to_string(i) + ".";
    const auto tokens = values<int>(file, prefix + "tokens");
    const auto logits = strata::run(model, std::span<const int>(tokens));
    worst = std::max(worst, largest_difference<T>(logits, values<double>(file, prefix + "logits")));
  }
  MESSAGE("largest difference of a logit: " << worst);
  CHECK(worst <= bound);
}

}  // namespace

TEST_CASE("next-token logits of eight prompts, in float") {
  if (const auto file = runs()) compare_logits<float>(*file, 2e-3);
}

TEST_CASE("next-token logits of eight prompts, in double: the runs are stored as float") {
  if (const auto file = runs()) compare_logits<double>(*file, 2e-6);
}

TEST_CASE("traces of three prompts: order and curves") {
  const auto file = runs();
  if (!file) return;
  const auto model = strata::decoder<float>::load(model_file);
  for (const int i : {1, 2, 3}) {
    CAPTURE(i);
    const std::string prefix = std::to_string(i) + ".trace.";
    const auto tokens = values<int>(*file, prefix + "tokens");
    strata::trace_options options;
    options.target = values<int>(*file, prefix + "target")[0];
    const auto trace = strata::trace(model, std::span<const int>(tokens), options);
    const auto expected = values<int>(*file, prefix + "order");
    REQUIRE(trace.order.size() == expected.size());
    const auto edges = values<int>(*file, prefix + "edges");
    for (const int count : edges) {
      std::set<strata::edge_id> mine, theirs;
      for (int k = 0; k < count; ++k) {
        mine.insert(trace.order[static_cast<std::size_t>(k)]);
        theirs.insert(static_cast<strata::edge_id>(expected[static_cast<std::size_t>(k)]));
      }
      std::size_t shared = 0;
      for (const strata::edge_id e : mine) shared += theirs.count(e);
      CAPTURE(count);
      CHECK(static_cast<double>(shared) >= 0.998 * count);
    }
    const auto compare = [&](const char* name, auto measured) {
      const auto reference = values<double>(*file, prefix + name);
      REQUIRE(reference.size() == trace.curve.size());
      for (std::size_t k = 0; k < reference.size(); ++k) {
        CAPTURE(name);
        CAPTURE(k);
        CHECK(std::abs(measured(trace.curve[k]) - reference[k]) <= 2e-3);
      }
    };
    compare("kl", [](const auto& p) { return p.measured.kl; });
    compare("tv", [](const auto& p) { return p.measured.total_variation; });
    compare("jsd", [](const auto& p) { return p.measured.jensen_shannon; });
    compare("entropy", [](const auto& p) { return p.measured.entropy; });
    compare("cross_entropy", [](const auto& p) { return *p.measured.cross_entropy; });
    const auto top1 = values<int>(*file, prefix + "top1");
    for (std::size_t k = 0; k < top1.size(); ++k) CHECK(trace.curve[k].measured.top1 == (top1[k] == 1));
  }
}

TEST_CASE("a text in pieces, with cached keys and values: the logits of the whole text") {
  const auto file = runs();
  if (!file) return;
  const auto model = strata::decoder<float>::load(model_file);
  const auto tokens = values<int>(*file, "2.tokens");
  auto cached = model.cached_run();
  std::vector<float> logits = cached.append(std::span<const int>(tokens).first(tokens.size() / 2));
  for (std::size_t i = tokens.size() / 2; i < tokens.size(); ++i) logits = cached.append(std::span(&tokens[i], 1));
  const auto expected = values<double>(*file, "2.logits");
  MESSAGE("largest difference of a logit: " << largest_difference<float>(logits, expected));
  CHECK(largest_difference<float>(logits, expected) <= 2e-3);
}

}  // namespace smollm2_test
