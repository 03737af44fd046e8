/// The tokenizer that a GGUF file describes in its metadata, tokenizer.ggml.…: a vocabulary of bytes with a list of
/// merges (model "gpt2"), or one of text with a score for each token (model "llama", SentencePiece).
/// Source: the GGUF specification (ggml, docs/gguf.md); what is not said there is as llama.cpp has it.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/byte_reader.hpp"
#include "strata/text/gguf_words.hpp"
#include "strata/text/score_merges.hpp"
#include "strata/text/token_spelling.hpp"
#include "strata/text/tokenizer_parts.hpp"

namespace strata {

/// tokenizer.ggml.… as it stands in the file.
struct gguf_vocabulary {
  std::string file;  // its name in messages
  std::string model;
  std::optional<std::string> pre;
  std::vector<std::string> tokens;
  std::vector<float> scores;              // (tokens), for model "llama"
  std::vector<std::int64_t> token_types;  // (tokens), or none: all tokens are normal
  std::vector<std::string> merges;        // "a b", for model "gpt2"
  std::optional<std::int64_t> bos_token_id;
  std::optional<std::int64_t> eos_token_id;
  std::optional<std::int64_t> unknown_token_id;
  std::optional<bool> add_bos_token;
  std::optional<bool> add_eos_token;
  std::optional<bool> add_space_prefix;
};

namespace detail {

enum class gguf_token : std::uint8_t { normal = 1, unknown, control, user_defined, unused, byte };

class gguf_tokenizer_reader {
 public:
  explicit gguf_tokenizer_reader(const gguf_vocabulary& source) : source_(source) {}

  [[nodiscard]] tokenizer_parts read() {
    const bool text = source_.model == "llama";
    if (!text && source_.model != "gpt2")
      raise<data_error>(source_.file, ": tokenizer.ggml.model is ", quoted_bytes(source_.model),
                        ", expected gpt2 or llama");
    check_sizes();
    spelling_ = {.byte_level = !text, .marked_spaces = text, .named_bytes = text};
    parts_.model.symbols = text ? smallest_symbol::character : smallest_symbol::byte;
    parts_.pieces.resize(source_.tokens.size());
    for (std::size_t id = 0; id < source_.tokens.size(); ++id) read_token(id);
    const bool begins = text ? read_text_model() : read_byte_model();
    read_ends(begins);
    return std::move(parts_);
  }

 private:
  void check_sizes() const {
    const std::size_t count = source_.tokens.size();
    if (count == 0 || count > std::numeric_limits<std::int32_t>::max())
      raise<data_error>(source_.file, ": tokenizer.ggml.tokens has ", count, " tokens, expected 1 … 2147483647");
    if (!source_.token_types.empty() && source_.token_types.size() != count)
      raise<data_error>(source_.file, ": tokenizer.ggml.token_type has ", source_.token_types.size(),
                        " types, expected ", count, ", one for each token");
  }

  [[nodiscard]] gguf_token type_of(std::size_t id) const {
    if (source_.token_types.empty()) return gguf_token::normal;
    const auto type = source_.token_types[id];
    if (type < static_cast<int>(gguf_token::normal) || type > static_cast<int>(gguf_token::byte))
      raise<data_error>(source_.file, ": tokenizer.ggml.token_type[", id, "] is ", type, ", expected 1 … 6");
    return static_cast<gguf_token>(type);
  }

  void read_token(std::size_t id) {
    const auto& token = source_.tokens[id];
    const auto type = type_of(id);
    const auto number = static_cast<std::int32_t>(id);
    if (token.empty()) return;  // stands for nothing, whatever its type
    if (const auto [known, is_new] = ids_.emplace(token, number); !is_new)
      raise<data_error>(source_.file, ": tokenizer.ggml.tokens[", id, "] is the same as token ", known->second);
    const bool marks = type == gguf_token::control || type == gguf_token::unknown;
    const bool is_text = !marks && !(spelling_.byte_level && type == gguf_token::user_defined);
    const auto bytes = is_text ? spelling_.bytes_of(token) : std::nullopt;
    parts_.pieces[id] = bytes.value_or(token);
    if (marks || type == gguf_token::user_defined) add(id, type == gguf_token::user_defined);
    const bool encodes = type == gguf_token::normal || type == gguf_token::user_defined;
    if (encodes && bytes && !bytes->empty()) parts_.model.ids.emplace(spelling_.byte_level ? *bytes : token, number);
  }

  /// A token that is recognised in the text, where a user-defined one may have marked spaces.
  void add(std::size_t id, bool user_defined) {
    added_token token;
    token.id = static_cast<std::int32_t>(id);
    token.content = user_defined ? parts_.pieces[id] : source_.tokens[id];
    token.special = !user_defined;
    if (token.content.size() > added_token_matcher::longest_content)
      raise<data_error>(source_.file, ": tokenizer.ggml.tokens[", id, "] has ", token.content.size(),
                        " bytes, expected at most ", added_token_matcher::longest_content);
    for (std::size_t offset = 0; offset < token.content.size();)
      if (next_code_point(token.content, offset) < 0)
        raise<data_error>(source_.file, ": tokenizer.ggml.tokens[", id, "] is not valid UTF-8");
    if (const auto [known, is_new] = contents_.emplace(token.content, token.id); !is_new)
      raise<data_error>(source_.file, ": tokenizer.ggml.tokens[", id, "] stands for the same text as token ",
                        known->second);
    parts_.added.push_back(std::move(token));
  }

  /// Returns: whether texts begin with begin-of-text if the file does not say so.
  bool read_byte_model() {
    if (!source_.pre)
      raise<data_error>(source_.file, ": tokenizer.ggml.pre is missing: how words are cut is not known");
    const auto& family = find_gguf_words(*source_.pre, source_.file);
    parts_.words = family.words();
    parts_.model.whole_words = family.whole_words;
    std::vector<normalizer::step> steps;
    if (family.composed) steps.emplace_back(normal_form::nfc);
    parts_.normalize = normalizer(std::move(steps));
    std::vector<bpe_merge> merges;
    merges.reserve(source_.merges.size());
    for (std::size_t i = 0; i < source_.merges.size(); ++i) merges.push_back(merge_at(i));
    parts_.model.merges = merge_table(merges);
    return family.begin_of_text;
  }

  [[nodiscard]] bpe_merge merge_at(std::size_t index) const {
    const std::string_view line = source_.merges[index];
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
      raise<data_error>(source_.file, ": tokenizer.ggml.merges[", index,
                        "] is not two tokens with a space between them");
    const auto left = line.substr(0, space);
    const auto right = line.substr(space + 1);
    return {id_of(left, index), id_of(right, index), id_of(std::string(left).append(right), index)};
  }

  [[nodiscard]] std::int32_t id_of(std::string_view token, std::size_t merge) const {
    const auto found = ids_.find(token);
    if (found == ids_.end())
      raise<data_error>(source_.file, ": tokenizer.ggml.merges[", merge,
                        "] needs a token that is not in tokenizer.ggml.tokens");
    return found->second;
  }

  bool read_text_model() {
    if (source_.scores.size() != source_.tokens.size())
      raise<data_error>(source_.file, ": tokenizer.ggml.scores has ", source_.scores.size(), " scores, expected ",
                        source_.tokens.size(), ", one for each token");
    for (std::size_t id = 0; id < source_.scores.size(); ++id)
      if (std::isnan(source_.scores[id]))
        raise<data_error>(source_.file, ": tokenizer.ggml.scores[", id, "] is not a number");
    try {
      parts_.model.merges = merges_by_score(parts_.model.ids, source_.scores);
    } catch (const data_error& e) {
      raise<data_error>(source_.file, ": tokenizer.ggml.tokens: ", e.what());
    }
    std::vector<normalizer::step> steps;
    if (source_.add_space_prefix.value_or(true)) {
      steps.emplace_back(prepend_text{std::string(space_mark)});
      parts_.leading_spaces = 1;
    }
    steps.emplace_back(replace_text{" ", std::string(space_mark)});
    parts_.normalize = normalizer(std::move(steps));
    read_fallbacks();
    return true;
  }

  void read_fallbacks() {
    parts_.model.one_unknown = true;
    if (const auto unknown = id(source_.unknown_token_id, "unknown_token_id")) parts_.model.unknown = *unknown;
    for (int b = 0; b < 256; ++b) {
      const auto found = ids_.find(byte_token(static_cast<std::uint8_t>(b)));
      parts_.model.byte_tokens.push_back(found == ids_.end() ? -1 : found->second);
    }
  }

  [[nodiscard]] std::optional<std::int32_t> id(std::optional<std::int64_t> value, std::string_view key) const {
    if (!value) return std::nullopt;
    if (*value < 0 || static_cast<std::uint64_t>(*value) >= source_.tokens.size())
      raise<data_error>(source_.file, ": tokenizer.ggml.", key, " is ", *value, ", expected 0 … ",
                        source_.tokens.size() - 1);
    return static_cast<std::int32_t>(*value);
  }

  void read_ends(bool begins) {
    const auto bos = id(source_.bos_token_id, "bos_token_id");
    const auto eos = id(source_.eos_token_id, "eos_token_id");
    if (bos) parts_.begin_of_text = *bos;
    if (eos) parts_.end_of_text = *eos;
    if (source_.add_bos_token.value_or(begins)) {
      if (!bos)
        raise<data_error>(source_.file, ": texts begin with begin-of-text, but tokenizer.ggml.bos_token_id is missing");
      parts_.before.push_back(*bos);
    }
    if (source_.add_eos_token.value_or(false)) {
      if (!eos)
        raise<data_error>(source_.file, ": texts end with end-of-text, but tokenizer.ggml.eos_token_id is missing");
      parts_.after.push_back(*eos);
    }
  }

  const gguf_vocabulary& source_;
  token_spelling spelling_;
  tokenizer_parts parts_;
  std::unordered_map<std::string_view, std::int32_t> ids_;  // as written in the file
  token_index contents_;                                    // of the added tokens
};

}  // namespace detail

/// Control and user-defined tokens are recognised in the text; unused ones never come out of encoding.
/// Throws: strata::data_error that names file and key.
[[nodiscard]] inline tokenizer_parts parts_of(const gguf_vocabulary& vocabulary) {
  return detail::gguf_tokenizer_reader(vocabulary).read();
}

}  // namespace strata
