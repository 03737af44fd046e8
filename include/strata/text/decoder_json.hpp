/// The key "decoder" of a tokenizer.json: how its vocabulary spells tokens.
#pragma once

#include <cstddef>
#include <iterator>
#include <string_view>

#include "strata/text/json_place.hpp"
#include "strata/text/token_spelling.hpp"

namespace strata::detail {

/// Strip: some spaces at the beginning of the decoded text.
inline std::size_t read_strip(const json_place& place) {
  constexpr std::size_t most = 8;
  place.allow_keys({"type", "content", "start", "stop"});
  if (place["content"].text() != " ") place["content"].refuse("a space");
  if (place["stop"].index_below(most) != 0) place["stop"].refuse("0");
  return static_cast<std::size_t>(place["start"].index_below(most));
}

/// ByteLevel alone, or Replace "▁" → " ", ByteFallback, Fuse, Strip in this order, of which some may be missing.
inline token_spelling read_decoder(const json_place& place) {
  token_spelling spelling;
  const auto parts = sequence_parts(place, "decoders");
  if (parts.size() == 1 && parts[0]["type"].text() == "ByteLevel") return spelling;
  if (parts.empty()) place.refuse("ByteLevel, or a Sequence of Replace, ByteFallback, Fuse, Strip");
  spelling.byte_level = false;
  constexpr std::string_view order[] = {"Replace", "ByteFallback", "Fuse", "Strip"};
  std::size_t next = 0;
  bool fused = false;
  for (const auto& part : parts) {
    const auto type = part["type"];
    while (next < std::size(order) && type.text() != order[next]) ++next;
    if (next == std::size(order)) type.refuse("ByteLevel alone, or Replace, ByteFallback, Fuse, Strip in this order");
    if (order[next] == "Strip") {
      if (!fused) type.refuse("Fuse before it: only a whole text is stripped");
      spelling.leading_spaces = read_strip(part);
    } else if (order[next] == "Replace") {
      part.allow_keys({"type", "pattern", "content"});
      part["pattern"].allow_keys({"String"});
      if (part["pattern"]["String"].text() != space_mark) part["pattern"]["String"].refuse(space_mark);
      if (part["content"].text() != " ") part["content"].refuse("a space");
      spelling.marked_spaces = true;
    } else {
      part.allow_keys({"type"});
      (order[next] == "Fuse" ? fused : spelling.named_bytes) = true;
    }
    ++next;
  }
  if (!fused) place.complain("Fuse is missing: tokens would not be joined");
  return spelling;
}

}  // namespace strata::detail
