#include "strata/text/score_merges.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "strata/text/bpe.hpp"

namespace score_merges_test {

namespace {

using ids = std::vector<std::int32_t>;

strata::bpe_model model_of(const std::vector<std::string>& tokens, const std::vector<float>& scores) {
  strata::bpe_model model;
  for (std::size_t id = 0; id < tokens.size(); ++id) model.ids.emplace(tokens[id], static_cast<std::int32_t>(id));
  model.symbols = strata::smallest_symbol::character;
  model.merges = strata::merges_by_score(model.ids, scores);
  return model;
}

// SentencePiece's rule, word for word: of all neighbours whose texts together are a token, unite those with the highest
// score, of equal ones the leftmost; until there are none.
ids reference(const strata::bpe_model& model, const std::vector<float>& scores, const std::string& text) {
  std::vector<std::string> symbols;
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    static_cast<void>(strata::next_code_point(text, end));
    symbols.push_back(text.substr(begin, end - begin));
  }
  while (true) {
    std::size_t best = symbols.size();
    float best_score = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = model.ids.find(symbols[i] + symbols[i + 1]);
      if (found == model.ids.end()) continue;
      const float score = scores[static_cast<std::size_t>(found->second)];
      if (best != symbols.size() && score <= best_score) continue;
      best = i;
      best_score = score;
    }
    if (best == symbols.size()) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  ids out;
  for (const auto& symbol : symbols) out.push_back(model.ids.find(symbol)->second);
  return out;
}

ids encoded(const strata::bpe_model& model, const std::string& text) {
  strata::bpe_encoder encoder(model);
  ids out;
  encoder.encode(text, out);
  return out;
}

}  // namespace

TEST_CASE("the pair whose token has the highest score comes first") {
  const std::vector<std::string> tokens{"a", "é", "c", "aé", "éc", "aéc"};
  CHECK(encoded(model_of(tokens, {0, 0, 0, -1, -2, -9}), "aéc") == ids{5});
  CHECK(encoded(model_of(tokens, {0, 0, 0, -2, -1, -9}), "aéc") == ids{5});
  const std::vector<std::string> fewer{"a", "é", "c", "aé", "éc"};
  CHECK(encoded(model_of(fewer, {0, 0, 0, -1, -2}), "aéc") == ids{3, 2});
  CHECK(encoded(model_of(fewer, {0, 0, 0, -2, -1}), "aéc") == ids{0, 4});
  CHECK(encoded(model_of(fewer, {0, 0, 0, -1, -1}), "aéc") == ids{3, 2});
}

TEST_CASE("random vocabularies, with many equal scores") {
  std::mt19937 random(5);
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random()) % bound; };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> tokens{"a", "b", "é"};
    std::vector<float> scores{0, 0, 0};
    strata::token_index known{{"a", 0}, {"b", 0}, {"é", 0}};
    for (int more = 0; more < 12; ++more) {
      const std::string token = tokens[below(tokens.size())] + tokens[below(tokens.size())];
      if (!known.emplace(token, 0).second) continue;
      tokens.push_back(token);
      scores.push_back(-static_cast<float>(below(4)));
    }
    const auto model = model_of(tokens, scores);
    std::string text;
    for (std::size_t length = below(40); length > 0; --length) text += tokens[below(3)];
    CAPTURE(text);
    REQUIRE(encoded(model, text) == reference(model, scores, text));
  }
}

TEST_CASE("vocabularies that would take too long or too much memory are refused") {
  const strata::token_index longest{{std::string(257, 'a'), 0}};
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::merges_by_score(longest, std::vector<float>{0})),
                       "token 0 has 257 bytes, expected at most 256", strata::data_error);
  strata::token_index runs;
  for (int length = 1; length <= 256; ++length) runs.emplace(std::string(static_cast<std::size_t>(length), 'a'), 0);
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::merges_by_score(runs, std::vector<float>{0})),
                       "the vocabulary has more than 64 ways to merge for each of its tokens", strata::data_error);
}

}  // namespace score_merges_test
