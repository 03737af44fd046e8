/// Reads a tokenizer.json in the format of Hugging Face. What is not known here is refused: a tokenizer that is nearly
/// right gives a model nonsense without anybody noticing.
///
///                   vocabularies of bytes                vocabularies of text (SentencePiece)
///   normalizer      null, NFC, NFD, NFKC, NFKD, Prepend, Replace: the same for both
///   pre_tokenizer   [Split, Digits, …] ByteLevel         null, Split, Digits, Metaspace
///   model           BPE without dropout, prefix, suffix  the same, with byte_fallback or unk_token
///   post_processor  null, ByteLevel (changes no ids), TemplateProcessing for a single text
///   decoder         ByteLevel                            [Replace, ByteFallback,] Fuse [, Strip]
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "strata/text/decoder_json.hpp"
#include "strata/text/json_place.hpp"
#include "strata/text/normalizer_json.hpp"
#include "strata/text/post_processor_json.hpp"
#include "strata/text/pre_tokenizer_json.hpp"
#include "strata/text/tokenizer_parts.hpp"
#include "strata/text/vocabulary_json.hpp"

namespace strata {

namespace detail {

/// Settings of the model that would change the ids.
inline bool read_model_settings(const json_place& model) {
  model.allow_keys({"type", "vocab", "merges", "dropout", "unk_token", "continuing_subword_prefix",
                    "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"});
  if (const auto type = model.find("type"); !type.is_null() && type.text() != "BPE") type.refuse("BPE");
  if (const auto dropout = model.find("dropout"); !dropout.is_null() && dropout.value() != 0.0)
    dropout.refuse("null: ids must not depend on chance");
  for (const auto* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const auto mark = model.find(key); !mark.is_null() && !mark.text().empty()) mark.refuse("null");
  return model.find("ignore_merges").truth_or(false);
}

/// A token for unknown bytes is harmless as long as no byte is unknown.
inline void check_unknown_byte(const json_place& unknown, const token_index& ids) {
  if (unknown.is_null()) return;
  static_cast<void>(unknown.text());
  for (int b = 0; b < 256; ++b)
    if (!ids.contains(std::string(1, static_cast<char>(b))))
      unknown.refuse("null: the vocabulary has no token for byte ", b);
}

/// What becomes of characters that are not in the vocabulary.
inline void read_fallbacks(const json_place& model, const vocabulary_json& vocabulary, bpe_model& out) {
  const auto fallback = model.find("byte_fallback");
  const auto unknown = model.find("unk_token");
  out.one_unknown = model.find("fuse_unk").truth_or(false);
  if (out.symbols == smallest_symbol::byte) {
    if (fallback.truth_or(false)) fallback.refuse("false, because the vocabulary is one of bytes");
    return check_unknown_byte(unknown, out.ids);
  }
  if (!unknown.is_null()) {
    const auto id = vocabulary.find(unknown.text());
    if (!id) unknown.refuse("a token of model.vocab");
    out.unknown = *id;
  }
  if (!fallback.truth_or(false)) return;
  for (int b = 0; b < 256; ++b) {
    const auto id = vocabulary.find(byte_token(static_cast<std::uint8_t>(b)));
    if (!id) fallback.refuse("false: model.vocab has no token ", byte_token(static_cast<std::uint8_t>(b)));
    out.byte_tokens.push_back(*id);
  }
}

}  // namespace detail

/// The parts of a tokenizer from the text of a tokenizer.json; `file` is its name in messages.
/// Throws: strata::data_error that names file, key and value.
[[nodiscard]] inline tokenizer_parts parse_tokenizer_json(std::string_view text, std::string_view file) {
  const auto document = detail::json_document(text, file);
  const detail::json_place root(document, file);
  root.allow_keys({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
                   "decoder", "model"});
  if (const auto form = root.find("version"); !form.is_null() && form.text() != "1.0") form.refuse("1.0");
  for (const auto* key : {"truncation", "padding"})
    if (!root.find(key).is_null()) root.find(key).refuse("null");

  tokenizer_parts parts;
  const auto spelling = detail::read_decoder(root["decoder"]);
  parts.leading_spaces = spelling.leading_spaces;
  parts.model.symbols = spelling.byte_level ? smallest_symbol::byte : smallest_symbol::character;
  parts.model.whole_words = detail::read_model_settings(root["model"]);
  parts.normalize = detail::read_normalizer(root.find("normalizer"));
  parts.words = detail::read_pre_tokenizer(root["pre_tokenizer"], spelling.byte_level);
  detail::vocabulary_json vocabulary(root, spelling);
  vocabulary.read(parts);
  detail::read_fallbacks(root["model"], vocabulary, parts.model);
  detail::read_post_processor(root.find("post_processor"), parts);
  if (!parts.before.empty()) parts.begin_of_text = parts.before.front();
  return parts;
}

}  // namespace strata
