/// Quantised weights in blocks of 256: groups of 16 or 32 elements have small integer scales s (and minima m) of their
/// own, which the block's halves d (and d_min) scale once more.
///   Q3_K, Q6_K:       (d · s) · q                    (q from −4, −32)
///   Q2_K, Q4_K, Q5_K: (d · s) · q − (d_min · m)      (q from 0)
/// A stored byte holds bits of elements that lie 32 apart, so that all loops are over 16 or 32 neighbours.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "strata/model/element_type.hpp"

namespace strata::detail {

struct block_q2_k {
  std::array<std::uint8_t, 16> scales;  // of 16 elements each: s in the low half, m in the high half
  std::array<std::uint8_t, 64> q;       // 128 elements in 32 bytes: 2 bits each
  std::uint16_t d, d_min;

  void values(float* out) const {
    const float scale = widen_f16(d), scale_min = widen_f16(d_min);
    for (std::size_t group = 0; group < 16; ++group) {
      const float s = scale * static_cast<float>(scales[group] & 15);
      const float m = scale_min * static_cast<float>(scales[group] >> 4);
      const std::uint8_t* const bytes = q.data() + group / 8 * 32 + group % 2 * 16;
      const std::size_t shift = group / 2 % 4 * 2;
      for (std::size_t i = 0; i < 16; ++i) out[group * 16 + i] = s * static_cast<float>((bytes[i] >> shift) & 3) - m;
    }
  }
};

struct block_q3_k {
  std::array<std::uint8_t, 32> high;    // bit b of byte i: third bit of element 32 · b + i
  std::array<std::uint8_t, 64> q;       // as in Q2_K
  std::array<std::uint8_t, 12> scales;  // 16 of 6 bits: the lower four in bytes 0 … 7, the upper two in bytes 8 … 11
  std::uint16_t d;

  void values(float* out) const {
    const float scale = widen_f16(d);
    for (std::size_t group = 0; group < 16; ++group) {
      const int low = group < 8 ? scales[group] & 15 : scales[group - 8] >> 4;
      const int upper = (scales[8 + group % 4] >> (group / 4 * 2)) & 3;
      const float s = scale * static_cast<float>((low | (upper << 4)) - 32);
      const std::uint8_t* const bytes = q.data() + group / 8 * 32 + group % 2 * 16;
      const std::uint8_t* const third = high.data() + group % 2 * 16;
      const std::size_t shift = group / 2 % 4 * 2;
      const std::size_t bit = group / 2;
      for (std::size_t i = 0; i < 16; ++i)
        out[group * 16 + i] = s * static_cast<float>(((bytes[i] >> shift) & 3) + ((third[i] >> bit) & 1) * 4 - 4);
    }
  }
};

/// Eight pairs of a scale and a minimum, 6 bits each, in 12 bytes: the first four scales, the first four minima (the
/// two spare bits of these bytes are the upper ones of the last four), the lower bits of the last four of both.
struct scales_and_minima {
  std::array<std::uint8_t, 12> bytes;

  [[nodiscard]] int scale(std::size_t group) const {
    return group < 4 ? bytes[group] & 63 : (bytes[group + 4] & 15) | (bytes[group - 4] >> 6 << 4);
  }
  [[nodiscard]] int minimum(std::size_t group) const {
    return group < 4 ? bytes[group + 4] & 63 : (bytes[group + 4] >> 4) | (bytes[group] >> 6 << 4);
  }
};

struct block_q4_k {
  std::uint16_t d, d_min;
  scales_and_minima scales;         // of 32 elements each
  std::array<std::uint8_t, 128> q;  // 64 elements in 32 bytes: 4 bits each

  void values(float* out) const {
    const float scale = widen_f16(d), scale_min = widen_f16(d_min);
    for (std::size_t group = 0; group < 8; ++group) {
      const float s = scale * static_cast<float>(scales.scale(group));
      const float m = scale_min * static_cast<float>(scales.minimum(group));
      const std::uint8_t* const bytes = q.data() + group / 2 * 32;
      const std::size_t shift = group % 2 * 4;
      for (std::size_t i = 0; i < 32; ++i) out[group * 32 + i] = s * static_cast<float>((bytes[i] >> shift) & 15) - m;
    }
  }
};

struct block_q5_k {
  std::uint16_t d, d_min;
  scales_and_minima scales;
  std::array<std::uint8_t, 32> high;  // bit b of byte i: fifth bit of element 32 · b + i
  std::array<std::uint8_t, 128> q;    // as in Q4_K

  void values(float* out) const {
    const float scale = widen_f16(d), scale_min = widen_f16(d_min);
    for (std::size_t group = 0; group < 8; ++group) {
      const float s = scale * static_cast<float>(scales.scale(group));
      const float m = scale_min * static_cast<float>(scales.minimum(group));
      const std::uint8_t* const bytes = q.data() + group / 2 * 32;
      const std::size_t shift = group % 2 * 4;
      for (std::size_t i = 0; i < 32; ++i)
        out[group * 32 + i] = s * static_cast<float>(((bytes[i] >> shift) & 15) + ((high[i] >> group) & 1) * 16) - m;
    }
  }
};

struct block_q6_k {
  std::array<std::uint8_t, 128> low;   // 128 elements in 64 bytes: 4 bits each
  std::array<std::uint8_t, 64> high;   // 128 elements in 32 bytes: 2 bits each
  std::array<std::int8_t, 16> scales;  // of 16 elements each
  std::uint16_t d;

  void values(float* out) const {
    const float scale = widen_f16(d);
    for (std::size_t group = 0; group < 16; ++group) {
      const float s = scale * static_cast<float>(scales[group]);
      const std::size_t row = group / 2 % 4;  // of 32 elements, in its half of the block
      const std::uint8_t* const low_bytes = low.data() + group / 8 * 64 + row % 2 * 32 + group % 2 * 16;
      const std::uint8_t* const high_bytes = high.data() + group / 8 * 32 + group % 2 * 16;
      const std::size_t low_shift = row / 2 * 4, high_shift = row * 2;
      for (std::size_t i = 0; i < 16; ++i)
        out[group * 16 + i] =
            s * static_cast<float>(((low_bytes[i] >> low_shift) & 15) + ((high_bytes[i] >> high_shift) & 3) * 16 - 32);
    }
  }
};

}  // namespace strata::detail
