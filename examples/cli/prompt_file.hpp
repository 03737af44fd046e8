// Prompts of a file, one a line.
#pragma once

#include <cstddef>
#include <optional>
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

// Which prompts of a file are taken, and how much of them.
struct prompt_choice {
  std::size_t length = 0;    // most tokens of each; 0: whole prompts
  bool whole_length = true;  // no prompt that has fewer
  std::size_t skip = 0;      // of the first prompts
  std::size_t limit = 0;     // most prompts; 0: all

  // Refuses what cannot be; before anything is read.
  explicit prompt_choice(const arguments& given) {
    const auto read = [](const char* option, const std::optional<std::string>& text, std::size_t& value) {
      if (text && (value = number_of<std::size_t>(option, *text)) == 0)
        strata::raise<strata::option_error>(option, ": 0, expected at least 1");
    };
    read("--tokens", given.prompt_length, length);
    read("--skip", given.skip, skip);
    read("--limit", given.limit, limit);
  }
};

struct chosen_prompts {
  std::vector<std::vector<strata::token_id>> tokens;
  std::size_t too_short = 0;  // prompts that were left out

  // Of the file --prompts: each line up to a tab; empty ones are no prompts.
  chosen_prompts(const arguments& given, const opened_model& opened, const prompt_choice& choice) {
    std::istringstream lines(text_of(*given.prompts));
    std::size_t at = 0;
    for (std::string line; std::getline(lines, line);) {
      line = line.substr(0, line.find('\t'));
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.empty() || at++ < choice.skip) continue;
      if (choice.limit != 0 && tokens.size() == choice.limit) break;
      std::vector<strata::token_id> prompt = opened.tokens_of_text(line, given);
      if (choice.whole_length && prompt.size() < choice.length) {
        ++too_short;
        continue;
      }
      if (choice.length != 0 && prompt.size() > choice.length) prompt.resize(choice.length);
      strata::check_prompt(opened.shape(), prompt);
      tokens.push_back(std::move(prompt));
    }
    if (tokens.empty() && too_short > 0)
      strata::raise<strata::option_error>(*given.prompts, ": of ", too_short, " prompts none has ", choice.length,
                                          " tokens");
    if (tokens.empty())
      strata::raise<strata::option_error>(*given.prompts, ": holds no prompts",
                                          choice.skip > 0 ? " behind those that --skip leaves out" : "");
  }
};

}  // namespace cli
