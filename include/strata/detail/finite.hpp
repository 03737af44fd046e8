/// Whether numbers are finite, without a branch for each.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace strata::detail {

/// False if any value is NaN or an infinity. The exponent's bits decide, so that the loop vectorises.
template <class T>
[[nodiscard]] bool all_finite(std::span<const T> values) {
  using bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr bits exponent = sizeof(T) == 4 ? bits{0x7F800000U} : static_cast<bits>(0x7FF0000000000000ULL);
  bits found = 0;
  for (const T v : values) found |= static_cast<bits>((std::bit_cast<bits>(v) & exponent) == exponent ? 1 : 0);
  return found == 0;
}

}  // namespace strata::detail
