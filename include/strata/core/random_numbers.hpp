/// A small seeded generator whose numbers are the same with every compiler and library, which the distributions of the
/// standard library do not promise.
#pragma once

#include <cstdint>

#include "strata/core/contract.hpp"

namespace strata {

/// splitmix64: a counter in steps of 2⁶⁴/φ, each value of it mixed. Any seed is good; period 2⁶⁴.
/// Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
class random_numbers {
 public:
  explicit constexpr random_numbers(std::uint64_t seed) : state_(seed) {}

  /// The next 64 random bits.
  constexpr std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31);
  }

  /// Uniform in [0, 1): a multiple of 2⁻⁵³.
  constexpr double uniform() { return static_cast<double>(next() >> 11U) * 0x1p-53; }

  /// A number in 0 … bound − 1, each equally probable: the upper half of (32 random bits) · bound, drawn again where the
  /// lower half is one of the 2³² mod bound values that would make some results more frequent.
  /// Requires: bound > 0.
  constexpr std::uint32_t below(std::uint32_t bound) {
    STRATA_ASSERT(bound > 0, "random_numbers::below: there is no number below 0");
    const std::uint32_t too_frequent = (0U - bound) % bound;
    std::uint64_t product = 0;
    do product = (next() >> 32) * bound;
    while (static_cast<std::uint32_t>(product) < too_frequent);
    return static_cast<std::uint32_t>(product >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace strata
