/// What a tokenizer consists of, whatever file it was read from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "strata/text/added_tokens.hpp"
#include "strata/text/bpe.hpp"
#include "strata/text/normalizer.hpp"
#include "strata/text/pre_tokenizer.hpp"

namespace strata {

struct tokenizer_parts {
  std::vector<std::string> pieces;  // (vocabulary): the bytes of each token
  std::vector<added_token> added;
  normalizer normalize;
  pre_tokenizer words;
  bpe_model model;
  std::vector<std::int32_t> before;  // tokens that the post-processor puts around a text
  std::vector<std::int32_t> after;
  std::int32_t begin_of_text = -1;  // the token that models expect before a text; negative if none is known
  std::int32_t end_of_text = -1;    // the token with which models end a text; negative if none is known
  std::size_t leading_spaces = 0;   // at most so many that encoding put before a text; decoding drops them
};

}  // namespace strata
