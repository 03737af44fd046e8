/// How a vocabulary writes the bytes for which its tokens stand: byte by byte in a substitute alphabet ("Ġthe" is
/// " the"), or as text in which spaces are marked ("▁the") and single bytes are named ("<0x0A>").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "strata/text/byte_level.hpp"

namespace strata {

/// The mark of a space in vocabularies of text: "▁", U+2581.
inline constexpr std::string_view space_mark = "\xe2\x96\x81";

/// "<0x0A>" for 10: the token of a byte.
[[nodiscard]] inline std::string byte_token(std::uint8_t byte) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  return {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
}

/// The byte that a token names, with digits of either case.
[[nodiscard]] inline std::optional<char> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (const char c : token.substr(3, 2)) {
    constexpr std::string_view digits = "0123456789abcdef0123456789ABCDEF";
    const auto digit = digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = 16 * value + static_cast<unsigned>(digit % 16);
  }
  return static_cast<char>(value);
}

struct token_spelling {
  bool byte_level = true;
  bool marked_spaces = false;      // "▁" stands for a space
  bool named_bytes = false;        // "<0x0A>" stands for a byte
  std::size_t leading_spaces = 0;  // as many as there are, up to this number, belong to no text and are dropped

  /// The bytes for which a token stands.
  /// Returns: nothing if it stands for none: no text encodes to it.
  [[nodiscard]] std::optional<std::string> bytes_of(std::string_view token) const {
    if (byte_level) return bytes_of_token(token);
    if (const auto byte = named_bytes ? byte_of_token(token) : std::nullopt) return std::string(1, *byte);
    if (!marked_spaces) return std::string(token);
    std::string out;
    std::size_t done = 0;
    for (auto at = token.find(space_mark); at != std::string_view::npos; at = token.find(space_mark, done)) {
      out.append(token.substr(done, at - done)).append(1, ' ');
      done = at + space_mark.size();
    }
    out.append(token.substr(done));
    return out;
  }
};

}  // namespace strata
