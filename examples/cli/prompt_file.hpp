// Prompts of a file, one a line.
#pragma once

#include <cstddef>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "open_model.hpp"
#include "prompt.hpp"
#include "strata/core/error.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/graph/shape.hpp"

namespace cli {

// Of the file --prompts: each line up to a tab; empty ones are left out.
inline std::vector<std::vector<strata::token_id>> prompts_of(const arguments& given, const opened_model& opened) {
  std::vector<std::vector<strata::token_id>> prompts;
  std::istringstream lines(text_of(*given.prompts));
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find('\t'));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) prompts.push_back(opened.tokens_of_text(line, given));
  }
  return prompts;
}

// The first `length` tokens of each of them that has so many.
struct prompts_of_length {
  std::vector<std::vector<strata::token_id>> tokens;
  std::size_t too_short = 0;  // prompts that were left out

  // limit: of prompts that are taken; 0: none.
  prompts_of_length(const arguments& given, const opened_model& opened, std::size_t length, std::size_t limit = 0) {
    for (std::vector<strata::token_id>& prompt : prompts_of(given, opened)) {
      if (limit != 0 && tokens.size() == limit) break;
      if (prompt.size() < length) {
        ++too_short;
        continue;
      }
      prompt.resize(length);
      strata::check_prompt(opened.shape(), prompt);
      tokens.push_back(std::move(prompt));
    }
    if (tokens.empty())
      strata::raise<strata::option_error>(*given.prompts, ": of ", too_short, " prompts none has ", length, " tokens");
  }
};

}  // namespace cli
