// Makes safetensors files: well-formed ones from values, and any other from a header's text.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"

namespace safetensors_writer {

struct tensor {
  std::string name;
  std::string dtype;
  std::vector<std::size_t> shape;
  std::vector<std::byte> bytes;
};

/// The bytes of any trivially copyable values under any type name.
template <class T>
[[nodiscard]] tensor stored(std::string name, std::string dtype, std::vector<std::size_t> shape,
                            const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return {std::move(name), std::move(dtype), std::move(shape), std::move(bytes)};
}

/// Rounds to the nearest bfloat16, ties to even. Requires: not NaN.
[[nodiscard]] inline std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

/// Rounds to the nearest half, ties to even. Requires: not NaN.
[[nodiscard]] inline std::uint16_t to_f16(float value) {
  const auto sign = static_cast<std::uint16_t>(std::signbit(value) ? 0x8000 : 0);
  const double magnitude = std::fabs(static_cast<double>(value));
  if (magnitude >= 65520) return static_cast<std::uint16_t>(sign | 0x7c00);
  const int exponent = magnitude < 0x1p-14 ? -14 : std::ilogb(magnitude);
  const auto mantissa = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));  // 1024 … 2048, or less
  return static_cast<std::uint16_t>(sign | (mantissa + ((exponent + 14) << 10)));
}

[[nodiscard]] inline tensor f32(std::string name, std::vector<std::size_t> shape, const std::vector<float>& values) {
  return stored(std::move(name), "F32", std::move(shape), values);
}

[[nodiscard]] inline tensor bf16(std::string name, std::vector<std::size_t> shape, const std::vector<float>& values) {
  std::vector<std::uint16_t> rounded;
  rounded.reserve(values.size());
  for (const float value : values) rounded.push_back(to_bf16(value));
  return stored(std::move(name), "BF16", std::move(shape), rounded);
}

[[nodiscard]] inline tensor f16(std::string name, std::vector<std::size_t> shape, const std::vector<float>& values) {
  std::vector<std::uint16_t> rounded;
  rounded.reserve(values.size());
  for (const float value : values) rounded.push_back(to_f16(value));
  return stored(std::move(name), "F16", std::move(shape), rounded);
}

/// The 8 bytes of the header's length, as given, and the header.
[[nodiscard]] inline std::vector<std::byte> with_length(std::uint64_t length, std::string_view header) {
  std::vector<std::byte> bytes(8 + header.size());
  std::memcpy(bytes.data(), &length, 8);
  if (!header.empty()) std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

/// A file with this header, well-formed or not, and so many bytes after it.
[[nodiscard]] inline std::vector<std::byte> with_header(std::string_view header, std::size_t data_bytes = 0) {
  std::vector<std::byte> bytes = with_length(header.size(), header);
  bytes.resize(bytes.size() + data_bytes);
  return bytes;
}

/// The header of well-formed tensors that lie in the order given; names and metadata need no escapes.
[[nodiscard]] inline std::string header_of(const std::vector<tensor>& tensors,
                                           const std::map<std::string, std::string>& metadata = {}) {
  using strata::concat;
  std::string texts;
  for (const auto& [key, value] : metadata) texts += concat(texts.empty() ? "" : ",", '"', key, "\":\"", value, '"');
  std::string header = "{";
  if (!metadata.empty()) header += concat("\"__metadata__\":{", texts, '}');
  std::size_t begin = 0;
  for (const tensor& t : tensors) {
    std::string shape;
    for (const std::size_t extent : t.shape) shape += concat(shape.empty() ? "" : ",", extent);
    const std::size_t end = begin + t.bytes.size();
    header += concat(header.size() == 1 ? "" : ",", '"', t.name, "\":{\"dtype\":\"", t.dtype, "\",\"shape\":[", shape,
                     "],\"data_offsets\":[", begin, ',', end, "]}");
    begin = end;
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');  // so that the tensors are aligned
  return header;
}

[[nodiscard]] inline std::vector<std::byte> file_bytes(const std::vector<tensor>& tensors,
                                                       const std::map<std::string, std::string>& metadata = {}) {
  std::vector<std::byte> bytes = with_header(header_of(tensors, metadata));
  for (const tensor& t : tensors) bytes.insert(bytes.end(), t.bytes.begin(), t.bytes.end());
  return bytes;
}

/// Writes tensor by tensor, without a second copy of all of them.
inline void write_file(const std::filesystem::path& path, const std::vector<tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {}) {
  std::ofstream file(path, std::ios::binary);
  const auto write = [&file](std::span<const std::byte> bytes) {
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  };
  write(with_header(header_of(tensors, metadata)));
  for (const tensor& t : tensors) write(t.bytes);
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace safetensors_writer
