/// Words to token ids by byte-pair encoding, whose smallest symbols are bytes or characters.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/text/merge_table.hpp"
#include "strata/text/utf8.hpp"

namespace strata {

/// Looks a std::string up by a std::string_view.
struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// Token ids by the bytes of the tokens.
using token_index = std::unordered_map<std::string, std::int32_t, text_hash, std::equal_to<>>;

enum class smallest_symbol { byte, character };

/// A vocabulary and its merges.
struct bpe_model {
  token_index ids;           // only of tokens that encoding may produce, as they stand in a word
  merge_table merges;        // over these ids
  bool whole_words = false;  // a word that is itself a token becomes that token, whatever the merges say
  smallest_symbol symbols = smallest_symbol::byte;

  // what becomes of a character that is not a token
  std::vector<std::int32_t> byte_tokens{};  // (256) the tokens of its bytes, negative where missing; or none
  std::int32_t unknown = -1;                // else this token; negative: it is refused
  bool one_unknown = false;                 // neighbouring unknown characters are one token
};

/// Encodes words with a model; keeps the words that it has seen. One thread uses one encoder.
class bpe_encoder {
 public:
  /// Requires: `model` outlives the encoder.
  explicit bpe_encoder(const bpe_model& model) : model_(&model), merge_(model.merges) {
    STRATA_ASSERT(model.byte_tokens.empty() || model.byte_tokens.size() == byte_ids_.size(),
                  "bpe_encoder: byte_tokens needs an entry for each byte");
    for (std::size_t b = 0; b < byte_ids_.size(); ++b) {
      const char byte = static_cast<char>(b);
      const auto found = model.ids.find(std::string_view(&byte, 1));
      byte_ids_[b] = found == model.ids.end() ? -1 : found->second;
    }
  }

  /// Appends the ids of one word, as the pre-tokenizer cuts it.
  /// Requires: valid UTF-8 if the symbols are characters.
  /// Throws:   strata::data_error if the vocabulary lacks a byte or a character of the word and has no substitute.
  void encode(std::string_view word, std::vector<std::int32_t>& ids) {
    if (const auto seen = seen_.find(word); seen != seen_.end()) {
      ids.insert(ids.end(), seen->second.begin(), seen->second.end());
      return;
    }
    encode_unseen(word);
    ids.insert(ids.end(), symbols_.begin(), symbols_.end());
    if (word.size() <= longest_seen && seen_.size() < most_seen) seen_.emplace(word, symbols_);
  }

 private:
  static constexpr std::size_t longest_seen = 64;
  static constexpr std::size_t most_seen = 1 << 16;

  void encode_unseen(std::string_view word) {
    symbols_.clear();
    if (model_->whole_words) {
      if (const auto whole = model_->ids.find(word); whole != model_->ids.end()) {
        symbols_.push_back(whole->second);
        return;
      }
    }
    if (model_->symbols == smallest_symbol::byte)
      start_with_bytes(word);
    else
      start_with_characters(word);
    merge_(symbols_);
  }

  void start_with_bytes(std::string_view word) {
    for (const char c : word) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte_ids_[byte] < 0)
        raise<data_error>("the vocabulary has no token for byte ", byte, ", which the text contains");
      symbols_.push_back(byte_ids_[byte]);
    }
  }

  void start_with_characters(std::string_view word) {
    bool behind_unknown = false;
    for (std::size_t end = 0; end < word.size();) {
      const std::size_t begin = end;
      static_cast<void>(next_code_point(word, end));
      const auto character = word.substr(begin, end - begin);
      const auto known = model_->ids.find(character);
      const bool is_unknown = known == model_->ids.end();
      if (!is_unknown)
        symbols_.push_back(known->second);
      else if (has_byte_tokens(character))
        for (const char c : character) symbols_.push_back(model_->byte_tokens[static_cast<unsigned char>(c)]);
      else if (model_->unknown < 0)
        raise<data_error>("the vocabulary has no token for the character \"", character, "\", which the text contains");
      else if (!model_->one_unknown || !behind_unknown)
        symbols_.push_back(model_->unknown);
      behind_unknown = is_unknown && symbols_.back() == model_->unknown;
    }
  }

  [[nodiscard]] bool has_byte_tokens(std::string_view character) const {
    const auto& tokens = model_->byte_tokens;
    return !tokens.empty() && std::all_of(character.begin(), character.end(),
                                          [&](char c) { return tokens[static_cast<unsigned char>(c)] >= 0; });
  }

  const bpe_model* model_;
  merger merge_;
  std::array<std::int32_t, 256> byte_ids_{};
  std::vector<std::int32_t> symbols_;
  std::unordered_map<std::string, std::vector<std::int32_t>, text_hash, std::equal_to<>> seen_;
};

}  // namespace strata
