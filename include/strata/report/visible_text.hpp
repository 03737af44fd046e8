/// A token's bytes as a label: text stays as it is, what no label can show becomes \xNN.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace strata::detail {

/// Length of the character that the bytes begin with; 0 where they begin with no UTF-8.
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view bytes) {
  const auto byte = [bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  // Forms that are longer than they need be, surrogates, and what is above U+10FFFF.
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F)) return 0;
  if ((lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) return 0;
  return length;
}

/// Whether a character can stand in a label: no control character, and none that XML forbids (U+FFFE, U+FFFF).
[[nodiscard]] constexpr bool is_visible(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  return lead >= 0x20 && lead != 0x7F && character != "\xEF\xBF\xBE" && character != "\xEF\xBF\xBF";
}

/// The bytes as UTF-8 in one line: control characters and bytes that are no UTF-8 are written \xNN.
[[nodiscard]] inline std::string visible_text(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    const std::string_view character = bytes.substr(0, length == 0 ? 1 : length);
    if (length > 0 && is_visible(character)) {
      text += character;
    } else {
      for (const char c : character) {
        text += "\\x";
        text += digits[static_cast<unsigned char>(c) / 16];
        text += digits[static_cast<unsigned char>(c) % 16];
      }
    }
    bytes.remove_prefix(character.size());
  }
  return text;
}

}  // namespace strata::detail
