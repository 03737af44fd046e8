// The body of a fuzzer: any text is either refused with a strata::data_error, or gives a tokenizer that treats texts as it
// should (fuzz_tokenizer.hpp).
#pragma once

#include <cstdint>
#include <span>

#include "strata/core/error.hpp"
#include "strata/text/tokenizer.hpp"
#include "text/any_text.hpp"

/// Returns:  whether the text was accepted.
inline bool fuzz_tokenizer_json(std::span<const std::uint8_t> input) {
  try {
    const auto tokenizer =
        strata::tokenizer::from_json({reinterpret_cast<const char*>(input.data()), input.size()}, "fuzz.json");
    fuzz_some_texts(tokenizer);
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
