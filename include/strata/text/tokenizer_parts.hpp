/// What a tokenizer consists of, whatever file it was read from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strata/text/added_tokens.hpp"
#include "strata/text/bpe.hpp"
#include "strata/text/pre_tokenizer.hpp"

namespace strata {

enum class normal_form { as_given, nfc };

struct tokenizer_parts {
  std::vector<std::string> pieces;  // (vocabulary): the bytes of each token
  std::vector<added_token> added;
  normal_form normalization = normal_form::as_given;
  pre_tokenizer words;
  bpe_model model;
  std::vector<std::int32_t> before;  // tokens that the post-processor puts around a text
  std::vector<std::int32_t> after;
};

}  // namespace strata
