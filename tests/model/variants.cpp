// Settings that the golden models do not have: tests/data/variants, whose README says what each model is for.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "strata/model/decoder.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/score/check_forward_pass.hpp"

namespace variants_test {

namespace {

struct prompt {
  std::vector<int> tokens;
  std::vector<double> logits;
};

std::vector<prompt> prompts_of(const std::filesystem::path& folder) {
  const strata::safetensors_file run(folder / "run.safetensors");
  std::vector<prompt> prompts;
  for (const std::string end : {"", ".short", ".long"}) {
    if (!run.contains("tokens" + end)) continue;
    prompt& p = prompts.emplace_back();
    const strata::tensor_view& tokens = run.tensor("tokens" + end);
    const strata::tensor_view& logits = run.tensor("logits" + end);
    p.tokens.resize(tokens.elements());
    p.logits.resize(logits.elements());
    strata::expand(tokens, std::span<int>(p.tokens));
    strata::expand(logits, std::span<double>(p.logits));
  }
  return prompts;
}

template <class T>
double largest_difference(std::span<const T> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double m = 0;
  for (std::size_t i = 0; i < a.size(); ++i) m = std::max(m, std::abs(static_cast<double>(a[i]) - b[i]));
  return m;
}

}  // namespace

TEST_CASE("variants: logits at all positions as in the reference runs, without a warning") {
  std::size_t models = 0, prompts = 0;
  for (const auto& entry : std::filesystem::directory_iterator(STRATA_TEST_DATA "/variants")) {
    if (!entry.is_directory()) continue;
    ++models;
    CAPTURE(entry.path().filename().string());
    const auto exact = strata::decoder<double>::load(entry.path());
    const auto narrow = strata::decoder<float>::load(entry.path());
    for (const std::string& warning : exact.config().warnings) FAIL_CHECK(warning);
    for (const prompt& p : prompts_of(entry.path())) {
      ++prompts;
      CAPTURE(p.tokens.size());
      CHECK(largest_difference<double>(exact.logits(p.tokens).values(), p.logits) <= 1e-9);
      CHECK(largest_difference<float>(narrow.logits(p.tokens).values(), p.logits) <= 1e-4);
      CHECK(strata::check_forward_pass(narrow, std::span<const int>(p.tokens)).self_check_error < 3e-6);
    }
  }
  CHECK(models == 16);
  CHECK(prompts == 19);
}

}  // namespace variants_test
