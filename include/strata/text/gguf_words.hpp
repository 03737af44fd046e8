/// How the tokenizers that GGUF files name under tokenizer.ggml.pre cut a text into words.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/byte_reader.hpp"
#include "strata/text/pre_tokenizer.hpp"
#include "strata/text/split_pattern.hpp"

namespace strata {

/// A family of byte-level tokenizers, with what its tokenizer.json says and the file's metadata do not.
struct gguf_words {
  static constexpr std::size_t most_patterns = 5;

  std::string_view name;
  bool composed = false;                          // texts are brought into NFC first
  bool whole_words = false;                       // a word that is itself a token becomes that token
  bool begin_of_text = false;                     // begin-of-text comes first if add_bos_token is missing
  std::string_view patterns[most_patterns] = {};  // applied in order; their matches are words

  [[nodiscard]] pre_tokenizer words() const {
    std::vector<pre_tokenizer::step> steps;
    for (const auto pattern : patterns)
      if (!pattern.empty())
        steps.emplace_back(split_pattern(pattern, split_pattern::kind::regex, split_behavior::isolated));
    return pre_tokenizer(std::move(steps));
  }
};

namespace detail {

// Llama 3: contractions in any case, letters with one other sign before them, up to three digits, other signs with the
// line ends behind them, white space.
inline constexpr std::string_view llama3_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Qwen 2: the same, each digit alone.
inline constexpr std::string_view qwen2_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Mistral's tekken: words end before a capital letter.
inline constexpr std::string_view tekken_words =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// DeepSeek-V3, after its numbers and its Chinese and Japanese runs.
inline constexpr std::string_view deepseek_v3_words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

}  // namespace detail

/// Source: the patterns are those of the families' tokenizer.json; the names, and which of them ignore merges and
///         begin with begin-of-text, those of llama.cpp (src/llama-vocab.cpp).
inline constexpr gguf_words known_gguf_words[] = {
    // name, NFC, whole words, begin-of-text, patterns
    {"gpt-2", false, false, false, {gpt2_words}},
    {"gpt2", false, false, false, {gpt2_words}},
    {"phi-2", false, false, false, {gpt2_words}},
    {"mpt", true, false, false, {gpt2_words}},
    {"olmo", true, false, false, {gpt2_words}},
    {"smollm", false, false, false, {R"(\p{N})", gpt2_words}},
    {"starcoder", false, false, false, {R"(\p{N})", gpt2_words}},
    {"llama-bpe", false, true, true, {detail::llama3_words}},
    {"llama3", false, true, true, {detail::llama3_words}},
    {"llama-v3", false, true, true, {detail::llama3_words}},
    {"dbrx", false, false, false, {detail::llama3_words}},
    {"smaug-bpe", false, false, false, {detail::llama3_words}},
    {"qwen2", true, false, false, {detail::qwen2_words}},
    {"deepseek-r1-qwen", true, false, false, {detail::qwen2_words}},
    {"stablelm2", false, false, false, {detail::qwen2_words}},
    {"tekken", false, true, true, {detail::tekken_words}},
    {"deepseek-coder",
     false,
     false,
     false,
     {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", R"([\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+)", R"(\p{N})"}},
    {"deepseek-v3",
     false,
     false,
     false,
     {R"(\p{N}{1,3})", R"([\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+)", detail::deepseek_v3_words}},
};

/// Throws: strata::data_error that names `file` and the tokenizer, if it is not known.
[[nodiscard]] inline const gguf_words& find_gguf_words(std::string_view name, std::string_view file) {
  const auto* found = std::find_if(std::begin(known_gguf_words), std::end(known_gguf_words),
                                   [&](const gguf_words& known) { return known.name == name; });
  if (found != std::end(known_gguf_words)) return *found;
  std::string names;
  for (const auto& known : known_gguf_words) names += concat(names.empty() ? "" : ", ", known.name);
  raise<data_error>(file, ": tokenizer.ggml.pre is ", detail::quoted_bytes(name),
                    ", which is not supported (supported: ", names, ')');
}

}  // namespace strata
