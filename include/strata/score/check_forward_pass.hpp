/// Three checks that a forward pass must go through before anything of it is scored.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/masker.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"
#include "strata/score/recorder.hpp"
#include "strata/score/wiring_check.hpp"

namespace strata {

/// What the checks found; a pass that fails one is refused instead.
struct forward_pass_report {
  double self_check_error = 0;  // the largest relative error of a layer's attention output against its parts
  double batch_error = 0;       // the largest difference of a batch of two masks from two runs, relative to the logits
  double sweep_error = 0;       // the same of a sweep
};

/// Checks a forward pass on a short prompt.
///   self-check    the contributions add up to the attention outputs, and only the hooks write to x
///   wiring check  the pass goes on with what the hooks leave: in attention, MLPs and the unembedding
///   batch, sweep  a batch, and a sweep, of masks gives what single runs give (where the pass has them)
/// "A run that keeps all edges equals the plain run" would find none of the mistakes that these find.
/// Requires: at least one token; two different ones see more.
/// Throws:   strata::contract_error or strata::numeric_error that says what is wrong, with layer and token where it shows.
/// Cost:     up to seven runs.
template <forward_pass Model>
forward_pass_report check_forward_pass(Model& model, std::span<const token_id> tokens, double tolerance = 1e-4) {
  using T = typename Model::scalar;
  const graph edges(model.shape(), tokens.size());
  const std::size_t vocabulary = model.shape().vocabulary;
  forward_pass_report report;

  const auto difference = [](std::span<const T> a, std::span<const T> b) {  // relative to the largest of both
    double largest = 0;
    double apart = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] == b[i]) continue;  // also −∞
      apart = std::max(apart, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    }
    for (const T v : a)
      if (std::isfinite(v)) largest = std::max(largest, std::abs(static_cast<double>(v)));
    return apart == 0 ? 0 : apart / std::max(largest, std::numeric_limits<double>::min());
  };

  recorder<T> record(edges, l1{}, tolerance);
  const std::vector<T> recorded = run(model, tokens, record);
  if (!record.finished()) raise<contract_error>("the forward pass did not call finish");
  report.self_check_error = record.largest_error();
  const std::vector<T> plain = run(model, tokens);
  if (const double error = difference(plain, recorded); !(error <= tolerance))
    raise<contract_error>("the logits of a recorded run differ from those of the plain run by ", error, ", allowed ",
                          tolerance);

  wiring_check<T> left_alone(edges.block(), T{0});
  wiring_check<T> shifted(edges.block(), T{1});
  if (run(model, tokens, left_alone) == run(model, tokens, shifted))
    raise<contract_error>("the logits do not come from what finish left in x");

  std::array<edge_mask, 2> masks{edge_mask::all(edges), edge_mask(edges)};
  for (edge_id e = 0; e < edges.edge_count(); ++e) {
    // With all residual edges, since vectors near 0 would turn rounding into differences that say nothing.
    const edge_kind kind = edges.at(e).kind;
    if (kind == edge_kind::residual || kind == edge_kind::mlp_residual || (e * 7 + e / 5) % 11 != 0) masks[1].insert(e);
  }
  if constexpr (batched_forward_pass<Model> || sweeping_forward_pass<Model>) {
    // A run that keeps all edges is the plain run, which is there already: a run of a large model is dear.
    const std::array<std::vector<T>, 2> single{plain,
                                               run_masked(model, tokens, std::span<const edge_mask>(masks).subspan(1))};
    const auto compare_with_single_runs = [&](const char* what, const std::vector<T>& both) {
      detail::check_logits<T>(both, vocabulary, masks.size());
      double worst = 0;
      for (std::size_t b = 0; b < masks.size(); ++b) {
        const double error = difference(std::span<const T>(both).subspan(b * vocabulary, vocabulary), single[b]);
        if (!(error <= tolerance))
          raise<contract_error>(what, " of two masks differs from two runs by ", error, " in sequence ", b,
                                ", allowed ", tolerance);
        worst = std::max(worst, error);
      }
      return worst;
    };
    if constexpr (batched_forward_pass<Model>) {
      masker<T> hooks(masks);
      report.batch_error = compare_with_single_runs("a batch", model.forward(tokens, hooks, masks.size()));
    }
    if constexpr (sweeping_forward_pass<Model>)
      report.sweep_error = compare_with_single_runs("a sweep", run_masked(model, tokens, masks));
  }
  return report;
}

}  // namespace strata
