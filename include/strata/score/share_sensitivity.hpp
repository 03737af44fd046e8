/// The rule share_sensitivity: ‖c‖₁ / Σ ‖c‖₁ · S(target), the edge's share of its node as in l1, times the sensitivity of
/// the node (sensitivity.hpp).
#pragma once

#include <span>

#include "strata/core/matrix_view.hpp"
#include "strata/graph/edge.hpp"
#include "strata/score/l1.hpp"
#include "strata/score/rule.hpp"
#include "strata/score/sensitivity.hpp"

namespace strata {

struct share_sensitivity {
  node_sensitivities of_nodes;
  bool through_final_norm = false;  // as of the rule sensitivity

  template <class T>
  void source_factors(matrix_view<const T> vectors, std::span<T> factors) const {
    l1{}.source_factors(vectors, factors);
  }
  template <class T>
  [[nodiscard]] T single(std::span<const T> contribution, std::span<const T> node) const {
    return l1{}.single(contribution, node);
  }
  template <class T>
  void finish(std::span<T> scores) const {
    l1{}.finish(scores);
  }
  [[nodiscard]] double node_factor(node target) const { return detail::sensitivity_at(of_nodes, target); }
};

static_assert(factored_rule<share_sensitivity, float>);

}  // namespace strata
