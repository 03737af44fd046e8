// The body of a fuzzer that gets behind the length at the beginning of a safetensors file, which random edits seldom
// keep right: the first byte of the input is the number of data bytes, the rest the header's text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "model/fuzz_safetensors.hpp"

/// Returns:  whether the file with that header was accepted.
inline bool fuzz_safetensors_header(std::span<const std::uint8_t> input) {
  if (input.empty()) return false;
  const std::span<const std::uint8_t> header = input.subspan(1);
  const std::uint64_t length = header.size();
  std::vector<std::uint8_t> file(sizeof length);
  std::memcpy(file.data(), &length, sizeof length);
  file.insert(file.end(), header.begin(), header.end());
  file.insert(file.end(), input[0], std::uint8_t{1});
  return fuzz_safetensors(file);
}
