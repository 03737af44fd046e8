/// Quantised weights: blocks of 32 small integers q that share a scale d, and in some types a minimum m, both halves.
///   Q4_0, Q5_0, Q8_0: d · q        (q from −8, −16, −127)
///   Q4_1, Q5_1:       d · q + m    (q from 0)
/// The types with 256 elements a block are in quantised_k.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "strata/core/contract.hpp"
#include "strata/model/element_type.hpp"
#include "strata/model/quantised_k.hpp"

namespace strata::detail {

// Each block is copied out first, so that the compiler knows that writing values cannot change it: the loops over 16
// or 32 bytes below then become a few vector instructions.

struct block_q4_0 {
  std::uint16_t d;
  std::array<std::uint8_t, 16> q;  // low halves: elements 0 … 15, high halves: 16 … 31

  void values(float* out) const {
    const float scale = widen_f16(d);
    for (std::size_t i = 0; i < 16; ++i) {
      out[i] = scale * static_cast<float>((q[i] & 15) - 8);
      out[i + 16] = scale * static_cast<float>((q[i] >> 4) - 8);
    }
  }
};

struct block_q4_1 {
  std::uint16_t d, m;
  std::array<std::uint8_t, 16> q;

  void values(float* out) const {
    const float scale = widen_f16(d), least = widen_f16(m);
    for (std::size_t i = 0; i < 16; ++i) {
      out[i] = scale * static_cast<float>(q[i] & 15) + least;
      out[i + 16] = scale * static_cast<float>(q[i] >> 4) + least;
    }
  }
};

/// The fifth bits of 32 elements, one a bit, as 0 or 16.
[[nodiscard]] inline std::array<std::int32_t, 32> fifth_bits(const std::array<std::uint8_t, 4>& bytes) {
  std::uint32_t bits;
  std::memcpy(&bits, bytes.data(), sizeof bits);
  std::array<std::int32_t, 32> fifth;
  for (std::uint32_t i = 0; i < 32; ++i) fifth[i] = static_cast<std::int32_t>(((bits >> i) & 1U) << 4);
  return fifth;
}

struct block_q5_0 {
  std::uint16_t d;
  std::array<std::uint8_t, 4> high;
  std::array<std::uint8_t, 16> q;

  void values(float* out) const {
    const float scale = widen_f16(d);
    const auto fifth = fifth_bits(high);
    for (std::size_t i = 0; i < 16; ++i) {
      out[i] = scale * static_cast<float>(((q[i] & 15) | fifth[i]) - 16);
      out[i + 16] = scale * static_cast<float>(((q[i] >> 4) | fifth[i + 16]) - 16);
    }
  }
};

struct block_q5_1 {
  std::uint16_t d, m;
  std::array<std::uint8_t, 4> high;
  std::array<std::uint8_t, 16> q;

  void values(float* out) const {
    const float scale = widen_f16(d), least = widen_f16(m);
    const auto fifth = fifth_bits(high);
    for (std::size_t i = 0; i < 16; ++i) {
      out[i] = scale * static_cast<float>((q[i] & 15) | fifth[i]) + least;
      out[i + 16] = scale * static_cast<float>((q[i] >> 4) | fifth[i + 16]) + least;
    }
  }
};

struct block_q8_0 {
  std::uint16_t d;
  std::array<std::int8_t, 32> q;

  void values(float* out) const {
    const float scale = widen_f16(d);
    for (std::size_t i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(q[i]);
  }
};

template <element_type Type, class Block, class T>
void dequantise_blocks(const std::byte* source, std::span<T> out) {
  constexpr std::size_t elements = entry_of(Type).block;
  static_assert(sizeof(Block) * 8 == entry_of(Type).bits);
  for (std::size_t first = 0; first < out.size(); first += elements, source += sizeof(Block)) {
    Block block;
    std::memcpy(&block, source, sizeof block);
    if constexpr (std::is_same_v<T, float>) {
      block.values(out.data() + first);
    } else {
      std::array<float, elements> values;
      block.values(values.data());
      std::copy(values.begin(), values.end(), out.begin() + static_cast<std::ptrdiff_t>(first));
    }
  }
}

/// The values of whole blocks, to float or double.
/// Requires: a type in blocks, and as many bytes as the values take.
/// Accuracy: what ggml's definition gives in float, to the bit: every product is exact, and the types with a minimum
///           round once, in the last addition, with or without fused multiplication.
/// Source:   ggml-common.h, the block structures.
template <class T>
void dequantise(element_type type, const std::byte* source, std::span<T> out) {
  switch (type) {
    case element_type::q4_0:
      return dequantise_blocks<element_type::q4_0, block_q4_0>(source, out);
    case element_type::q4_1:
      return dequantise_blocks<element_type::q4_1, block_q4_1>(source, out);
    case element_type::q5_0:
      return dequantise_blocks<element_type::q5_0, block_q5_0>(source, out);
    case element_type::q5_1:
      return dequantise_blocks<element_type::q5_1, block_q5_1>(source, out);
    case element_type::q8_0:
      return dequantise_blocks<element_type::q8_0, block_q8_0>(source, out);
    case element_type::q2_k:
      return dequantise_blocks<element_type::q2_k, block_q2_k>(source, out);
    case element_type::q3_k:
      return dequantise_blocks<element_type::q3_k, block_q3_k>(source, out);
    case element_type::q4_k:
      return dequantise_blocks<element_type::q4_k, block_q4_k>(source, out);
    case element_type::q5_k:
      return dequantise_blocks<element_type::q5_k, block_q5_k>(source, out);
    case element_type::q6_k:
      return dequantise_blocks<element_type::q6_k, block_q6_k>(source, out);
    default:
      STRATA_ASSERT(false, "dequantise: not a type in blocks");
  }
}

}  // namespace strata::detail
