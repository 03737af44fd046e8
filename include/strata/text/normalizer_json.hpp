/// The key "normalizer" of a tokenizer.json.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/text/json_place.hpp"
#include "strata/text/normalizer.hpp"

namespace strata::detail {

inline const std::string& short_text(const json_place& place) {
  constexpr std::size_t longest = 64;
  if (place.text().empty() || place.text().size() > longest) place.refuse("1 … ", longest, " bytes");
  return place.text();
}

inline normalizer::step read_normalizer_step(const json_place& part) {
  constexpr std::pair<std::string_view, normal_form> forms[] = {
      {"NFC", normal_form::nfc}, {"NFD", normal_form::nfd}, {"NFKC", normal_form::nfkc}, {"NFKD", normal_form::nfkd}};
  const auto type = part["type"];
  for (const auto& [name, form] : forms) {
    if (type.text() != name) continue;
    part.allow_keys({"type"});
    return form;
  }
  if (type.text() == "Prepend") {
    part.allow_keys({"type", "prepend"});
    return prepend_text{short_text(part["prepend"])};
  }
  if (type.text() != "Replace") type.refuse("NFC, NFD, NFKC, NFKD, Prepend or Replace");
  part.allow_keys({"type", "pattern", "content"});
  part["pattern"].allow_keys({"String"});
  return replace_text{short_text(part["pattern"]["String"]), short_text(part["content"])};
}

/// null, one step or a Sequence of steps.
inline normalizer read_normalizer(const json_place& place) {
  constexpr std::size_t most = 8;
  std::vector<normalizer::step> steps;
  const auto parts = sequence_parts(place, "normalizers");
  if (parts.size() > most) place.complain("more than ", most, " steps");
  steps.reserve(parts.size());
  for (const auto& part : parts) steps.push_back(read_normalizer_step(part));
  return normalizer(std::move(steps));
}

}  // namespace strata::detail
