/// Words to token ids by byte-pair encoding over bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/text/merge_table.hpp"

namespace strata {

/// Looks a std::string up by a std::string_view.
struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// Token ids by the bytes of the tokens.
using token_index = std::unordered_map<std::string, std::int32_t, text_hash, std::equal_to<>>;

/// A vocabulary and its merges.
struct bpe_model {
  token_index ids;           // only of tokens that encoding may produce
  merge_table merges;        // over these ids
  bool whole_words = false;  // a word that is itself a token becomes that token, whatever the merges say
};

/// Encodes words with a model; keeps the words that it has seen. One thread uses one encoder.
class bpe_encoder {
 public:
  /// Requires: `model` outlives the encoder.
  explicit bpe_encoder(const bpe_model& model) : model_(&model), merge_(model.merges) {
    for (std::size_t b = 0; b < byte_ids_.size(); ++b) {
      const char byte = static_cast<char>(b);
      const auto found = model.ids.find(std::string_view(&byte, 1));
      byte_ids_[b] = found == model.ids.end() ? -1 : found->second;
    }
  }

  /// Appends the ids of one word, as the pre-tokenizer cuts it.
  /// Throws: strata::data_error if the vocabulary lacks a byte of the word.
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
    for (const char c : word) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte_ids_[byte] < 0)
        raise<data_error>("the vocabulary has no token for byte ", byte, ", which the text contains");
      symbols_.push_back(byte_ids_[byte]);
    }
    merge_(symbols_);
  }

  const bpe_model* model_;
  merger merge_;
  std::array<std::int32_t, 256> byte_ids_{};
  std::vector<std::int32_t> symbols_;
  std::unordered_map<std::string, std::vector<std::int32_t>, text_hash, std::equal_to<>> seen_;
};

}  // namespace strata
