// The body of a fuzzer: the tokenizer in any bytes taken for a GGUF file is refused, or works on some texts.
#pragma once

#include <cstdint>
#include <span>

#include "strata/core/error.hpp"
#include "strata/file/gguf.hpp"
#include "strata/text/tokenizer.hpp"
#include "text/any_text.hpp"

/// Returns:  whether the bytes were accepted.
inline bool fuzz_gguf_tokenizer(std::span<const std::uint8_t> input) {
  try {
    fuzz_some_texts(strata::tokenizer::from_gguf(strata::gguf_file(std::as_bytes(input), "fuzz.gguf")));
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
