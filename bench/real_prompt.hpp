// A prompt of real text: the beginning of README.md, repeated where it is too short.
#pragma once

#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/graph/graph.hpp"
#include "strata/text/tokenizer.hpp"

namespace bench {

inline std::vector<strata::token_id> real_prompt(const std::string& model, std::size_t count) {
  const std::string file = STRATA_SOURCE_DIR "/README.md";
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const std::vector<strata::token_id> all = strata::tokenizer::from_file(model).encode(text);
  if (all.empty()) strata::raise<strata::data_error>(file, ": cannot be read, or is empty");
  std::vector<strata::token_id> tokens(count);
  for (std::size_t t = 0; t < count; ++t) tokens[t] = all[t % all.size()];
  return tokens;
}

}  // namespace bench
