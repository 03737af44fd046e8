/// Reads a tokenizer.json in the format of Hugging Face. What is not known here is refused: a tokenizer that is nearly
/// right gives a model nonsense without anybody noticing.
///
///   normalizer      null, NFC
///   pre_tokenizer   [Split, Digits, …] ByteLevel
///   model           BPE over bytes: no byte_fallback, dropout, prefix or suffix
///   post_processor  null, ByteLevel (changes no ids), TemplateProcessing for a single text
///   decoder         ByteLevel
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/text/json_place.hpp"
#include "strata/text/pre_tokenizer.hpp"
#include "strata/text/split_pattern.hpp"
#include "strata/text/tokenizer_parts.hpp"
#include "strata/text/vocabulary_json.hpp"

namespace strata {

namespace detail {

inline normal_form read_normalizer(const json_place& place) {
  auto form = normal_form::as_given;
  for (const auto& part : sequence_parts(place, "normalizers")) {
    if (part["type"].text() != "NFC") part["type"].refuse("NFC or a Sequence of it");
    part.allow_keys({"type"});
    form = normal_form::nfc;
  }
  return form;
}

inline split_behavior read_behavior(const json_place& place) {
  constexpr std::pair<std::string_view, split_behavior> behaviors[] = {
      {"Isolated", split_behavior::isolated},
      {"Removed", split_behavior::removed},
      {"Contiguous", split_behavior::contiguous},
      {"MergedWithPrevious", split_behavior::merged_with_previous},
      {"MergedWithNext", split_behavior::merged_with_next}};
  for (const auto& [name, behavior] : behaviors)
    if (place.text() == name) return behavior;
  place.refuse("Isolated, Removed, Contiguous, MergedWithPrevious or MergedWithNext");
}

inline split_pattern read_split(const json_place& place) {
  place.allow_keys({"type", "pattern", "behavior", "invert"});
  const auto pattern = place["pattern"];
  pattern.allow_keys({"Regex", "String"});
  if (pattern.size() != 1) pattern.refuse("one of the keys Regex and String");
  const bool literal = pattern.object().contains("String");
  const auto text = pattern[literal ? "String" : "Regex"];
  const auto behavior = read_behavior(place["behavior"]);
  const bool invert = place.find("invert").truth_or(false);
  try {
    return {text.text(), literal ? split_pattern::kind::literal : split_pattern::kind::regex, behavior, invert};
  } catch (const data_error& e) {
    text.complain(e.what());
  }
}

inline void read_byte_level(const json_place& place, std::vector<pre_tokenizer::step>& steps) {
  place.allow_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (place["add_prefix_space"].truth()) steps.emplace_back(prefix_space{});
  if (place.find("use_regex").truth_or(true))
    steps.emplace_back(split_pattern(gpt2_words, split_pattern::kind::regex, split_behavior::isolated));
}

inline pre_tokenizer read_pre_tokenizer(const json_place& place) {
  const auto parts = sequence_parts(place, "pretokenizers");
  if (parts.empty() || parts.back()["type"].text() != "ByteLevel")
    place.complain("the last pre-tokenizer must be ByteLevel (supported before it: Split, Digits)");
  std::vector<pre_tokenizer::step> steps;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto type = parts[i]["type"];
    if (type.text() == "Split") {
      steps.emplace_back(read_split(parts[i]));
    } else if (type.text() == "Digits") {
      parts[i].allow_keys({"type", "individual_digits"});
      const bool single = parts[i]["individual_digits"].truth();
      steps.emplace_back(split_pattern(R"(\p{N})", split_pattern::kind::regex,
                                       single ? split_behavior::isolated : split_behavior::contiguous));
    } else {
      type.refuse("Split or Digits, then ByteLevel at the end");
    }
  }
  read_byte_level(parts.back(), steps);
  return pre_tokenizer(std::move(steps));
}

inline void read_template(const json_place& place, tokenizer_parts& parts) {
  place.allow_keys({"type", "single", "pair", "special_tokens"});
  const auto single = place["single"];
  bool text_seen = false;
  for (std::size_t i = 0; i < single.list().size(); ++i) {
    const auto item = single.element(i);
    item.allow_keys({"Sequence", "SpecialToken"});
    if (item.size() != 1) item.refuse("one of the keys Sequence and SpecialToken");
    if (item.object().contains("Sequence")) {
      const auto name = item["Sequence"]["id"];
      if (name.text() != "A" || text_seen) name.refuse("A, once");
      text_seen = true;
      continue;
    }
    const auto ids = place["special_tokens"][item["SpecialToken"]["id"].text()]["ids"];
    auto& side = text_seen ? parts.after : parts.before;
    for (std::size_t k = 0; k < ids.list().size(); ++k) side.push_back(ids.element(k).index_below(parts.pieces.size()));
  }
  if (!text_seen) single.complain("the text itself (a Sequence with the id A) is missing");
}

inline void read_post_processor(const json_place& place, tokenizer_parts& parts) {
  bool template_seen = false;
  for (const auto& part : sequence_parts(place, "processors")) {
    const auto type = part["type"];
    if (type.text() == "ByteLevel") continue;
    if (type.text() != "TemplateProcessing" || template_seen) type.refuse("ByteLevel, or TemplateProcessing once");
    read_template(part, parts);
    template_seen = true;
  }
}

inline void check_decoder(const json_place& place) {
  const auto parts = sequence_parts(place, "decoders");
  if (parts.size() != 1) place.refuse("ByteLevel");
  if (parts[0]["type"].text() != "ByteLevel") parts[0]["type"].refuse("ByteLevel");
}

/// Settings of the model that would change the ids.
inline bool read_model_settings(const json_place& model) {
  model.allow_keys({"type", "vocab", "merges", "dropout", "unk_token", "continuing_subword_prefix",
                    "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"});
  if (const auto type = model.find("type"); !type.is_null() && type.text() != "BPE") type.refuse("BPE");
  if (const auto dropout = model.find("dropout"); !dropout.is_null() && dropout.value() != 0.0)
    dropout.refuse("null: ids must not depend on chance");
  for (const auto* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const auto mark = model.find(key); !mark.is_null() && !mark.text().empty()) mark.refuse("null");
  if (const auto fallback = model.find("byte_fallback"); fallback.truth_or(false)) fallback.refuse("false");
  static_cast<void>(model.find("fuse_unk").truth_or(false));
  return model.find("ignore_merges").truth_or(false);
}

/// A token for unknown bytes is harmless as long as no byte is unknown.
inline void check_unknown_token(const json_place& unknown, const token_index& ids) {
  if (unknown.is_null()) return;
  static_cast<void>(unknown.text());
  for (int b = 0; b < 256; ++b)
    if (!ids.contains(std::string(1, static_cast<char>(b))))
      unknown.refuse("null: the vocabulary has no token for byte ", b);
}

}  // namespace detail

/// The parts of a tokenizer from the text of a tokenizer.json; `file` is its name in messages.
/// Throws: strata::data_error that names file, key and value.
[[nodiscard]] inline tokenizer_parts parse_tokenizer_json(std::string_view text, std::string_view file) {
  nlohmann::json document;
  try {
    document = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    raise<data_error>(file, ": malformed JSON or UTF-8 at byte ", e.byte, " of ", text.size());
  } catch (const nlohmann::json::exception&) {
    raise<data_error>(file, ": a number is too large");
  }
  const detail::json_place root(document, file);
  root.allow_keys({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
                   "decoder", "model"});
  if (const auto form = root.find("version"); !form.is_null() && form.text() != "1.0") form.refuse("1.0");
  for (const auto* key : {"truncation", "padding"})
    if (!root.find(key).is_null()) root.find(key).refuse("null");

  tokenizer_parts parts;
  parts.model.whole_words = detail::read_model_settings(root["model"]);
  parts.normalization = detail::read_normalizer(root.find("normalizer"));
  parts.words = detail::read_pre_tokenizer(root["pre_tokenizer"]);
  detail::check_decoder(root["decoder"]);
  detail::vocabulary_json(root).read(parts);
  detail::check_unknown_token(root["model"].find("unk_token"), parts.model.ids);
  detail::read_post_processor(root.find("post_processor"), parts);
  return parts;
}

}  // namespace strata
