#include "strata/model/cached_run.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "strata/forward/run.hpp"
#include "strata/model/decoder.hpp"
#include "support/goldens.hpp"

using strata::decoder;
using ids = std::vector<strata::token_id>;

namespace {

// Largest difference of the logits of a text that comes in pieces from those of the whole text, after each piece.
template <class T>
double error_of_pieces(const decoder<T>& model, std::span<const strata::token_id> text, std::size_t piece) {
  auto run = model.cached_run();
  double worst = 0;
  for (std::size_t first = 0; first < text.size(); first += piece) {
    const auto some = text.subspan(first, std::min(piece, text.size() - first));
    const std::vector<T> logits = run.append(some);
    const std::vector<T> whole = strata::run(model, text.first(first + some.size()));
    REQUIRE(logits.size() == whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(logits[i]) - static_cast<double>(whole[i])));
  }
  CHECK(std::equal(text.begin(), text.end(), run.tokens().begin(), run.tokens().end()));
  return worst;
}

ids some_text(std::size_t length, std::size_t vocabulary) {
  ids text;
  for (std::size_t i = 0; i < length; ++i)
    text.push_back(static_cast<strata::token_id>((i * i * 7 + 3 * i + 1) % vocabulary));
  return text;
}

}  // namespace

TEST_CASE("a text in one go, token by token, and in pieces of any size: the plain run of the whole text") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const std::string folder = goldens::model_folder(name);
    const auto exact = decoder<double>::load(folder);
    const auto narrow = decoder<float>::load(folder);
    const ids text = goldens::run(name).integer("tokens");
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
      CAPTURE(piece);
      CHECK(error_of_pieces<double>(exact, text, piece) <= 1e-10);
      CHECK(error_of_pieces<float>(narrow, text, piece) <= 5e-5);
    }
    const ids longer = some_text(std::min<std::size_t>(40, exact.shape().context), exact.shape().vocabulary);
    for (const std::size_t piece : {1u, 3u, 17u}) CHECK(error_of_pieces<double>(exact, longer, piece) <= 1e-10);
  }
}

TEST_CASE("other settings: windows, and ropes whose angles follow the length, on both sides of where they change") {
  for (const auto& entry : std::filesystem::directory_iterator(STRATA_TEST_DATA "/variants")) {
    if (!entry.is_directory()) continue;
    CAPTURE(entry.path().filename().string());
    const auto model = decoder<double>::load(entry.path());
    const ids text = some_text(std::min<std::size_t>(60, model.shape().context), model.shape().vocabulary);
    for (const std::size_t piece : {1u, 7u, 60u}) CHECK(error_of_pieces<double>(model, text, piece) <= 1e-10);
  }
}

TEST_CASE("weights that are expanded layer by layer, and several threads, give the same bits") {
  for (const char* name : {"llama", "gemma3_text", "gpt2", "gpt_neox"}) {
    CAPTURE(name);
    const std::string folder = goldens::model_folder(name);
    const ids text = goldens::run(name).integer("tokens");
    const auto logits_of = [&](const strata::load_options& options) {
      const auto model = decoder<float>::load(folder, options);
      auto run = model.cached_run();
      static_cast<void>(run.append(std::span<const strata::token_id>(text).first(3)));
      return run.append(std::span<const strata::token_id>(text).subspan(3));
    };
    CHECK(logits_of({}) == logits_of({.max_memory = 0}));
#if defined(STRATA_USE_OPENMP)
    CHECK(logits_of({}) == logits_of({.threads = 3}));
#endif
  }
}

TEST_CASE("tokens that cannot be appended are refused, and leave the run as it was") {
  const auto model = decoder<double>::load(goldens::model_folder("llama"));
  auto run = model.cached_run();
  const auto refuse = [&](const ids& tokens, const char* said) {
    CHECK_THROWS_WITH_AS(static_cast<void>(run.append(tokens)), said, strata::option_error);
  };
  refuse({}, "no tokens to append; it needs at least one");
  refuse(ids(65, 1), "the prompt has 65 tokens, the model's context is 64");
  static_cast<void>(run.append(ids{5, 6, 7}));
  refuse({}, "no tokens to append; it needs at least one");
  refuse({1, 97}, "token 4 is 97, outside the vocabulary of 97");
  refuse({-1}, "token 3 is -1, outside the vocabulary of 97");
  refuse(ids(62, 1), "the prompt has 65 tokens, the model's context is 64");
  const std::vector<double> next = run.append(ids{8}), whole = strata::run(model, ids{5, 6, 7, 8});
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(next[i] == doctest::Approx(whole[i]).epsilon(1e-10));
  CHECK(run.append(ids(60, 1)).size() == 97);  // the context is full
  refuse({1}, "the prompt has 65 tokens, the model's context is 64");
}
