/// A trace measured by what it does for a task, as the circuit literature does it: normalised faithfulness of a metric m of
/// the logits, and its areas (measure/circuit_metrics.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"
#include "strata/measure/circuit_metrics.hpp"
#include "strata/trace.hpp"

namespace strata {

struct circuit_curve {
  double full = 0;                   // m of the plain run
  double empty = 0;                  // m of the run without edges
  std::vector<double> faithfulness;  // (curve); empty where m(full) = m(∅)
  std::optional<double> cpr, cmd;  // over the sizes of the curve; none where there is no faithfulness, or one size only
};

/// Requires: a trace that kept its logits (trace_options::keep_logits), made with the same ablation.
/// Throws:   as run_masked().
/// Cost:     one masked run, without edges.
template <forward_pass Model, logit_metric<typename Model::scalar> Metric>
[[nodiscard]] circuit_curve circuit_of(Model& model, const trace_result<typename Model::scalar>& trace,
                                       const Metric& metric, const ablation<typename Model::scalar>& dropped = {}) {
  using T = typename Model::scalar;
  STRATA_ASSERT(trace.curve_logits.rows() == trace.curve.size(), "circuit_of: the trace did not keep its logits");
  const edge_mask none(trace.edges);
  const std::vector<T> empty = run_masked(model, trace.tokens, std::span(&none, 1), dropped);
  circuit_curve made{metric(std::span<const T>(trace.logits)), metric(std::span<const T>(empty)), {}, {}, {}};
  std::vector<double> sizes;
  for (std::size_t i = 0; i < trace.curve.size(); ++i) {
    const auto share = normalised_faithfulness(metric(trace.curve_logits.row(i)), made.empty, made.full);
    if (!share) return made;
    made.faithfulness.push_back(*share);
    sizes.push_back(trace.curve[i].size);
  }
  if (sizes.size() < 2) return made;
  made.cpr = circuit_performance_ratio(sizes, made.faithfulness);
  made.cmd = circuit_model_distance(sizes, made.faithfulness);
  return made;
}

}  // namespace strata
