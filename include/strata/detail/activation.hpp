/// Softmax rows, SiLU, GELU and their derivatives in place, computed in lanes of double.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "strata/detail/exp.hpp"
#include "strata/detail/simd.hpp"

namespace strata::detail {

/// x_i ← f(x_i), lane by lane in double.
template <class T, class Arch, class F>
void transform_double(std::span<T> x, F f) {
  constexpr std::size_t step = lanes<double, Arch>::size;
  alignas(64) double values[step];
  for (std::size_t i = 0; i < x.size(); i += step) {
    const std::size_t count = std::min(step, x.size() - i);
    f(load_double<Arch>(x.data() + i, count, 0.0)).store_aligned(values);
    for (std::size_t k = 0; k < count; ++k) x[i + k] = static_cast<T>(values[k]);
  }
}

/// x ← softmax(x); every weight is ≥ 0.
/// Requires: no NaN, no +∞; at least one finite value.
template <class T, class Arch = default_arch>
void softmax_in_place(std::span<T> x) {
  using wide = lanes<double, Arch>;
  const wide largest(static_cast<double>(*std::max_element(x.begin(), x.end())));
  transform_double<T, Arch>(x, [largest](const wide& v) { return full_range_exp<Arch>(v - largest); });
  double sum = 0;
  for (const T v : x) sum += static_cast<double>(v);
  const T inverse = static_cast<T>(1 / sum);
  for (T& v : x) v *= inverse;
}

/// x ← x / (1 + e^(−x)).
template <class T, class Arch = default_arch>
void silu_in_place(std::span<T> x) {
  using wide = lanes<double, Arch>;
  transform_double<T, Arch>(x, [](const wide& v) { return v / (wide(1.0) + full_range_exp<Arch>(-v)); });
}

/// x ← x · Φ(x), Φ the distribution function of the normal distribution: x/2 · (1 + erf(x/√2)).
/// Accuracy: 2 units of T's rounding, and 2e-14 absolute: in the left tail the value is a small difference.
template <class T, class Arch = default_arch>
void gelu_in_place(std::span<T> x) {
  using wide = lanes<double, Arch>;
  constexpr double inverse_root_2 = 0.70710678118654752440;
  transform_double<T, Arch>(x,
                            [](const wide& v) { return wide(0.5) * v * (wide(1.0) + erf(v * wide(inverse_root_2))); });
}

/// x ← x/2 · (1 + tanh(u)), u = √(2/π) · (x + 0.044715·x³): written x / (1 + e^(−2u)).
template <class T, class Arch = default_arch>
void gelu_tanh_in_place(std::span<T> x) {
  using wide = lanes<double, Arch>;
  constexpr double twice_root = 1.5957691216057308;  // 2·√(2/π)
  transform_double<T, Arch>(x, [](const wide& v) {
    const wide u = wide(twice_root) * fma(wide(0.044715) * v * v, v, v);
    return v / (wide(1.0) + full_range_exp<Arch>(-u));
  });
}

// Their derivatives.

/// x ← σ(x) · (1 + x · (1 − σ(x))), σ(x) = 1 / (1 + e^(−x)).
template <class T, class Arch = default_arch>
void silu_slope_in_place(std::span<T> x) {
  using wide = lanes<double, Arch>;
  transform_double<T, Arch>(x, [](const wide& v) {
    const wide s = wide(1.0) / (wide(1.0) + full_range_exp<Arch>(-v));
    return s * fma(v, wide(1.0) - s, wide(1.0));
  });
}

/// x ← Φ(x) + x · φ(x), φ the density of the normal distribution.
template <class T, class Arch = default_arch>
void gelu_slope_in_place(std::span<T> x) {
  using wide = lanes<double, Arch>;
  constexpr double inverse_root_2 = 0.70710678118654752440, inverse_root_2pi = 0.39894228040143267794;
  transform_double<T, Arch>(x, [](const wide& v) {
    const wide density = wide(inverse_root_2pi) * full_range_exp<Arch>(wide(-0.5) * v * v);
    return fma(v, density, wide(0.5) * (wide(1.0) + erf(v * wide(inverse_root_2))));
  });
}

/// x ← s · (1 + x · (1 − s) · w), s = 1 / (1 + e^(−2u)), w = 2·∂u/∂x.
template <class T, class Arch = default_arch>
void gelu_tanh_slope_in_place(std::span<T> x) {
  using wide = lanes<double, Arch>;
  constexpr double twice_root = 1.5957691216057308;  // 2·√(2/π)
  transform_double<T, Arch>(x, [](const wide& v) {
    const wide square = v * v;
    const wide u = wide(twice_root) * fma(wide(0.044715) * square, v, v);
    const wide w = wide(twice_root) * fma(wide(3 * 0.044715), square, wide(1.0));
    const wide s = wide(1.0) / (wide(1.0) + full_range_exp<Arch>(-u));
    return s * fma(v * w, wide(1.0) - s, wide(1.0));
  });
}

}  // namespace strata::detail
