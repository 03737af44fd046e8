/// The check of a forward pass that can be differentiated: its derivatives against differences of runs.
///
/// The hooks see what the pass hands them back, but not whether it differentiated its own part, and did so at this run's
/// values. So a function of the logits is run at mask values m + ε·d and m − ε·d:
///
///   (f(m + ε·d) − f(m − ε·d)) / 2ε  =  Σ_e ∂f/∂m_e · d_e
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/random_numbers.hpp"
#include "strata/forward/gradient_hooks.hpp"
#include "strata/forward/mask_gradient.hpp"
#include "strata/forward/run.hpp"
#include "strata/forward/weighted_masker.hpp"
#include "strata/graph/edge.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// f is a sum of all logits with random signs, m random in [0.98, 1], d random signs of one kind of edges after the other.
/// (At masks further from 1 models bend so much that differences say nothing: SmolLM2-135M with m from 0.9 on differs from
/// its right gradient by a tenth.)
/// tolerance: of the difference, relative to ‖∂f/∂m‖₂ over that kind, which is how large such a sum is.
/// Returns:   the largest error. SmolLM2-135M, float: 0.004.
/// Throws:    strata::contract_error, with the kind of edge, where it is above the tolerance; as gradient_of().
/// Cost:      a run forward and back, and two runs for each kind: for a few tokens, once per model.
template <differentiable_forward_pass Model>
double check_gradient(Model& model, std::span<const token_id> tokens, double tolerance = 0.02) {
  using T = typename Model::scalar;
  constexpr double step = 1.0 / 4096;
  const graph edges(model.shape(), tokens.size());
  const auto count = static_cast<std::size_t>(edges.edge_count());
  random_numbers random(1);
  const auto sign = [&random] { return random.next() >> 63 != 0 ? 1.0 : -1.0; };
  std::vector<double> signs(model.shape().vocabulary), mask(count), direction(count);
  for (double& s : signs) s = sign();
  for (double& m : mask) m = 1 - random.uniform() / 50;
  for (double& d : direction) d = sign();

  const auto masked = [&](double along, edge_kind kind) {
    std::vector<T> weights(count);
    for (edge_id e = 0; e < count; ++e)
      weights[e] = static_cast<T>(mask[e] + (edges.at(e).kind == kind ? along * direction[e] : 0));
    return weights;
  };
  const auto found = gradient_of(
      model, tokens, masked(0, edge_kind::residual), [&](std::span<const T> /*logits*/, std::span<T> gradient) {
        std::transform(signs.begin(), signs.end(), gradient.begin(), [](double s) { return static_cast<T>(s); });
      });
  double largest = 0;
  for (const edge_kind kind : {edge_kind::residual, edge_kind::attention, edge_kind::mlp_residual, edge_kind::mlp}) {
    const auto value_at = [&](double along) {
      weighted_masker<T> hooks(edges, masked(along, kind));
      const std::vector<T> logits = run(model, tokens, hooks);
      double f = 0;
      for (std::size_t i = 0; i < logits.size(); ++i) f += signs[i] * static_cast<double>(logits[i]);
      return f;
    };
    double expected = 0, squares = 0;
    for (edge_id e = 0; e < count; ++e)
      if (edges.at(e).kind == kind) {
        const auto g = static_cast<double>(found.of_mask[e]);
        expected += g * direction[e];
        squares += g * g;
      }
    const double difference = (value_at(step) - value_at(-step)) / (2 * step);
    if (difference == 0 && squares == 0) continue;  // no such edges
    const double error = std::abs(difference - expected) / std::sqrt(squares);
    if (!(error <= tolerance))
      raise<contract_error>("along ", name_of(kind), " edges the logits change by ", difference, ", the gradient says ",
                            expected, ": relative error ", error, ", allowed ", tolerance);
    largest = std::max(largest, error);
  }
  return largest;
}

}  // namespace strata
