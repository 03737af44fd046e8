/// The settings tokenizer.ggml.… of a GGUF file as a gguf_vocabulary.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/gguf.hpp"
#include "strata/file/gguf_value.hpp"
#include "strata/text/gguf_vocabulary.hpp"

namespace strata {

namespace detail {

/// The value of tokenizer.ggml.KEY, read by one of gguf_value's functions; nothing if the key is missing.
template <class Value>
std::optional<Value> gguf_setting(const gguf_file& file, std::string_view key, std::string_view expected,
                                  std::optional<Value> (gguf_value::*as_type)() const) {
  const std::string name = concat("tokenizer.ggml.", key);
  const auto* value = file.find(name);
  if (value == nullptr) return std::nullopt;
  auto read = (value->*as_type)();
  if (!read)
    raise<data_error>(file.file(), ": setting \"", name, "\", expected ", expected, ", found ", value->shown());
  return read;
}

inline std::vector<std::string> gguf_texts(const gguf_file& file, std::string_view key) {
  const auto texts = gguf_setting(file, key, "an array of texts", &gguf_value::as_texts);
  if (!texts) return {};
  return {texts->begin(), texts->end()};
}

}  // namespace detail

/// Throws: strata::data_error if a setting has another type than it should.
[[nodiscard]] inline gguf_vocabulary vocabulary_of(const gguf_file& file) {
  using detail::gguf_setting;
  const auto integer = [&](std::string_view key) {
    return gguf_setting(file, key, "an integer", &gguf_value::as_integer);
  };
  const auto flag = [&](std::string_view key) { return gguf_setting(file, key, "a flag", &gguf_value::as_flag); };
  const auto text = [&](std::string_view key) { return gguf_setting(file, key, "a text", &gguf_value::as_text); };
  const auto model = text("model");
  if (!model) raise<data_error>(file.file(), ": has no tokenizer, the setting \"tokenizer.ggml.model\" is missing");

  gguf_vocabulary out;
  out.file = file.file();
  out.model = *model;
  if (const auto pre = text("pre")) out.pre = *pre;
  out.tokens = detail::gguf_texts(file, "tokens");
  out.merges = detail::gguf_texts(file, "merges");
  if (auto scores = gguf_setting(file, "scores", "an array of numbers", &gguf_value::as_reals)) out.scores = *scores;
  if (auto types = gguf_setting(file, "token_type", "an array of integers", &gguf_value::as_integers))
    out.token_types = *types;
  out.bos_token_id = integer("bos_token_id");
  out.eos_token_id = integer("eos_token_id");
  out.unknown_token_id = integer("unknown_token_id");
  out.add_bos_token = flag("add_bos_token");
  out.add_eos_token = flag("add_eos_token");
  out.add_space_prefix = flag("add_space_prefix");
  return out;
}

}  // namespace strata
