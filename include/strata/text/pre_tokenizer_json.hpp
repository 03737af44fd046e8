/// The key "pre_tokenizer" of a tokenizer.json.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/text/json_place.hpp"
#include "strata/text/pre_tokenizer.hpp"
#include "strata/text/split_pattern.hpp"
#include "strata/text/token_spelling.hpp"

namespace strata::detail {

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

inline split_pattern read_digits(const json_place& place) {
  place.allow_keys({"type", "individual_digits"});
  const bool single = place["individual_digits"].truth();
  return {R"(\p{N})", split_pattern::kind::regex, single ? split_behavior::isolated : split_behavior::contiguous};
}

/// Files of older versions have add_prefix_space in place of prepend_scheme, and str_rep, which repeats the mark.
inline void read_metaspace(const json_place& place, std::vector<pre_tokenizer::step>& steps) {
  constexpr std::pair<std::string_view, mark_spaces::prefix> schemes[] = {{"never", mark_spaces::prefix::never},
                                                                          {"first", mark_spaces::prefix::first},
                                                                          {"always", mark_spaces::prefix::always}};
  place.allow_keys({"type", "replacement", "str_rep", "prepend_scheme", "add_prefix_space", "split"});
  if (place["replacement"].text() != space_mark) place["replacement"].refuse(space_mark);
  if (const auto mark = place.find("str_rep"); !mark.is_null() && mark.text() != space_mark) mark.refuse(space_mark);
  const bool prefixed = place.find("add_prefix_space").truth_or(true);
  const auto scheme = place.find("prepend_scheme");
  mark_spaces marks{prefixed ? mark_spaces::prefix::always : mark_spaces::prefix::never};
  if (!scheme.is_null()) {
    const auto* known = std::find_if(std::begin(schemes), std::end(schemes),
                                     [&](const auto& candidate) { return candidate.first == scheme.text(); });
    if (known == std::end(schemes)) scheme.refuse("never, first or always");
    if (!prefixed && known->second != mark_spaces::prefix::never)
      scheme.refuse("never, because add_prefix_space is false");
    marks.where = known->second;
  }
  steps.emplace_back(marks);
  if (place.find("split").truth_or(true))
    steps.emplace_back(split_pattern(space_mark, split_pattern::kind::literal, split_behavior::merged_with_next));
}

/// Vocabularies of bytes need ByteLevel as the last step, those of text may have no step at all.
inline pre_tokenizer read_pre_tokenizer(const json_place& place, bool byte_level) {
  auto parts = sequence_parts(place, "pretokenizers");
  std::vector<pre_tokenizer::step> steps;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto type = parts[i]["type"];
    if (type.text() == "Split")
      steps.emplace_back(read_split(parts[i]));
    else if (type.text() == "Digits")
      steps.emplace_back(read_digits(parts[i]));
    else if (type.text() == "Metaspace" && !byte_level)
      read_metaspace(parts[i], steps);
    else if (type.text() == "ByteLevel" && byte_level && i + 1 == parts.size())
      read_byte_level(parts[i], steps);
    else
      type.refuse("Split or Digits, ", byte_level ? "then ByteLevel at the end" : "or Metaspace");
  }
  if (byte_level && (parts.empty() || parts.back()["type"].text() != "ByteLevel"))
    place.complain("the last pre-tokenizer must be ByteLevel (supported before it: Split, Digits)");
  return pre_tokenizer(std::move(steps));
}

}  // namespace strata::detail
