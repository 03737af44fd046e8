/// Vocabulary, added tokens and merges of a tokenizer.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "strata/text/added_tokens.hpp"
#include "strata/text/json_place.hpp"
#include "strata/text/merge_table.hpp"
#include "strata/text/token_spelling.hpp"
#include "strata/text/tokenizer_parts.hpp"

namespace strata::detail {

/// Reads the keys "added_tokens", "model.vocab" and "model.merges"; ids must be 0 … vocabulary − 1, each once.
class vocabulary_json {
 public:
  /// Requires: `root` outlives the reader.
  vocabulary_json(const json_place& root, token_spelling spelling)
      : spelling_(spelling),
        vocab_(root["model"]["vocab"]),
        added_(root.find("added_tokens")),
        merges_(root["model"]["merges"]) {}

  /// The id of a token as model.vocab writes it, once it is read.
  [[nodiscard]] std::optional<std::int32_t> find(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }

  /// Fills pieces, added, model.ids and model.merges.
  void read(tokenizer_parts& parts) {
    if (vocab_.object().empty()) vocab_.refuse("at least one token");
    const std::size_t added = added_.is_null() ? 0 : added_.list().size();
    std::vector<std::string> contents;
    contents.reserve(added);
    std::size_t count = vocab_.object().size();
    for (std::size_t i = 0; i < added; ++i) {
      contents.push_back(added_.element(i)["content"].text());
      if (!vocab_.object().contains(contents.back())) ++count;
    }
    if (count > std::numeric_limits<std::int32_t>::max()) vocab_.refuse("fewer tokens");
    parts.pieces.assign(count, {});
    taken_.assign(count, false);
    read_vocab(parts);
    for (std::size_t i = 0; i < added; ++i) read_added(added_.element(i), parts);
    read_merges(parts);
  }

 private:
  void read_vocab(tokenizer_parts& parts) {
    ids_.reserve(vocab_.size());
    parts.model.ids.reserve(vocab_.size());
    for (const auto& [token, value] : vocab_.object()) {
      const bool is_id = value.is_number_unsigned() && value.get<std::uint64_t>() < taken_.size();
      const std::size_t id = is_id ? value.get<std::size_t>() : 0;
      if (!is_id || taken_[id])
        vocab_.complain("token ", describe(nlohmann::json(token)), " has the id ", describe(value),
                        is_id ? ", which another token has too" : "", ", expected 0 … ", taken_.size() - 1,
                        ", each once");
      taken_[id] = true;
      ids_.emplace(token, static_cast<std::int32_t>(id));
      auto bytes = spelling_.bytes_of(token);
      // how the token stands in a word: words of text keep the marks of their spaces
      const auto& symbol = spelling_.byte_level ? bytes.value_or("") : token;
      if (!symbol.empty()) parts.model.ids.emplace(symbol, static_cast<std::int32_t>(id));
      if (bytes)
        parts.pieces[id] = std::move(*bytes);
      else
        parts.pieces[id] = token;
    }
  }

  void read_added(const json_place& place, tokenizer_parts& parts) {
    place.allow_keys({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    added_token token;
    token.content = place["content"].text();
    token.id = place["id"].index_below(taken_.size());
    token.special = place["special"].truth();
    token.normalized = place["normalized"].truth();
    token.single_word = place["single_word"].truth();
    token.lstrip = place["lstrip"].truth();
    token.rstrip = place["rstrip"].truth();
    if (token.content.empty() || token.content.size() > added_token_matcher::longest_content)
      place["content"].refuse("1 … ", added_token_matcher::longest_content, " bytes");
    if (!contents_.insert(token.content).second) place["content"].refuse("a content that no other added token has");

    const auto id = static_cast<std::size_t>(token.id);
    const auto known = ids_.find(token.content);
    if (known != ids_.end() && known->second != token.id)
      place["id"].refuse(known->second, ", the id of ", describe(place["content"].value()), " in model.vocab");
    if (known == ids_.end() && taken_[id]) place["id"].refuse("an id that no other token has");
    taken_[id] = true;
    parts.pieces[id] = spelling_.byte_level ? token.content : spelling_.bytes_of(token.content).value_or("");
    parts.added.push_back(std::move(token));
  }

  void read_merges(tokenizer_parts& parts) const {
    std::vector<bpe_merge> merges;
    merges.reserve(merges_.list().size());
    std::string joined;
    for (std::size_t i = 0; i < merges_.list().size(); ++i) {
      const auto& value = merges_.list()[i];
      if (i == 0 && value.is_string() && value.get_ref<const std::string&>().starts_with("#version")) continue;
      const auto pair = pair_of(value);
      if (!pair) merges_.element(i).refuse("two tokens: \"a b\" or [\"a\", \"b\"]");
      joined.assign(pair->first).append(pair->second);
      merges.push_back({id_of(pair->first, i), id_of(pair->second, i), id_of(joined, i)});
    }
    parts.model.merges = merge_table(merges);
  }

  static std::optional<std::pair<std::string_view, std::string_view>> pair_of(const nlohmann::json& value) {
    if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string())
      return std::pair<std::string_view, std::string_view>(value[0].get_ref<const std::string&>(),
                                                           value[1].get_ref<const std::string&>());
    if (!value.is_string()) return std::nullopt;
    const std::string_view line = value.get_ref<const std::string&>();
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) return std::nullopt;
    return std::pair(line.substr(0, space), line.substr(space + 1));
  }

  [[nodiscard]] std::int32_t id_of(std::string_view token, std::size_t index) const {
    const auto found = ids_.find(token);
    if (found == ids_.end())
      merges_.element(index).complain("token ", describe(nlohmann::json(std::string(token))), " is not in model.vocab");
    return found->second;
  }

  token_spelling spelling_;
  json_place vocab_;
  json_place added_;
  json_place merges_;
  std::vector<bool> taken_;                                 // (vocabulary)
  std::unordered_map<std::string_view, std::int32_t> ids_;  // as written in the file
  std::unordered_set<std::string> contents_;                // of the added tokens
};

}  // namespace strata::detail
