/// UTF-8, in which texts come and go, and UTF-16, in which ICU matches patterns.
#pragma once

#include <unicode/unistr.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "strata/core/error.hpp"

namespace strata {

/// Longest text that is taken at once, in bytes: ICU counts in 32 bits.
inline constexpr std::size_t longest_text = std::size_t{1} << 30;

/// The code point that starts at byte `offset`, which is moved behind it; negative for an invalid sequence.
[[nodiscard]] inline std::int32_t next_code_point(std::string_view text, std::size_t& offset) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const std::size_t length = text.size();
  UChar32 point = 0;
  U8_NEXT(bytes, offset, length, point);
  return point;
}

/// The code point that ends before byte `offset` of a valid text of at most longest_text bytes; `offset` is moved to
/// its first byte.
[[nodiscard]] inline std::int32_t previous_code_point(std::string_view text, std::size_t& offset) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  auto at = static_cast<std::int32_t>(offset);
  UChar32 point = 0;
  U8_PREV(bytes, 0, at, point);
  offset = static_cast<std::size_t>(at);
  return point;
}

/// Checks that `text` is UTF-8 without surrogates and overlong forms.
/// Throws: strata::data_error with the byte offset of the first invalid sequence; strata::option_error for a text
///         that is longer than longest_text.
inline void require_utf8(std::string_view text) {
  if (text.size() > longest_text)
    raise<option_error>("the text has ", text.size(), " bytes, at most ", longest_text, " are taken at once");
  for (std::size_t offset = 0; offset < text.size();) {
    const std::size_t start = offset;
    if (next_code_point(text, offset) < 0)
      raise<data_error>("the text is not valid UTF-8: byte ", static_cast<unsigned char>(text[start]), " at offset ",
                        start, " does not start a complete character");
  }
}

/// The longest beginning of a valid text that has at most `bytes` bytes and ends with a whole character.
[[nodiscard]] inline std::string_view whole_characters(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && U8_IS_TRAIL(static_cast<std::uint8_t>(text[bytes]))) --bytes;
  return text.substr(0, bytes);
}

/// Requires: valid UTF-8 of at most longest_text bytes.
[[nodiscard]] inline icu::UnicodeString to_utf16(std::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

/// Replaces `out` by the UTF-8 form of the code units [begin, end).
inline void to_utf8(const icu::UnicodeString& text, std::int32_t begin, std::int32_t end, std::string& out) {
  constexpr std::size_t bytes_per_unit = 3;
  out.resize(bytes_per_unit * static_cast<std::size_t>(end - begin));
  std::int32_t length = 0;
  UErrorCode status = U_ZERO_ERROR;
  const auto capacity = static_cast<std::int32_t>(std::min<std::size_t>(out.size(), INT32_MAX));
  u_strToUTF8(out.data(), capacity, &length, text.getBuffer() + begin, end - begin, &status);
  if (U_FAILURE(status)) raise<data_error>("a piece of the text cannot be written as UTF-8: ", u_errorName(status));
  out.resize(static_cast<std::size_t>(length));
}

}  // namespace strata
