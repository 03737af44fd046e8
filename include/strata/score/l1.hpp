/// The l1 rule, the paper's default: ‖c‖₁, divided by the sum over the node's incoming edges.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/matrix_view.hpp"
#include "strata/detail/reduce.hpp"
#include "strata/score/rule.hpp"

namespace strata {

/// ‖a·u‖₁ = a·‖u‖₁: one norm a source and head, one multiplication an edge.
struct l1 {
  template <class T>
  void source_factors(matrix_view<const T> vectors, std::span<T> factors) const {
    for (std::size_t s = 0; s < factors.size(); ++s) factors[s] = static_cast<T>(detail::sum_abs<T>(vectors.row(s)));
  }
  template <class T>
  void attention(const head_contributions<T>& head, matrix_view<T> scores) const {
    std::vector<T> factors(head.vectors.rows);
    source_factors<T>(head.vectors, factors);
    for (std::size_t i = 0; i < scores.rows; ++i)
      factored_scores<T>(head.weights.row(i), factors, head.scales[i], scores.row(i));
  }
  template <class T>
  [[nodiscard]] T single(std::span<const T> contribution, std::span<const T> /*node*/) const {
    return static_cast<T>(detail::sum_abs<T>(contribution));
  }
  template <class T>
  void finish(std::span<T> scores) const {
    divide_by_sum(scores);
  }
};

static_assert(factored_rule<l1, float>);

}  // namespace strata
