/// The 256 characters in which byte-level vocabularies are written. A byte that is a printable character of Latin-1
/// stands for itself; the other 68 follow from U+0100 on, in order: the space 0x20 is "Ġ" (U+0120).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "strata/text/utf8.hpp"

namespace strata {

/// byte_characters[b] is the code point that stands for byte b.
inline constexpr std::array<char16_t, 256> byte_characters = [] {
  std::array<char16_t, 256> characters{};
  char16_t next = 256;
  for (std::size_t b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    characters[b] = printable ? static_cast<char16_t>(b) : next++;
  }
  return characters;
}();

/// The bytes that a token of the vocabulary stands for: "Ġa" is " a".
/// Returns: nothing if a character of `token` stands for no byte.
[[nodiscard]] inline std::optional<std::string> bytes_of_token(std::string_view token) {
  constexpr auto bytes = [] {
    std::array<std::int16_t, 256 + 68> table{};
    table.fill(-1);
    for (std::size_t b = 0; b < 256; ++b) table[byte_characters[b]] = static_cast<std::int16_t>(b);
    return table;
  }();

  std::string out;
  for (std::size_t offset = 0; offset < token.size();) {
    const auto point = next_code_point(token, offset);
    if (point < 0 || point >= static_cast<std::int32_t>(bytes.size())) return std::nullopt;
    const auto byte = bytes[static_cast<std::size_t>(point)];
    if (byte < 0) return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out;
}

}  // namespace strata
