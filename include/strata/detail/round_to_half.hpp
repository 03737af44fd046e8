/// Numbers rounded to the nearest IEEE half (1 sign, 5 exponent, 10 mantissa bits), ties to even; the type stays. Only to
/// reproduce published figures: the published code keeps scores and sizes so between its stages.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>
#include <span>

namespace strata {

/// The nearest half: ±∞ from 65520 on, multiples of 2⁻²⁴ below 2⁻¹⁴; NaN stays NaN, −0 stays −0. Rounded once, from
/// double too. Not for -ffast-math, nor where subnormal numbers are flushed to zero in a T that is a half.
template <std::floating_point T>
[[nodiscard]] T round_to_half(T x) {
  const T magnitude = std::abs(x);
  if (!(magnitude < T{65520}))
    return magnitude <= std::numeric_limits<T>::max() ? std::copysign(std::numeric_limits<T>::infinity(), x) : x;
  int exponent = -14;  // of the number's binade, not below that of the least normal half
  if (magnitude >= T{0x1p-14}) exponent = std::ilogb(magnitude);
  // Numbers from `shift` to 2·shift are multiples of a half's last place 2^(exponent − 10): the addition rounds.
  const T shift = std::ldexp(T{1}, exponent - 10 + std::numeric_limits<T>::digits - 1);
  return std::copysign((magnitude + shift) - shift, x);
}

template <std::floating_point T>
void round_to_half(std::span<T> values) {
  for (T& x : values) x = round_to_half(x);
}

}  // namespace strata
