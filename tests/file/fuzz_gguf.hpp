// The body of a fuzzer: any bytes are either refused with a strata::data_error, or a file that keeps its promises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "strata/core/error.hpp"
#include "strata/file/gguf.hpp"

/// Returns:  whether the bytes were accepted.
inline bool fuzz_gguf(std::span<const std::uint8_t> input) {
  const std::span<const std::byte> bytes = std::as_bytes(input);
  try {
    const strata::gguf_file file(bytes, "fuzz.gguf");
    for (const auto& [key, value] : file.metadata()) {
      static_cast<void>(value.shown());
      static_cast<void>(value.as_flag());
      static_cast<void>(value.as_text());
      static_cast<void>(value.as_integers());
      static_cast<void>(value.as_flags());
      if (value.as_integer() && !value.as_real()) std::abort();
      if (const auto reals = value.as_reals(); reals && reals->size() != value.size()) std::abort();
      if (const auto texts = value.as_texts(); texts && texts->size() != value.size()) std::abort();
    }
    std::size_t covered = 0;
    unsigned sum = 0;
    for (const auto& [name, tensor] : file.tensors()) {
      covered += tensor.bytes.size();
      for (const std::byte byte : tensor.bytes) sum += std::to_integer<unsigned>(byte);
      if (tensor.shape.empty() || tensor.shape.size() > 4) std::abort();
    }
    volatile unsigned seen = sum;  // so that the bytes are read
    static_cast<void>(seen);
    if (covered > input.size()) std::abort();
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
