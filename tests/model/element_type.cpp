#include "strata/model/element_type.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "support/write_safetensors.hpp"

using strata::element_type;

namespace {

/// The definition of a binary floating-point format, term by term; slow.
double value_of(std::uint32_t bits, int exponent_bits, int mantissa_bits) {
  const std::uint32_t mantissa = bits & ((1U << mantissa_bits) - 1);
  const int exponent = static_cast<int>((bits >> mantissa_bits) & ((1U << exponent_bits) - 1));
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = (bits >> (exponent_bits + mantissa_bits)) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1)
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  const double fraction = std::ldexp(static_cast<double>(mantissa), -mantissa_bits);
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

/// Equal values with equal sign, or both NaN.
bool same(float a, double b) {
  if (std::isnan(b)) return std::isnan(a);
  return static_cast<double>(a) == b && std::signbit(a) == std::signbit(b);
}

}  // namespace

TEST_CASE("every half has the value that its bits mean") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 65536; ++bits)
    wrong += same(strata::widen_f16(static_cast<std::uint16_t>(bits)), value_of(bits, 5, 10)) ? 0 : 1;
  CHECK(wrong == 0);
  CHECK(strata::widen_f16(0x3c00) == 1.0F);
  CHECK(strata::widen_f16(0x0001) == 0x1p-24F);
  CHECK(strata::widen_f16(0x03ff) == 0x1.ff8p-15F);
  CHECK(strata::widen_f16(0x7bff) == 65504.0F);
  CHECK(strata::widen_f16(0xfc00) == -std::numeric_limits<float>::infinity());
  CHECK(std::bit_cast<std::uint32_t>(strata::widen_f16(0xfe01)) == 0xffc02000U);
  static_assert(strata::widen_f16(0xc000) == -2.0F);
}

TEST_CASE("every bfloat16 has the value that its bits mean") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 65536; ++bits)
    wrong += same(strata::widen_bf16(static_cast<std::uint16_t>(bits)), value_of(bits, 8, 7)) ? 0 : 1;
  CHECK(wrong == 0);
  static_assert(strata::widen_bf16(0x4049) == 3.140625F);
}

TEST_CASE("the writer of test files rounds to the nearest half and bfloat16, ties to even") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const float value = strata::widen_f16(static_cast<std::uint16_t>(bits));
    const float next = bits == 0x7bff ? 65536.0F : strata::widen_f16(static_cast<std::uint16_t>(bits + 1));
    const float middle = value + (next - value) / 2;
    wrong += safetensors_writer::to_f16(value) == bits ? 0 : 1;
    wrong += safetensors_writer::to_f16(-value) == (bits | 0x8000U) ? 0 : 1;
    wrong += safetensors_writer::to_f16(std::nextafter(middle, value)) == bits ? 0 : 1;
    wrong += safetensors_writer::to_f16(std::nextafter(middle, next)) == bits + 1 ? 0 : 1;
    wrong += safetensors_writer::to_f16(middle) == bits + (bits & 1U) ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK(safetensors_writer::to_bf16(1.0F) == 0x3f80);
  CHECK(safetensors_writer::to_bf16(0x1.01p0F) == 0x3f80);
  CHECK(safetensors_writer::to_bf16(0x1.03p0F) == 0x3f82);
  CHECK(safetensors_writer::to_bf16(0x1.010002p0F) == 0x3f81);
}

TEST_CASE("the table of types: the enumerators number its first rows") {
  for (const element_type type :
       {element_type::f64,  element_type::f32,  element_type::f16,  element_type::bf16, element_type::i64,
        element_type::i32,  element_type::i16,  element_type::i8,   element_type::u8,   element_type::boolean,
        element_type::q4_0, element_type::q4_1, element_type::q5_0, element_type::q5_1, element_type::q8_0,
        element_type::q2_k, element_type::q3_k, element_type::q4_k, element_type::q5_k, element_type::q6_k})
    CHECK(strata::entry_of(type).type == type);
  CHECK(strata::find_element_type("BF16")->type == element_type::bf16);
  CHECK(strata::find_element_type("BOOL")->bits == 8);
  CHECK(strata::find_element_type("F4")->type == element_type::other);
  CHECK(strata::find_element_type("f32") == nullptr);
  CHECK(strata::find_element_type("") == nullptr);
  CHECK(strata::find_element_type("Q8_0") == nullptr);  // not in safetensors files
  CHECK(strata::find_ggml_type("Q8_0") == element_type::q8_0);
  CHECK(strata::find_ggml_type("F64") == element_type::f64);
  CHECK(strata::find_ggml_type("IQ4_XS") == element_type::other);
}
