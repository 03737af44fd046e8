// What every tokenizer has to do with any text: refuse it with a strata::data_error, or give ids of its vocabulary that
// decode; those of a vocabulary of bytes that neither normalises nor adds a space decode to the same text.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "strata/core/error.hpp"
#include "strata/text/tokenizer.hpp"

inline void fuzz_text(const strata::tokenizer& tokenizer, std::string_view text, bool comes_back) {
  try {
    const auto ids = tokenizer.encode(text, strata::special_tokens::none);
    for (const auto id : ids)
      if (id < 0 || static_cast<std::size_t>(id) >= tokenizer.vocabulary()) std::abort();
    if (const auto decoded = tokenizer.decode(ids); comes_back && decoded != text) std::abort();
  } catch (const strata::data_error&) {
  }
}

inline void fuzz_some_texts(const strata::tokenizer& tokenizer) {
  for (const std::string_view text :
       {"", " Hello, world's 123  \n\t x", "e\xcc\x81 日本 <|begin|> <|end|> ▁<s>", "\xff"})
    fuzz_text(tokenizer, text, false);
}
