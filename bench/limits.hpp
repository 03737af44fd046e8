// What the machine itself can do, for shares of it: how fast one core reads memory and computes exponentials. Each is to
// be timed in turn with the runs that are compared with it, so that a busy machine slows all of them alike.
#pragma once

#include <cstddef>
#include <span>

#include "strata/detail/exp.hpp"
#include "strata/detail/simd.hpp"

namespace bench {

// Reads all values once and adds them, in eight accumulators of float lanes: nothing that looks at each is faster.
inline float read_bandwidth(std::span<const float> values) {
  using arch = strata::detail::default_arch;
  using lanes = strata::detail::lanes<float, arch>;
  constexpr std::size_t step = lanes::size, accumulators = 8;
  const float* const x = values.data();
  const std::size_t count = values.size();
  lanes sums[accumulators];
  for (lanes& sum : sums) sum = lanes(0.0f);
  std::size_t i = 0;
  for (; i + accumulators * step <= count; i += accumulators * step)
    for (std::size_t s = 0; s < accumulators; ++s) sums[s] += strata::detail::load<float, arch>(x + i + s * step);
  for (std::size_t s = 1; s < accumulators; ++s) sums[0] += sums[s];
  float sum = strata::detail::reduce_sum<float, arch>(sums[0]);
  for (const float rest : values.subspan(i)) sum += rest;
  return sum;
}

// Computes and adds `count` exponentials (rounded up to 512): of 512 floats in the first-level cache, widened to double
// lanes, by the shorter polynomial of split_exp, four registers in flight, with nothing clamped or checked.
inline double exp_throughput(std::size_t count) {
  using arch = strata::detail::default_arch;
  using wide = strata::detail::lanes<double, arch>;
  using exp = strata::detail::split_exp<float, arch, strata::detail::exp_range::checked>;
  constexpr std::size_t block = 512, accumulators = 4;
  alignas(64) float x[block];
  for (std::size_t i = 0; i < block; ++i) x[i] = -20.0f * static_cast<float>(i) / block;
  wide sums[accumulators];
  for (wide& sum : sums) sum = wide(0.0);
  for (std::size_t done = 0; done < count; done += block) {
    const wide shift(static_cast<double>(done) * 1e-9);  // other arguments each time: nothing can be kept
    for (std::size_t i = 0; i < block; i += accumulators * wide::size)
      for (std::size_t s = 0; s < accumulators; ++s)
        sums[s] += exp(strata::detail::load_double<arch>(x + i + s * wide::size) - shift).value();
  }
  return strata::detail::reduce_sum<double, arch>((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}  // namespace bench
