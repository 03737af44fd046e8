/// What the numbers of a stored tensor are, and the exact value of a 16-bit one. Quantised numbers lie in blocks that
/// share a scale; quantised.hpp says what they mean.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace strata {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian, and are read as they lie");
static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

/// `other`: a type that weight files may contain and this library does not read (8-bit floats, unsigned integers, …).
enum class element_type : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u8,
  boolean,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  other
};

/// One row of the table of types.
struct element_type_entry {
  std::string_view name;
  std::size_t bits;  // of an element, or of a block
  element_type type;
  std::size_t block = 1;  // elements that are stored together
};

/// Source:   the format description of safetensors, "dtype"; for the types in blocks ggml-common.h, which GGUF files
///           follow.
inline constexpr std::array<element_type_entry, 30> element_types{{
    {"F64", 64, element_type::f64},
    {"F32", 32, element_type::f32},
    {"F16", 16, element_type::f16},
    {"BF16", 16, element_type::bf16},
    {"I64", 64, element_type::i64},
    {"I32", 32, element_type::i32},
    {"I16", 16, element_type::i16},
    {"I8", 8, element_type::i8},
    {"U8", 8, element_type::u8},
    {"BOOL", 8, element_type::boolean},
    {"Q4_0", 18UL * 8, element_type::q4_0, 32},
    {"Q4_1", 20UL * 8, element_type::q4_1, 32},
    {"Q5_0", 22UL * 8, element_type::q5_0, 32},
    {"Q5_1", 24UL * 8, element_type::q5_1, 32},
    {"Q8_0", 34UL * 8, element_type::q8_0, 32},
    {"Q2_K", 84UL * 8, element_type::q2_k, 256},
    {"Q3_K", 110UL * 8, element_type::q3_k, 256},
    {"Q4_K", 144UL * 8, element_type::q4_k, 256},
    {"Q5_K", 176UL * 8, element_type::q5_k, 256},
    {"Q6_K", 210UL * 8, element_type::q6_k, 256},
    {"U64", 64, element_type::other},
    {"U32", 32, element_type::other},
    {"U16", 16, element_type::other},
    {"C64", 64, element_type::other},
    {"F8_E4M3", 8, element_type::other},
    {"F8_E5M2", 8, element_type::other},
    {"F8_E8M0", 8, element_type::other},
    {"F6_E2M3", 6, element_type::other},
    {"F6_E3M2", 6, element_type::other},
    {"F4", 4, element_type::other},
}};

/// The type that a safetensors file calls so; it has none in blocks.
/// Returns:  nullptr for a name that the format does not know.
[[nodiscard]] constexpr const element_type_entry* find_element_type(std::string_view name) {
  for (const element_type_entry& entry : element_types)
    if (entry.block == 1 && entry.name == name) return &entry;
  return nullptr;
}

/// The type that ggml calls so.
/// Returns:  `other` for one that the library does not read.
[[nodiscard]] constexpr element_type find_ggml_type(std::string_view name) {
  for (const element_type_entry& entry : element_types)
    if (entry.name == name) return entry.type;
  return element_type::other;
}

/// Requires: a type other than `other`.
[[nodiscard]] constexpr const element_type_entry& entry_of(element_type type) {
  return element_types[static_cast<std::size_t>(type)];
}

/// The value of a bfloat16: the upper half of a float's bits.
[[nodiscard]] constexpr float widen_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// The value of an IEEE half: 1 sign, 5 exponent, 10 mantissa bits. Bit masks instead of branches, so that a loop
/// vectorises; no float below 2⁻²⁴ occurs on the way, so that it is right where subnormal floats are flushed to zero.
/// Accuracy: exact; a NaN keeps its payload.
[[nodiscard]] constexpr float widen_f16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t magnitude = bits & 0x7fffU;
  const std::uint32_t rebias = (127U - 15U) << 23;
  const std::uint32_t no_number = 0U - static_cast<std::uint32_t>(magnitude >= 0x7c00U);  // infinity or NaN: all ones
  const std::uint32_t normal = (magnitude << 13) + rebias + (rebias & no_number);
  const auto subnormal =
      std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24F);
  const std::uint32_t tiny = 0U - static_cast<std::uint32_t>(magnitude < 0x0400U);
  return std::bit_cast<float>(sign | (subnormal & tiny) | (normal & ~tiny));
}

}  // namespace strata
