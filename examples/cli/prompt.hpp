// The prompt that the command line names, and its tokens.
#pragma once

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>

#include "arguments.hpp"
#include "on_screen.hpp"
#include "strata/core/error.hpp"
#include "strata/text/tokenizer.hpp"

namespace cli {

inline void require_one_prompt(const arguments& given) {
  if (given.tokens && (given.bos || given.no_bos))
    strata::raise<strata::option_error>("--bos and --no-bos are about a text; --tokens are taken as they are");
  if (given.text.has_value() + given.file.has_value() + given.tokens.has_value() != 1)
    strata::raise<strata::option_error>(
        "give the prompt in one of three ways: --text \"Once upon a time there was a\", --file FILE, --tokens 1,2,3");
}

inline std::string text_of(const std::string& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    strata::raise<strata::data_error>(file, ": is a folder, expected a file with the prompt");
  std::string text;
  if (file == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream in(file, std::ios::binary);
    if (!in) strata::raise<strata::data_error>(file, ": cannot be read");
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  // The newline that ends a text file is not part of the prompt.
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
  return text;
}

// Of a prompt of token ids the tokenizer only writes the tokens out: where there is none that works, it goes without.
inline std::optional<strata::tokenizer> tokenizer_of(const arguments& given) {
  if (!given.tokens) return strata::tokenizer::from_file(given.model);
  try {
    const std::filesystem::path path = given.model;
    if (!std::filesystem::is_directory(path) || std::filesystem::exists(path / "tokenizer.json"))
      return strata::tokenizer::from_file(path);
  } catch (const strata::data_error& e) {
    std::fprintf(stderr, "strata: warning: tokens are shown as ids: %s\n", one_line(e.what()).c_str());
  }
  return std::nullopt;
}

inline strata::special_tokens special_tokens_of(const arguments& given) {
  if (given.bos) return strata::special_tokens::with_begin_of_text;
  return given.no_bos ? strata::special_tokens::without_begin_of_text : strata::special_tokens::as_file_says;
}

}  // namespace cli
