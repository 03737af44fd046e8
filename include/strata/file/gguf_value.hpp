/// A metadata value of a GGUF file. It lies in the file's bytes: an array of a hundred thousand texts costs nothing
/// until somebody asks for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/byte_reader.hpp"
#include "strata/file/gguf_types.hpp"

namespace strata {

/// Valid as long as the file that it comes from. Every as_…() gives nothing where the value has another type.
class gguf_value {
 public:
  /// Reads a value of this type, and checks every length, type and flag in it.
  /// Throws:   strata::data_error that begins with the file's name and `where`.
  static gguf_value read(detail::byte_reader& file, std::uint32_t type_code, const std::string& where) {
    return read(file, type_code, where, 0);
  }

  [[nodiscard]] gguf_value_type type() const { return type_; }
  [[nodiscard]] bool is_array() const { return type_ == gguf_value_type::array; }

  /// Type of the elements and number of them; of a value that is no array, its own type and 1.
  [[nodiscard]] gguf_value_type element_type() const { return element_; }
  [[nodiscard]] std::size_t size() const { return count_; }

  /// An integer of any width that fits.
  [[nodiscard]] std::optional<std::int64_t> as_integer() const {
    return is_array() ? std::nullopt : integer_at(element_, bytes_.data());
  }

  /// A real number, or an integer of any width.
  [[nodiscard]] std::optional<double> as_real() const {
    return is_array() ? std::nullopt : real_at(element_, bytes_.data());
  }

  [[nodiscard]] std::optional<bool> as_flag() const {
    if (type_ != gguf_value_type::boolean) return std::nullopt;
    return bytes_[0] != std::byte{0};
  }

  [[nodiscard]] std::optional<std::string_view> as_text() const {
    if (type_ != gguf_value_type::text) return std::nullopt;
    return detail::byte_reader(bytes_, "").text("");
  }

  [[nodiscard]] std::optional<std::vector<std::string_view>> as_texts() const {
    if (!is_array() || element_ != gguf_value_type::text) return std::nullopt;
    std::vector<std::string_view> texts;
    texts.reserve(count_);
    detail::byte_reader reader(bytes_, "");
    for (std::size_t i = 0; i < count_; ++i) texts.push_back(reader.text(""));
    return texts;
  }

  /// Numbers of any type, rounded to float.
  [[nodiscard]] std::optional<std::vector<float>> as_reals() const {
    return each<float>([](gguf_value_type type, const std::byte* place) -> std::optional<float> {
      const std::optional<double> value = real_at(type, place);
      if (!value) return std::nullopt;
      return static_cast<float>(*value);
    });
  }

  /// Integers of any width that all fit.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> as_integers() const { return each<std::int64_t>(integer_at); }

  [[nodiscard]] std::optional<std::vector<bool>> as_flags() const {
    return each<bool>([](gguf_value_type type, const std::byte* place) -> std::optional<bool> {
      if (type != gguf_value_type::boolean) return std::nullopt;
      return *place != std::byte{0};
    });
  }

  /// The value for a message, shortened if it is long: 32, true, "llama", an array of 5 texts
  [[nodiscard]] std::string shown() const {
    if (is_array()) return concat("an array of ", count_, " ", plural_of(element_));
    if (const auto flag = as_flag()) return *flag ? "true" : "false";
    if (const auto text = as_text()) return detail::quoted_bytes(*text);
    if (type_ == gguf_value_type::u64) return concat(loaded<std::uint64_t>(bytes_.data()));
    if (const auto integer = as_integer()) return concat(*integer);
    return concat(*as_real());
  }

 private:
  static constexpr int deepest = 4;  // arrays within arrays; no file known to us has any

  static gguf_value_type type_of(std::uint32_t code, const detail::byte_reader& file, const std::string& where) {
    if (code >= gguf_value_types)
      raise<data_error>(file.file(), ": ", where, ": type of the value, expected at most ", gguf_value_types - 1,
                        ", found ", code);
    return static_cast<gguf_value_type>(code);
  }

  static gguf_value read(detail::byte_reader& file, std::uint32_t type_code, const std::string& where, int depth) {
    gguf_value value;
    value.type_ = value.element_ = type_of(type_code, file, where);
    std::uint64_t count = 1;
    if (value.is_array()) {
      if (depth == deepest)
        raise<data_error>(file.file(), ": ", where, ": arrays are nested deeper than ", deepest, " levels");
      value.element_ = type_of(file.number<std::uint32_t>(where), file, where);
      count = file.number<std::uint64_t>(where);
    }
    if (const std::size_t size = size_of(value.element_); size > 0) {
      value.bytes_ = file.take(count, size, where);
    } else {
      const bool texts = value.element_ == gguf_value_type::text;
      file.require(count, texts ? 8 : 12, where);
      const detail::byte_reader start = file;
      for (std::uint64_t i = 0; i < count; ++i) {
        if (texts) {
          static_cast<void>(file.text(where));
        } else {
          static_cast<void>(read(file, static_cast<std::uint32_t>(gguf_value_type::array), where, depth + 1));
        }
      }
      detail::byte_reader again = start;
      value.bytes_ = again.take(file.position() - start.position(), 1, where);
    }
    value.count_ = static_cast<std::size_t>(count);
    if (value.element_ == gguf_value_type::boolean)
      for (const std::byte flag : value.bytes_)
        if (flag > std::byte{1})
          raise<data_error>(file.file(), ": ", where, ": a flag, expected 0 or 1, found ",
                            std::to_integer<unsigned>(flag));
    return value;
  }

  template <class T>
  static T loaded(const std::byte* place) {
    T value;
    std::memcpy(&value, place, sizeof value);
    return value;
  }

  static std::optional<std::int64_t> integer_at(gguf_value_type type, const std::byte* place) {
    switch (type) {
      case gguf_value_type::u8:
        return loaded<std::uint8_t>(place);
      case gguf_value_type::i8:
        return loaded<std::int8_t>(place);
      case gguf_value_type::u16:
        return loaded<std::uint16_t>(place);
      case gguf_value_type::i16:
        return loaded<std::int16_t>(place);
      case gguf_value_type::u32:
        return loaded<std::uint32_t>(place);
      case gguf_value_type::i32:
        return loaded<std::int32_t>(place);
      case gguf_value_type::i64:
        return loaded<std::int64_t>(place);
      case gguf_value_type::u64: {
        const auto value = loaded<std::uint64_t>(place);
        if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
        return static_cast<std::int64_t>(value);
      }
      default:
        return std::nullopt;
    }
  }

  static std::optional<double> real_at(gguf_value_type type, const std::byte* place) {
    if (type == gguf_value_type::f32) return static_cast<double>(loaded<float>(place));
    if (type == gguf_value_type::f64) return loaded<double>(place);
    if (type == gguf_value_type::u64) return static_cast<double>(loaded<std::uint64_t>(place));
    const std::optional<std::int64_t> integer = integer_at(type, place);
    if (!integer) return std::nullopt;
    return static_cast<double>(*integer);
  }

  template <class T, class Read>
  [[nodiscard]] std::optional<std::vector<T>> each(Read read_one) const {
    const std::size_t step = size_of(element_);
    if (!is_array() || step == 0) return std::nullopt;
    std::vector<T> values;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::optional<T> value = read_one(element_, bytes_.data() + i * step);
      if (!value) return std::nullopt;
      values.push_back(*value);
    }
    return values;
  }

  gguf_value_type type_ = gguf_value_type::u8;
  gguf_value_type element_ = gguf_value_type::u8;
  std::size_t count_ = 0;
  std::span<const std::byte> bytes_;  // the elements, without the array's head
};

}  // namespace strata
