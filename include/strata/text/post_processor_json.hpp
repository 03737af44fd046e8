/// The key "post_processor" of a tokenizer.json: the tokens that are put around a text.
#pragma once

#include <cstddef>

#include "strata/text/json_place.hpp"
#include "strata/text/tokenizer_parts.hpp"

namespace strata::detail {

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

}  // namespace strata::detail
