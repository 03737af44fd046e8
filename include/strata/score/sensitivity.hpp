/// The rule sensitivity: ‖c‖₂ · S(target), S = ‖∂f/∂target‖₂ of the full run for a function f of its logits, such as the
/// log-probability of the most probable token (node_sensitivity.hpp makes S). Not divided by a sum: it bounds by how much f
/// changes, to first order, when the edge is dropped, and so compares edges into different nodes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/graph/edge.hpp"
#include "strata/score/l2.hpp"
#include "strata/score/rule.hpp"

namespace strata {

/// S of every node of a prompt, (levels + 1, tokens), ≥ 0 and finite; null: not known.
using node_sensitivities = std::shared_ptr<const matrix<double>>;

namespace detail {

/// Throws:   strata::option_error where S is not known, or is of another graph.
[[nodiscard]] inline double sensitivity_at(const node_sensitivities& of_nodes, node n) {
  if (of_nodes == nullptr) raise<option_error>("the score needs the sensitivity of the nodes, and none is given");
  if (n.level >= of_nodes->rows() || n.token >= of_nodes->cols())
    raise<option_error>("the sensitivities are of ", of_nodes->rows(), " levels and ", of_nodes->cols(),
                        " tokens; there is a node at level ", n.level, ", token ", n.token);
  return (*of_nodes)(n.level, n.token);
}

}  // namespace detail

/// |⟨c, ∂f/∂target⟩| ≤ ‖c‖₂ · S. S of the output node is taken before the final norm, whose derivative is in it as those
/// of all later norms are in S of the other nodes; so its contributions are taken before that norm, too.
struct sensitivity {
  node_sensitivities of_nodes;
  bool through_final_norm = false;  // true: S of the output node is the gradient behind the final norm

  template <class T>
  void source_factors(matrix_view<const T> vectors, std::span<T> factors) const {
    l2{}.source_factors(vectors, factors);
  }
  template <class T>
  [[nodiscard]] T single(std::span<const T> contribution, std::span<const T> node) const {
    return l2{}.single(contribution, node);
  }
  template <class T>
  void finish(std::span<T> /*scores*/) const {}
  [[nodiscard]] double node_factor(node target) const { return detail::sensitivity_at(of_nodes, target); }
};

static_assert(factored_rule<sensitivity, float>);

}  // namespace strata
