/// Text to token ids and back:
///
///   text ─► added tokens ─► normalizer ─► words ─► byte-pair encoding ─► ids
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/gguf.hpp"
#include "strata/file/mapped_file.hpp"
#include "strata/text/added_tokens.hpp"
#include "strata/text/bpe.hpp"
#include "strata/text/gguf_metadata.hpp"
#include "strata/text/gguf_vocabulary.hpp"
#include "strata/text/tokenizer_config.hpp"
#include "strata/text/tokenizer_json.hpp"
#include "strata/text/tokenizer_parts.hpp"
#include "strata/text/utf8.hpp"

namespace strata {

/// Which tokens that do not stand in a text are put around it.
enum class special_tokens {
  none,
  as_file_says,          // those of the file's post-processor
  with_begin_of_text,    // the same, and begin-of-text in front whatever the file says
  without_begin_of_text  // the same, but not begin-of-text
};

/// Its members may be called from several threads at once.
class tokenizer {
 public:
  /// From a GGUF file, a tokenizer.json, or a folder with one. A tokenizer_config.json beside it is asked which token
  /// is end-of-text, and which is begin-of-text in case the tokenizer.json puts none before a text.
  /// Throws: strata::data_error if a file cannot be read, is malformed or asks for something that is not supported.
  [[nodiscard]] static tokenizer from_file(std::filesystem::path path) {
    if (std::error_code ignored; std::filesystem::is_directory(path, ignored)) path /= "tokenizer.json";
    const mapped_file mapped(path);
    if (text_of(mapped).starts_with(gguf_magic)) return from_gguf(gguf_file(mapped.bytes(), path.filename().string()));
    auto out = from_json(text_of(mapped), path.filename().string());
    const auto config = path.parent_path() / "tokenizer_config.json";
    if (std::error_code ignored; std::filesystem::exists(config, ignored)) {
      const auto named = read_tokenizer_config(text_of(mapped_file(config)), config.filename().string());
      const auto id_of = [&](const std::optional<std::string>& token) {
        return token ? out.find(*token).value_or(-1) : -1;
      };
      if (out.parts_.begin_of_text < 0) out.parts_.begin_of_text = id_of(named.begin_of_text);
      out.parts_.end_of_text = id_of(named.end_of_text);
    }
    return out;
  }

  /// From the settings of a GGUF file (gguf_vocabulary.hpp).
  /// Throws: strata::data_error that names file and setting.
  [[nodiscard]] static tokenizer from_gguf(const gguf_file& file) { return tokenizer(parts_of(vocabulary_of(file))); }

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
      if (token.normalized) list.back().content = normalized_content(token.content);
    }
    as_given_ = added_token_matcher(std::move(given));
    normalized_ = added_token_matcher(std::move(normalized));
  }

  /// The ids of a text and of the tokens that `special` puts around it. Added tokens that stand in the text are
  /// recognised in any case.
  /// Throws: strata::data_error if the text is not valid UTF-8 (with the byte offset) or has a byte or a character for
  ///         which the vocabulary has no substitute; strata::option_error if it is longer than longest_text, or if
  ///         begin-of-text is asked for and no file says which token that is.
  /// Cost:   linear in the text, apart from the words' merges: O(n log n) for a word of n symbols.
  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text,
                                                 special_tokens special = special_tokens::as_file_says) const {
    require_utf8(text);
    auto ids = ids_in_front(special);
    bpe_encoder encoder(parts_.model);
    for (const auto& [segment, added] : as_given_.split(text)) {
      const bool begins_text = segment.data() == text.data();
      if (added >= 0)
        ids.push_back(added);
      else if (parts_.normalize.empty())
        encode_normalized(segment, begins_text, encoder, ids);
      else
        encode_normalized(parts_.normalize(segment), begins_text, encoder, ids);
    }
    if (special != special_tokens::none) ids.insert(ids.end(), parts_.after.begin(), parts_.after.end());
    return ids;
  }

  /// The bytes of all tokens one after the other, special ones included, without the space that encoding put before a
  /// text. UTF-8 if the tokens are those of a whole text.
  /// Throws: strata::option_error if an id is not in the vocabulary.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids) const {
    std::string out;
    for (const auto id : ids) out += parts_.pieces[checked(id)];
    const std::size_t spaces = std::min(out.find_first_not_of(' '), out.size());
    return out.erase(0, std::min(spaces, parts_.leading_spaces));
  }

  /// The bytes of one token, which may be part of a character.
  /// Throws: strata::option_error if the id is not in the vocabulary.
  [[nodiscard]] std::string piece(std::int32_t id) const { return parts_.pieces[checked(id)]; }

  /// Number of tokens; ids are 0 … vocabulary() − 1.
  [[nodiscard]] std::size_t vocabulary() const { return parts_.pieces.size(); }

  /// The id of an added token ("<|endoftext|>") or of the first token with these bytes (" the").
  /// Cost:   one look-up, but a search through the vocabulary if it is one of text.
  [[nodiscard]] std::optional<std::int32_t> find(std::string_view piece) const {
    if (const auto added = added_ids_.find(piece); added != added_ids_.end()) return added->second;
    if (const auto known = parts_.model.ids.find(piece); known != parts_.model.ids.end()) return known->second;
    if (parts_.model.symbols == smallest_symbol::byte) return std::nullopt;
    const auto found = std::find(parts_.pieces.begin(), parts_.pieces.end(), piece);
    if (piece.empty() || found == parts_.pieces.end()) return std::nullopt;
    return static_cast<std::int32_t>(found - parts_.pieces.begin());
  }

  /// Tokens that are recognised in the text, with the file's attributes.
  [[nodiscard]] std::span<const added_token> added_tokens() const { return parts_.added; }

  /// What encode puts before a text if the file is to decide, usually nothing or begin-of-text.
  [[nodiscard]] std::span<const std::int32_t> ids_before() const { return parts_.before; }

  /// What encode puts behind a text unless no special tokens are wanted.
  [[nodiscard]] std::span<const std::int32_t> ids_after() const { return parts_.after; }

  /// The token that models of this tokenizer expect before a text, if the file names it.
  [[nodiscard]] std::optional<std::int32_t> begin_of_text() const {
    return parts_.begin_of_text < 0 ? std::nullopt : std::optional(parts_.begin_of_text);
  }

  /// The token with which a model of this tokenizer ends a text, if the file names it.
  [[nodiscard]] std::optional<std::int32_t> end_of_text() const {
    return parts_.end_of_text < 0 ? std::nullopt : std::optional(parts_.end_of_text);
  }

 private:
  static std::string_view text_of(const mapped_file& file) {
    return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
  }

  [[nodiscard]] std::size_t checked(std::int32_t id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= vocabulary())
      raise<option_error>("token id ", id, " is not in 0 … ", vocabulary() - 1);
    return static_cast<std::size_t>(id);
  }

  [[nodiscard]] std::string normalized_content(const std::string& content) const {
    auto out = parts_.normalize(content);
    if (out.empty() || out.size() > added_token_matcher::longest_content)
      raise<data_error>("the added token \"", whole_characters(content, 60), "\" has ", out.size(),
                        " bytes after normalization, expected 1 … ", added_token_matcher::longest_content);
    return out;
  }

  [[nodiscard]] std::vector<std::int32_t> ids_in_front(special_tokens special) const {
    if (special == special_tokens::none) return {};
    auto ids = parts_.before;
    const bool begins = !ids.empty() && ids.front() == parts_.begin_of_text;
    if (special == special_tokens::without_begin_of_text && begins) ids.erase(ids.begin());
    if (special == special_tokens::with_begin_of_text && !begins) {
      if (parts_.begin_of_text < 0)
        raise<option_error>("a begin-of-text token was asked for, but the tokenizer's files name none");
      ids.insert(ids.begin(), parts_.begin_of_text);
    }
    return ids;
  }

  void encode_normalized(std::string_view text, bool begins_text, bpe_encoder& encoder,
                         std::vector<std::int32_t>& ids) const {
    std::string word;
    for (const auto& [segment, added] : normalized_.split(text)) {
      if (added >= 0) {
        ids.push_back(added);
        continue;
      }
      const auto pieces = parts_.words.split(segment, begins_text && segment.data() == text.data());
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
