// The body of a fuzzer: any text is either refused with a strata::data_error, or an index of files of one folder.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "strata/core/error.hpp"
#include "strata/model/safetensors_shards.hpp"

/// Returns:  whether the text was accepted.
inline bool fuzz_weight_map(std::span<const std::uint8_t> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  try {
    for (const auto& [tensor, file] : strata::detail::read_weight_map(text, "index.json"))
      if (file.empty() || file.find('/') != file.npos || file == "." || file == "..") std::abort();
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
