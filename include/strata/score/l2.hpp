/// The l2 rule: ‖c‖₂, divided by the sum over the node's incoming edges.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include "strata/core/matrix_view.hpp"
#include "strata/detail/reduce.hpp"
#include "strata/score/rule.hpp"

namespace strata {

/// ‖a·u‖₂ = a·‖u‖₂: one norm a source and head, one multiplication an edge. Squares are added in double: those of small
/// floats are none.
struct l2 {
  template <class T>
  void source_factors(matrix_view<const T> vectors, std::span<T> factors) const {
    for (std::size_t s = 0; s < factors.size(); ++s) factors[s] = single(vectors.row(s), {});
  }
  template <class T>
  [[nodiscard]] T single(std::span<const T> contribution, std::span<const T> /*node*/) const {
    return static_cast<T>(std::sqrt(detail::dot_in_double<T>(contribution, contribution)));
  }
  template <class T>
  void finish(std::span<T> scores) const {
    divide_by_sum(scores);
  }
};

static_assert(factored_rule<l2, float>);

}  // namespace strata
