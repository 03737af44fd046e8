// A tokenizer.json of 256 bytes and a few merges, of which a test changes what it is about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "strata/text/byte_level.hpp"
#include "strata/text/tokenizer.hpp"

namespace small_tokenizer {

// "Ġ" for 0x20.
inline std::string character_of(std::size_t byte) {
  const auto point = static_cast<unsigned>(strata::byte_characters[byte]);
  if (point < 0x80) return std::string(1, static_cast<char>(point));
  return {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 0x3f))};
}

// Ids 0 … 255 are the bytes, 256 "he", 257 "ll", 258 "hell", 259 "hello", 260 " h"; 261 is the added token "<|end|>".
inline nlohmann::json document() {
  nlohmann::json vocab;
  for (std::size_t b = 0; b < 256; ++b) vocab[character_of(b)] = b;
  std::size_t next = 256;
  for (const auto* token : {"he", "ll", "hell", "hello", "Ġh"}) vocab[token] = next++;
  return {{"version", "1.0"},
          {"added_tokens",
           {{{"id", 261},
             {"content", "<|end|>"},
             {"single_word", false},
             {"lstrip", false},
             {"rstrip", false},
             {"normalized", false},
             {"special", true}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"},
            {"vocab", vocab},
            {"merges", nlohmann::json::parse(R"([["h","e"],["l","l"],["he","ll"],["hell","o"],["Ġ","h"]])")}}}};
}

inline strata::tokenizer read(const nlohmann::json& document) {
  return strata::tokenizer::from_json(document.dump(), "t.json");
}

// The pieces of an encoded text with bars between them.
inline std::string pieces(const strata::tokenizer& tokenizer, const std::string& text, bool with_special = false) {
  std::string out;
  for (const auto id :
       tokenizer.encode(text, with_special ? strata::special_tokens::as_file_says : strata::special_tokens::none)) {
    if (!out.empty()) out += '|';
    out += tokenizer.piece(id);
  }
  return out;
}

}  // namespace small_tokenizer
