/// Random scores, the baseline of every rule: uniform in [0, 1), not divided by a sum.
#pragma once

#include <cstdint>

#include "strata/core/random_numbers.hpp"
#include "strata/graph/edge.hpp"
#include "strata/score/rule.hpp"

namespace strata {

/// A hash of seed and edge: the same on every machine, for every scalar type and number of threads, and for an edge's
/// number whatever the graph. Multiples of 2⁻²⁴, exact in float; the few ties go to the edge pushed first.
/// Source:   the mixing function of SplitMix64: Steele, Lea & Flood, Fast Splittable Pseudorandom Number Generators (2014).
struct random_scores {
  std::uint64_t seed = 0;

  [[nodiscard]] constexpr double edge(edge_id id) const {
    return static_cast<double>(random_numbers(random_numbers(seed).next() ^ id).next() >> 40) * 0x1p-24;
  }
};

static_assert(edge_rule<random_scores, float>);

}  // namespace strata
