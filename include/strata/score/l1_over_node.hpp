/// The rule l1_over_node: ‖c‖₁ / ‖x‖₁, x the node's value; not divided by a sum.
#pragma once

#include <cstddef>
#include <limits>
#include <span>

#include "strata/core/matrix_view.hpp"
#include "strata/detail/reduce.hpp"
#include "strata/score/l1.hpp"
#include "strata/score/rule.hpp"

namespace strata {

/// ‖a·u‖₁ / ‖x‖₁ = a · ‖u‖₁ · 1/‖x‖₁, a factor of the source and one of the target. All scores of a node that is zero
/// are 0.
struct l1_over_node {
  template <class T>
  void source_factors(matrix_view<const T> vectors, std::span<T> factors) const {
    l1{}.source_factors(vectors, factors);
  }
  template <class T>
  [[nodiscard]] T target_factor(std::span<const T> node) const {
    const T norm = detail::sum_abs<T>(node);
    return norm < std::numeric_limits<T>::min() ? T{0} : T{1} / norm;  // of a subnormal norm: infinite
  }
  template <class T>
  [[nodiscard]] T single(std::span<const T> contribution, std::span<const T> node) const {
    return detail::sum_abs<T>(contribution) * target_factor(node);
  }
  template <class T>
  void finish(std::span<T> /*scores*/) const {}
};

static_assert(factored_rule<l1_over_node, float>);

}  // namespace strata
