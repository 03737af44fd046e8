/// Reads little-endian numbers and stretches of bytes one after the other, never beyond the end: a length that comes
/// from the file is compared with what is left before anything is taken.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "strata/core/error.hpp"

namespace strata::detail {

static_assert(std::endian::native == std::endian::little, "files are little-endian, and are read as they lie");

/// The text in quotes, what is not printable ASCII escaped, shortened if it is long: for a message.
[[nodiscard]] inline std::string quoted_bytes(std::string_view text) {
  constexpr std::size_t longest = 100;
  constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + (text.size() > longest ? "…\"" : "\"");
}

class byte_reader {
 public:
  /// `file`: how messages call it.
  byte_reader(std::span<const std::byte> bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {}

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - position_; }

  /// The next `count` elements of `size` bytes each; `what` says in a message what they would have been.
  /// Requires: size > 0.
  [[nodiscard]] std::span<const std::byte> take(std::uint64_t count, std::size_t size, std::string_view what) {
    require(count, size, what);
    const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(count) * size);
    position_ += taken.size();
    return taken;
  }

  /// Throws:   strata::data_error if the bytes that are left cannot hold so many elements of at least so many bytes.
  void require(std::uint64_t count, std::size_t least_size, std::string_view what) const {
    if (count > left() / least_size)
      raise<data_error>(file_, ": the file is cut off at byte ", position_, ", expected ", what, " (", count, " × ",
                        least_size, " bytes or more), found ", left(), " bytes");
  }

  template <class T>
  [[nodiscard]] T number(std::string_view what) {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(1, sizeof value, what).data(), sizeof value);
    return value;
  }

  /// A text as GGUF stores it: its length in 64 bits, then its bytes.
  [[nodiscard]] std::string_view text(std::string_view what) {
    const auto length = number<std::uint64_t>(what);
    const std::span<const std::byte> bytes = take(length, 1, what);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  std::string file_;
  std::size_t position_ = 0;
};

}  // namespace strata::detail
