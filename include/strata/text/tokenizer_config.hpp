/// What a tokenizer_config.json knows beside the tokenizer.json: which token is begin-of-text. Whether a text begins with
/// it is not read there: add_bos_token counts for some classes of transformers only, and those write the same into the
/// post-processor of the tokenizer.json.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "strata/text/json_place.hpp"

namespace strata {

/// The content of bos_token, which is a string or an object with it; `file` stands in messages.
/// Throws: strata::data_error that names file, key and value.
[[nodiscard]] inline std::optional<std::string> begin_of_text_in_config(std::string_view text, std::string_view file) {
  const auto document = detail::json_document(text, file);
  const auto token = detail::json_place(document, file).find("bos_token");
  if (token.is_null()) return std::nullopt;
  return token.value().is_object() ? token["content"].text() : token.text();
}

}  // namespace strata
