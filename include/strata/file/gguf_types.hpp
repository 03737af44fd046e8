/// The types that a GGUF file may name: those of metadata values, and those of tensors, which lie in blocks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace strata {

/// Source:   the GGUF specification, gguf_metadata_value_type.
enum class gguf_value_type : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

inline constexpr std::uint32_t gguf_value_types = 13;

/// Bytes of a value, or 0 if it has no fixed size (a text, an array).
[[nodiscard]] constexpr std::size_t size_of(gguf_value_type type) {
  constexpr std::array<std::size_t, gguf_value_types> sizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<std::size_t>(type)];
}

/// What a message calls several of them.
[[nodiscard]] constexpr std::string_view plural_of(gguf_value_type type) {
  constexpr std::array<std::string_view, gguf_value_types> names{
      "integers", "integers", "integers", "integers", "integers", "integers", "numbers",
      "flags",    "texts",    "arrays",   "integers", "integers", "numbers"};
  return names[static_cast<std::size_t>(type)];
}

/// A type of tensors: so many elements of a row are stored together in so many bytes.
struct gguf_type_entry {
  std::string_view name;
  std::uint32_t code;
  std::size_t block_elements;
  std::size_t block_bytes;
};

/// Source:   ggml.h, enum ggml_type, and ggml-common.h, the block structures; the codes that are left out are of types
///           that were withdrawn.
inline constexpr std::array<gguf_type_entry, 34> gguf_types{{
    {"F32", 0, 1, 4},         {"F16", 1, 1, 2},         {"Q4_0", 2, 32, 18},      {"Q4_1", 3, 32, 20},
    {"Q5_0", 6, 32, 22},      {"Q5_1", 7, 32, 24},      {"Q8_0", 8, 32, 34},      {"Q8_1", 9, 32, 36},
    {"Q2_K", 10, 256, 84},    {"Q3_K", 11, 256, 110},   {"Q4_K", 12, 256, 144},   {"Q5_K", 13, 256, 176},
    {"Q6_K", 14, 256, 210},   {"Q8_K", 15, 256, 292},   {"IQ2_XXS", 16, 256, 66}, {"IQ2_XS", 17, 256, 74},
    {"IQ3_XXS", 18, 256, 98}, {"IQ1_S", 19, 256, 50},   {"IQ4_NL", 20, 32, 18},   {"IQ3_S", 21, 256, 110},
    {"IQ2_S", 22, 256, 82},   {"IQ4_XS", 23, 256, 136}, {"I8", 24, 1, 1},         {"I16", 25, 1, 2},
    {"I32", 26, 1, 4},        {"I64", 27, 1, 8},        {"F64", 28, 1, 8},        {"IQ1_M", 29, 256, 56},
    {"BF16", 30, 1, 2},       {"TQ1_0", 34, 256, 54},   {"TQ2_0", 35, 256, 66},   {"MXFP4", 39, 32, 17},
    {"NVFP4", 40, 64, 36},    {"Q1_0", 41, 128, 18},
}};

/// Returns:  nullptr for a code that is not in the table.
[[nodiscard]] constexpr const gguf_type_entry* find_gguf_type(std::uint32_t code) {
  for (const gguf_type_entry& entry : gguf_types)
    if (entry.code == code) return &entry;
  return nullptr;
}

}  // namespace strata
