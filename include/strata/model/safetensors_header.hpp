/// The table of contents of a safetensors file: JSON such as
///   {"__metadata__": {"format": "pt"}, "norm.weight": {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]}, …}
/// with offsets into the bytes that follow it. Checked entry by entry, and as a whole.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/model/element_type.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/tensor_view.hpp"

namespace strata::detail {

/// Where in a message the tensor is: model.safetensors: tensor "x"
[[nodiscard]] inline std::string tensor_place(std::string_view file, std::string_view tensor) {
  return concat(file, ": tensor ", in_quotes(tensor));
}

/// An entry of the header, checked against itself and against the number of bytes that follow the header.
struct safetensors_entry {
  tensor_view view;
  const element_type_entry* type = nullptr;
  std::size_t begin = 0;  // in bytes after the header
  std::size_t end = 0;
};

[[nodiscard]] inline std::size_t unsigned_number(const nlohmann::json& value, const std::string& where,
                                                 const char* key) {
  if (!value.is_number_unsigned())
    raise<data_error>(where, ": \"", key, "\", expected a whole number from 0 to 2^64 - 1, found ", shown(value));
  return value.get<std::size_t>();
}

[[nodiscard]] inline const nlohmann::json& array_of(const nlohmann::json& value, const std::string& where,
                                                    const char* key) {
  if (!value.is_array()) raise<data_error>(where, ": \"", key, "\", expected an array, found ", shown(value));
  return value;
}

// shape × bits of an element / 8, refused where it overflows or is no whole number of bytes
[[nodiscard]] inline std::size_t stored_bytes(const safetensors_entry& entry) {
  std::size_t bits = entry.type->bits;
  for (const std::size_t extent : entry.view.shape) {
    if (extent != 0 && bits > std::numeric_limits<std::size_t>::max() / extent)
      raise<data_error>(entry.view.where, ": shape ", shape_text(entry.view.shape), " is larger than any file");
    bits *= extent;
  }
  if (bits % 8 != 0) raise<data_error>(entry.view.where, ": ", bits, " bits, expected a whole number of bytes");
  return bits / 8;
}

[[nodiscard]] inline safetensors_entry read_entry(const std::string& name, const nlohmann::json& json,
                                                  std::string_view file, std::span<const std::byte> data) {
  const std::string where = tensor_place(file, name);
  if (!json.is_object()) raise<data_error>(where, ": expected an object, found ", shown(json));
  for (const char* key : {"dtype", "shape", "data_offsets"})
    if (!json.contains(key)) raise<data_error>(where, ": expected the key \"", key, "\", found none");
  for (const auto& [key, value] : json.items())
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      raise<data_error>(where, ": expected the keys dtype, shape and data_offsets, found ", in_quotes(key));

  safetensors_entry entry;
  entry.view.name = name;
  entry.view.where = where;
  const nlohmann::json& dtype = json["dtype"];
  entry.type = dtype.is_string() ? find_element_type(dtype.get_ref<const std::string&>()) : nullptr;
  if (entry.type == nullptr)
    raise<data_error>(where, ": \"dtype\", expected a type of the format such as \"F32\", found ", shown(dtype));
  entry.view.dtype = entry.type->type;
  for (const nlohmann::json& extent : array_of(json["shape"], where, "shape"))
    entry.view.shape.push_back(unsigned_number(extent, where, "shape"));

  const nlohmann::json& offsets = array_of(json["data_offsets"], where, "data_offsets");
  if (offsets.size() != 2) raise<data_error>(where, ": \"data_offsets\", expected two numbers, found ", shown(offsets));
  entry.begin = unsigned_number(offsets[0], where, "data_offsets");
  entry.end = unsigned_number(offsets[1], where, "data_offsets");
  if (entry.begin > entry.end)
    raise<data_error>(where, ": \"data_offsets\", expected begin <= end, found ", shown(offsets));
  if (entry.end > data.size())
    raise<data_error>(where, ": data_offsets end beyond the file, expected at most ", data.size(), ", found ",
                      entry.end);
  const std::size_t expected = stored_bytes(entry);
  if (entry.end - entry.begin != expected)
    raise<data_error>(where, ": ", entry.type->name, " of shape ", shape_text(entry.view.shape), ", expected ",
                      expected, " bytes, found ", entry.end - entry.begin);
  entry.view.bytes = data.subspan(entry.begin, expected);
  return entry;
}

// The format allows neither overlaps nor holes: with them one file could mean different things to different readers.
inline void require_gapless(std::vector<const safetensors_entry*> entries, std::string_view file, std::size_t size) {
  std::sort(entries.begin(), entries.end(),
            [](const auto* a, const auto* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
  std::size_t covered = 0;
  for (const safetensors_entry* entry : entries) {
    if (entry->begin != covered)
      raise<data_error>(entry->view.where, entry->begin < covered ? ": overlaps another tensor" : ": follows a hole",
                        ", expected data_offsets to begin at ", covered, ", found ", entry->begin);
    covered = entry->end;
  }
  if (covered != size)
    raise<data_error>(file, ": bytes after the last tensor, expected ", covered, " bytes of tensors, found ", size);
}

}  // namespace strata::detail
