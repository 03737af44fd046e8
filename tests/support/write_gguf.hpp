// Makes GGUF files, well-formed and other ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace gguf_writer {

using bytes = std::vector<std::byte>;

template <class T>
void put(bytes& out, T value) {
  static_assert(std::is_arithmetic_v<T>);
  out.resize(out.size() + sizeof value);
  std::memcpy(out.data() + out.size() - sizeof value, &value, sizeof value);
}

inline void put_text(bytes& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
}

/// The code of a value's type.
template <class T>
constexpr std::uint32_t code_of() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return 0;
  if constexpr (std::is_same_v<T, std::int8_t>) return 1;
  if constexpr (std::is_same_v<T, std::uint16_t>) return 2;
  if constexpr (std::is_same_v<T, std::int16_t>) return 3;
  if constexpr (std::is_same_v<T, std::uint32_t>) return 4;
  if constexpr (std::is_same_v<T, std::int32_t>) return 5;
  if constexpr (std::is_same_v<T, float>) return 6;
  if constexpr (std::is_same_v<T, bool>) return 7;
  if constexpr (std::is_same_v<T, std::string>) return 8;
  if constexpr (std::is_same_v<T, std::uint64_t>) return 10;
  if constexpr (std::is_same_v<T, std::int64_t>) return 11;
  if constexpr (std::is_same_v<T, double>) return 12;
}

struct setting {
  std::string key;
  std::uint32_t type;
  bytes value;
};

template <class T>
void put_value(bytes& out, const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    put_text(out, value);
  } else {
    put(out, value);
  }
}

template <class T>
[[nodiscard]] setting one(std::string key, const T& value) {
  setting s{std::move(key), code_of<T>(), {}};
  put_value(s.value, value);
  return s;
}

[[nodiscard]] inline setting text(std::string key, const std::string& value) { return one(std::move(key), value); }

template <class T>
[[nodiscard]] setting array(std::string key, const std::vector<T>& values) {
  setting s{std::move(key), 9, {}};
  put<std::uint32_t>(s.value, code_of<T>());
  put<std::uint64_t>(s.value, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) put_value<T>(s.value, values[i]);
  return s;
}

struct tensor {
  std::string name;
  std::uint32_t type;
  std::vector<std::uint64_t> extents;  // in the file's order: row length first
  std::uint64_t offset;
};

template <class T>
[[nodiscard]] bytes bytes_of(const std::vector<T>& values) {
  bytes out;
  for (const T value : values) put(out, value);
  return out;
}

/// A file of any version, counts and table; the data begins at the next multiple of `alignment`.
struct file {
  std::uint32_t version = 3;
  std::vector<setting> settings;
  std::vector<tensor> tensors;
  bytes data;
  std::size_t alignment = 32;

  [[nodiscard]] bytes content() const { return content(tensors.size(), settings.size()); }

  /// With other numbers of tensors and settings than there are.
  [[nodiscard]] bytes content(std::uint64_t tensor_count, std::uint64_t setting_count) const {
    bytes out;
    for (const char c : std::string_view("GGUF")) out.push_back(static_cast<std::byte>(c));
    put(out, version);
    put(out, tensor_count);
    put(out, setting_count);
    for (const setting& s : settings) {
      put_text(out, s.key);
      put(out, s.type);
      out.insert(out.end(), s.value.begin(), s.value.end());
    }
    for (const tensor& t : tensors) {
      put_text(out, t.name);
      put(out, static_cast<std::uint32_t>(t.extents.size()));
      for (const std::uint64_t extent : t.extents) put(out, extent);
      put(out, t.type);
      put(out, t.offset);
    }
    out.resize((out.size() + alignment - 1) / alignment * alignment);
    out.insert(out.end(), data.begin(), data.end());
    return out;
  }
};

}  // namespace gguf_writer
