// Prompts of a file, one a line.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "open_model.hpp"
#include "prompt.hpp"
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

}  // namespace cli
