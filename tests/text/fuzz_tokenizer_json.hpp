// The body of a fuzzer: any text is either refused with a strata::data_error, or gives a tokenizer that encodes or
// refuses texts, and whose ids are all in its vocabulary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "strata/core/error.hpp"
#include "strata/text/tokenizer.hpp"

/// Returns:  whether the text was accepted.
inline bool fuzz_tokenizer_json(std::span<const std::uint8_t> input) {
  try {
    const auto tokenizer =
        strata::tokenizer::from_json({reinterpret_cast<const char*>(input.data()), input.size()}, "fuzz.json");
    for (const std::string_view text :
         {"", " Hello, world's 123  \n\t x", "e\xcc\x81 日本 <|begin|> <|end|>", "\xff"}) {
      try {
        const auto ids = tokenizer.encode(text);
        for (const auto id : ids)
          if (id < 0 || static_cast<std::size_t>(id) >= tokenizer.vocabulary()) std::abort();
        static_cast<void>(tokenizer.decode(ids));
      } catch (const strata::data_error&) {
      }
    }
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
