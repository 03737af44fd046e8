/// The merges of a vocabulary that has a score for each token and no list of merges, as SentencePiece has it: two
/// neighbours become one token if their texts together are a token; the pair with the highest score comes first, of
/// equal scores the leftmost.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/text/bpe.hpp"
#include "strata/text/merge_table.hpp"
#include "strata/text/utf8.hpp"

namespace strata {

/// Longest token that may be merged, in bytes; bounds the ways in which it can be cut.
inline constexpr std::size_t longest_merged_token = 256;

/// Shape:    scores: (vocabulary).
/// Requires: ids of `tokens` within scores; no NaN.
/// Throws:   strata::data_error if a token is too long, or if there are far more ways to merge than tokens.
/// Cost:     each token is cut at each of its characters: a few seconds for a hundred million bytes.
[[nodiscard]] inline merge_table merges_by_score(const token_index& tokens, std::span<const float> scores) {
  constexpr std::size_t most_for_each_token = 64;
  std::vector<float> ranked;
  for (const auto& [token, id] : tokens) ranked.push_back(scores[static_cast<std::size_t>(id)]);
  std::sort(ranked.begin(), ranked.end(), std::greater<>());
  ranked.erase(std::unique(ranked.begin(), ranked.end()), ranked.end());

  std::vector<bpe_merge> merges;
  std::vector<std::int32_t> ranks;  // equal for equal scores
  for (const auto& [text, id] : tokens) {
    const std::string_view token = text;
    if (token.size() > longest_merged_token)
      raise<data_error>("token ", id, " has ", token.size(), " bytes, expected at most ", longest_merged_token);
    const float score = scores[static_cast<std::size_t>(id)];
    const auto rank = std::lower_bound(ranked.begin(), ranked.end(), score, std::greater<>()) - ranked.begin();
    for (std::size_t cut = 0; cut < token.size();) {
      static_cast<void>(next_code_point(token, cut));
      const auto left = tokens.find(token.substr(0, cut));
      if (left == tokens.end() || cut == token.size()) continue;
      const auto right = tokens.find(token.substr(cut));
      if (right == tokens.end()) continue;
      merges.push_back({left->second, right->second, id});
      ranks.push_back(static_cast<std::int32_t>(rank));
    }
    if (merges.size() > most_for_each_token * tokens.size())
      raise<data_error>("the vocabulary has more than ", most_for_each_token, " ways to merge for each of its tokens");
  }
  return merge_table(merges, ranks);
}

}  // namespace strata
