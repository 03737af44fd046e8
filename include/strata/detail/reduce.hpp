/// Reductions of contiguous values. Sums run in four accumulators of SIMD lanes of T.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/detail/simd.hpp"

namespace strata::detail {

/// Σ term(a_i, b_i, …): `lane_term` is added in lanes, `term` for the few values behind the last full register.
/// Accuracy: |error| ≤ (n / (4·lanes) + 6)·ε·Σ|term|, ε the rounding unit of T and n the length.
template <class T, class Arch, class LaneTerm, class Term>
[[nodiscard]] T sum_of(std::size_t n, LaneTerm lane_term, Term term) {
  constexpr std::size_t step = lanes<T, Arch>::size;
  lanes<T, Arch> s0(T{}), s1(T{}), s2(T{}), s3(T{});
  std::size_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) {
    s0 = lane_term(i, s0);
    s1 = lane_term(i + step, s1);
    s2 = lane_term(i + 2 * step, s2);
    s3 = lane_term(i + 3 * step, s3);
  }
  for (; i + step <= n; i += step) s0 = lane_term(i, s0);
  T sum = reduce_sum<T, Arch>((s0 + s1) + (s2 + s3));
  for (; i < n; ++i) sum += term(i);
  return sum;
}

/// Σ|x_i|.
/// Accuracy: relative error ≤ (n / (4·lanes) + 6)·ε: 2e-6 for 1024 floats in AVX2; measured 2.3e-7 up to 9000.
template <class T, class Arch = default_arch>
[[nodiscard]] T sum_abs(std::span<const T> x) {
  const T* v = x.data();
  return sum_of<T, Arch>(
      x.size(), [v](std::size_t i, const auto& sum) { return sum + abs(load<T, Arch>(v + i)); },
      [v](std::size_t i) { return std::abs(v[i]); });
}

/// Σ x_i².
/// Accuracy: relative error ≤ (n / (4·lanes) + 7)·ε.
template <class T, class Arch = default_arch>
[[nodiscard]] T sum_squares(std::span<const T> x) {
  const T* v = x.data();
  return sum_of<T, Arch>(
      x.size(),
      [v](std::size_t i, const auto& sum) {
        const auto a = load<T, Arch>(v + i);
        return fma(a, a, sum);
      },
      [v](std::size_t i) { return v[i] * v[i]; });
}

/// Σ x_i·y_i.
/// Accuracy: |error| ≤ (n / (4·lanes) + 7)·ε·Σ|x_i·y_i|.
template <class T, class Arch = default_arch>
[[nodiscard]] T dot(std::span<const T> x, std::span<const T> y) {
  STRATA_ASSERT(x.size() == y.size(), "dot: different lengths");
  const T *a = x.data(), *b = y.data();
  return sum_of<T, Arch>(
      x.size(), [a, b](std::size_t i, const auto& sum) { return fma(load<T, Arch>(a + i), load<T, Arch>(b + i), sum); },
      [a, b](std::size_t i) { return a[i] * b[i]; });
}

/// Σ x_i·y_i in double, also of floats: their products are exact, and none vanishes or overflows.
/// Accuracy: |error| ≤ (n / (4·lanes) + 7)·ε·Σ|x_i·y_i|, ε of double.
template <class T, class Arch = default_arch>
[[nodiscard]] double dot_in_double(std::span<const T> x, std::span<const T> y) {
  STRATA_ASSERT(x.size() == y.size(), "dot_in_double: different lengths");
  const T *a = x.data(), *b = y.data();
  return sum_of<double, Arch>(
      x.size(),
      [a, b](std::size_t i, const auto& sum) { return fma(load_double<Arch>(a + i), load_double<Arch>(b + i), sum); },
      [a, b](std::size_t i) { return static_cast<double>(a[i]) * static_cast<double>(b[i]); });
}

/// ‖x‖₁ − ‖x − f·u‖₁ = Σ(|x_i| − |x_i − c_i|), c = f·u. A term is min(y, 2|x_i| − y) with y = c_i·sign(x_i), which does
/// not cancel where |x_i| is large.
/// Accuracy: |error| ≤ (n / (4·lanes) + 8)·ε·‖c‖₁.
template <class T, class Arch = default_arch>
[[nodiscard]] T proximity_sum(std::span<const T> x, T f, std::span<const T> u) {
  STRATA_ASSERT(x.size() == u.size(), "proximity_sum: different lengths");
  const T *a = x.data(), *b = u.data();
  const lanes<T, Arch> factor(f);
  return sum_of<T, Arch>(
      x.size(),
      [a, b, &factor](std::size_t i, const auto& sum) {
        const auto v = load<T, Arch>(a + i);
        const auto y = factor * (load<T, Arch>(b + i) ^ bitofsign(v));
        const auto magnitude = abs(v);
        return sum + min(y, (magnitude + magnitude) - y);
      },
      [a, b, f](std::size_t i) {
        const T y = f * (std::signbit(a[i]) ? -b[i] : b[i]);
        return std::min(y, 2 * std::abs(a[i]) - y);
      });
}

/// max |x_i − y_i|; 0 for empty spans. Not for NaN.
template <class T, class Arch = default_arch>
[[nodiscard]] T max_abs_difference(std::span<const T> x, std::span<const T> y) {
  STRATA_ASSERT(x.size() == y.size(), "max_abs_difference: different lengths");
  constexpr std::size_t step = lanes<T, Arch>::size;
  lanes<T, Arch> largest(T{});
  std::size_t i = 0;
  for (; i + step <= x.size(); i += step)
    largest = max(largest, abs(load<T, Arch>(x.data() + i) - load<T, Arch>(y.data() + i)));
  T result = reduce_largest<T, Arch>(largest);
  for (; i < x.size(); ++i) result = std::max(result, std::abs(x[i] - y[i]));
  return result;
}

}  // namespace strata::detail
