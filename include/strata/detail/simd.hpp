/// SIMD lanes as the library's kernels use them. The only file that names xsimd (8.1 to current).
///
/// Everything here is a template on the instruction set, Arch, and every kernel that uses it takes `class Arch =
/// default_arch` as its last template parameter: translation units compiled with different -m flags then have different
/// functions, and the linker cannot give the one's code to the other. Infinities and NaN have a meaning in these
/// kernels: do not compile them with -ffast-math.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

// g++ 12 reports its own AVX-512 intrinsics (_mm512_undefined_pd) when they are inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <xsimd/xsimd.hpp>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/// For what a loop must contain as a whole: a call would send its registers through memory, dearer than the arithmetic.
#if defined(__GNUC__)
#define STRATA_DETAIL_INLINE __attribute__((always_inline))
#else
#define STRATA_DETAIL_INLINE
#endif

namespace strata::detail {

using default_arch = xsimd::default_arch;

/// A register full of T: lanes<T, Arch>::size of them.
template <class T, class Arch>
using lanes = xsimd::batch<T, Arch>;

/// One truth value a lane: the result of comparing lanes.
template <class T, class Arch>
using lane_mask = typename lanes<T, Arch>::batch_bool_type;

using xsimd::abs;
using xsimd::any;
using xsimd::bitofsign;
using xsimd::erf;
using xsimd::fma;  // a·b + c, rounded once where Arch can
using xsimd::max;
using xsimd::min;
using xsimd::select;

template <class T, class Arch>
[[nodiscard]] lanes<T, Arch> load(const T* values) {
  return lanes<T, Arch>::load_unaligned(values);
}

/// Loads lanes<double>::size values and widens them; exact.
template <class Arch, class T>
[[nodiscard]] lanes<double, Arch> load_double(const T* values) {
  if constexpr (std::is_same_v<T, double>) {
    return load<double, Arch>(values);
  } else {
    using wide = lanes<double, Arch>;
#if defined(__AVX512F__)
    if constexpr (wide::size == 8) return wide(_mm512_cvtps_pd(_mm256_loadu_ps(values)));
#endif
#if defined(__AVX__)
    if constexpr (wide::size == 4) return wide(_mm256_cvtps_pd(_mm_loadu_ps(values)));
#endif
    alignas(64) double widened[wide::size];
    for (std::size_t i = 0; i < wide::size; ++i) widened[i] = static_cast<double>(values[i]);
    return wide::load_aligned(widened);
  }
}

/// load_double of the first `count` values; the lanes beyond them are `fill`.
template <class Arch, class T>
[[nodiscard]] lanes<double, Arch> load_double(const T* values, std::size_t count, double fill) {
  using wide = lanes<double, Arch>;
  if (count >= wide::size) return load_double<Arch>(values);
  alignas(64) double widened[wide::size];
  for (std::size_t i = 0; i < wide::size; ++i) widened[i] = i < count ? static_cast<double>(values[i]) : fill;
  return wide::load_aligned(widened);
}

/// Asks for the memory at an address that is read soon. Inline always: g++ 12 drops calls of it as without effect.
STRATA_DETAIL_INLINE inline void prefetch(const void* address) {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#else
  static_cast<void>(address);
#endif
}

/// Sum of the lanes.
template <class T, class Arch>
[[nodiscard]] T reduce_sum(const lanes<T, Arch>& x) {
  if constexpr (requires { reduce_add(x); })
    return reduce_add(x);
  else
    return hadd(x);  // its name before xsimd 10
}

/// Largest of the lanes.
template <class T, class Arch>
[[nodiscard]] T reduce_largest(const lanes<T, Arch>& x) {
  T values[lanes<T, Arch>::size];
  x.store_unaligned(values);
  return *std::max_element(values, values + lanes<T, Arch>::size);
}

/// 2^k for the integer k that `shifted` = 1.5·2^52 + k carries in its lowest bits; −1022 ≤ k ≤ 1023.
template <class Arch>
[[nodiscard]] lanes<double, Arch> power_of_two(const lanes<double, Arch>& shifted) {
  using integers = lanes<std::int64_t, Arch>;
#if XSIMD_VERSION_MAJOR < 11
  const auto bits = xsimd::bitwise_cast<integers>(shifted);
  return xsimd::bitwise_cast<lanes<double, Arch>>((bits + integers(std::int64_t{1023})) << 52);
#else
  const auto bits = xsimd::bitwise_cast<std::int64_t>(shifted);
  return xsimd::bitwise_cast<double>((bits + integers(std::int64_t{1023})) << 52);
#endif
}

}  // namespace strata::detail
