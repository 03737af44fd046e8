/// What a tokenizer_config.json knows beside the tokenizer.json: which tokens are begin-of-text and end-of-text. Whether a
/// text begins with it is not read there: add_bos_token counts for some classes of transformers only, and those write
/// the same into the post-processor of the tokenizer.json.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "strata/text/json_place.hpp"

namespace strata {

/// Their contents, where the file names them.
struct tokenizer_config {
  std::optional<std::string> begin_of_text;  // bos_token
  std::optional<std::string> end_of_text;    // eos_token
};

/// Each is a string or an object with it; `file` stands in messages.
/// Throws: strata::data_error that names file, key and value.
[[nodiscard]] inline tokenizer_config read_tokenizer_config(std::string_view text, std::string_view file) {
  const auto document = detail::json_document(text, file);
  const auto content = [&](std::string_view key) -> std::optional<std::string> {
    const auto token = detail::json_place(document, file).find(key);
    if (token.is_null()) return std::nullopt;
    return token.value().is_object() ? token["content"].text() : token.text();
  };
  return {content("bos_token"), content("eos_token")};
}

}  // namespace strata
