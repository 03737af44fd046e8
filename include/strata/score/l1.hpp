/// The l1 rule, the paper's default: ‖c‖₁, divided by the sum over the node's incoming edges.
#pragma once

#include <cstddef>
#include <span>

#include "strata/core/matrix_view.hpp"
#include "strata/detail/reduce.hpp"
#include "strata/score/rule.hpp"

namespace strata {

/// ‖a·u‖₁ = a·‖u‖₁: one norm a source and head, one multiplication an edge.
struct l1 {
  template <class T>
  void source_factors(matrix_view<const T> vectors, std::span<T> factors) const {
    for (std::size_t s = 0; s < factors.size(); ++s) factors[s] = detail::sum_abs<T>(vectors.row(s));
  }
  template <class T>
  [[nodiscard]] T single(std::span<const T> contribution, std::span<const T> /*node*/) const {
    return detail::sum_abs<T>(contribution);
  }
  template <class T>
  void finish(std::span<T> scores) const {
    divide_by_sum(scores);
  }
};

static_assert(factored_rule<l1, float>);

}  // namespace strata
