/// Text to token ids and back:
///
///   text ─► added tokens ─► normal form ─► words ─► byte-pair encoding ─► ids
#pragma once

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/text/added_tokens.hpp"
#include "strata/text/bpe.hpp"
#include "strata/text/tokenizer_json.hpp"
#include "strata/text/tokenizer_parts.hpp"
#include "strata/text/utf8.hpp"

namespace strata {

/// A tokenizer over bytes. Its members may be called from several threads at once.
class tokenizer {
 public:
  /// Throws: strata::data_error if the file cannot be read, is malformed or asks for something that is not supported.
  [[nodiscard]] static tokenizer from_file(const std::filesystem::path& file) {
    std::error_code ignored;
    std::ifstream in(file, std::ios::binary);
    if (!std::filesystem::is_regular_file(file, ignored) || !in)
      raise<data_error>(file.string(), ": not a file that can be read");
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (in.bad()) raise<data_error>(file.string(), ": reading fails after ", text.size(), " bytes");
    return from_json(text, file.filename().string());
  }

  /// From the text of a tokenizer.json (tokenizer_json.hpp lists what is supported); `name` stands in messages.
  /// Throws: strata::data_error that names file, key and value.
  [[nodiscard]] static tokenizer from_json(std::string_view text, std::string_view name) {
    return tokenizer(parse_tokenizer_json(text, name));
  }

  explicit tokenizer(tokenizer_parts parts) : parts_(std::move(parts)) {
    std::vector<added_token> given, normalized;
    for (const auto& token : parts_.added) {
      added_ids_.emplace(token.content, token.id);
      auto& list = token.normalized ? normalized : given;
      list.push_back(token);
      if (token.normalized) list.back().content = normal_form_of(token.content);
    }
    as_given_ = added_token_matcher(std::move(given));
    normalized_ = added_token_matcher(std::move(normalized));
  }

  /// The ids of a text; `with_special` also puts the post-processor's tokens around it. Added tokens that stand in the
  /// text are recognised in either case.
  /// Throws: strata::data_error if the text is not valid UTF-8 (with the byte offset) or has a byte that is not in the
  ///         vocabulary; strata::option_error if it is longer than longest_text.
  /// Cost:   linear in the text, apart from the words' merges: O(n log n) for a word of n bytes.
  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text, bool with_special = true) const {
    require_utf8(text);
    std::vector<std::int32_t> ids;
    if (with_special) ids = parts_.before;
    bpe_encoder encoder(parts_.model);
    for (const auto& [segment, added] : as_given_.split(text)) {
      if (added >= 0)
        ids.push_back(added);
      else if (parts_.normalization == normal_form::as_given)
        encode_normalized(segment, encoder, ids);
      else
        encode_normalized(normal_form_of(segment), encoder, ids);
    }
    if (with_special) ids.insert(ids.end(), parts_.after.begin(), parts_.after.end());
    return ids;
  }

  /// The bytes of all tokens one after the other, special ones included. UTF-8 if the tokens are those of a whole text.
  /// Throws: strata::option_error if an id is not in the vocabulary.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids) const {
    std::string out;
    for (const auto id : ids) out += parts_.pieces[checked(id)];
    return out;
  }

  /// The bytes of one token, which may be part of a character.
  /// Throws: strata::option_error if the id is not in the vocabulary.
  [[nodiscard]] std::string piece(std::int32_t id) const { return parts_.pieces[checked(id)]; }

  /// Number of tokens; ids are 0 … vocabulary() − 1.
  [[nodiscard]] std::size_t vocabulary() const { return parts_.pieces.size(); }

  /// The id of an added token ("<|endoftext|>") or of the token with these bytes.
  [[nodiscard]] std::optional<std::int32_t> find(std::string_view piece) const {
    if (const auto added = added_ids_.find(piece); added != added_ids_.end()) return added->second;
    if (const auto known = parts_.model.ids.find(piece); known != parts_.model.ids.end()) return known->second;
    return std::nullopt;
  }

  /// Tokens that are recognised in the text, with the file's attributes.
  [[nodiscard]] std::span<const added_token> added_tokens() const { return parts_.added; }

  /// What encode puts before a text if asked for special tokens, usually nothing or one "begin of text".
  [[nodiscard]] std::span<const std::int32_t> ids_before() const { return parts_.before; }

  /// What encode puts behind a text if asked for special tokens.
  [[nodiscard]] std::span<const std::int32_t> ids_after() const { return parts_.after; }

 private:
  [[nodiscard]] std::size_t checked(std::int32_t id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= vocabulary())
      raise<option_error>("token id ", id, " is not in 0 … ", vocabulary() - 1);
    return static_cast<std::size_t>(id);
  }

  [[nodiscard]] std::string normal_form_of(std::string_view text) const {
    std::string out;
    if (parts_.normalization == normal_form::as_given) return out.assign(text);
    UErrorCode status = U_ZERO_ERROR;
    icu::StringByteSink<std::string> sink(&out);
    const icu::StringPiece source(text.data(), static_cast<std::int32_t>(text.size()));
    if (const auto* nfc = icu::Normalizer2::getNFCInstance(status); nfc != nullptr && U_SUCCESS(status))
      nfc->normalizeUTF8(0, source, sink, nullptr, status);
    if (U_FAILURE(status)) raise<data_error>("the text has no NFC form: ", u_errorName(status));
    return out;
  }

  void encode_normalized(std::string_view text, bpe_encoder& encoder, std::vector<std::int32_t>& ids) const {
    std::string word;
    for (const auto& [segment, added] : normalized_.split(text)) {
      if (added >= 0) {
        ids.push_back(added);
        continue;
      }
      const auto pieces = parts_.words.split(segment);
      for (const auto& [begin, end] : pieces.ranges) {
        to_utf8(pieces.text, begin, end, word);
        encoder.encode(word, ids);
      }
    }
  }

  tokenizer_parts parts_;
  added_token_matcher as_given_;
  added_token_matcher normalized_;
  token_index added_ids_;
};

}  // namespace strata
