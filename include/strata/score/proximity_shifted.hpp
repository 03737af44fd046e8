/// The rule proximity_shifted: ‖x‖₁ − ‖x − c‖₁ plus the magnitude of the least of them among the node's edges (also
/// where that is positive), divided by the sum. The published code's form of proximity: nothing is clamped.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "strata/score/proximity.hpp"
#include "strata/score/rule.hpp"

namespace strata {

struct proximity_shifted : proximity {
  template <class T>
  void finish(std::span<T> scores) const {
    const T shift = std::abs(*std::min_element(scores.begin(), scores.end()));
    for (T& s : scores) s += shift;
    divide_by_sum(scores);
  }
};

static_assert(head_rule<proximity_shifted, float>);

}  // namespace strata
