/// Masked runs of traces, and how faithful each of them is to the model.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/mask_list.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/composition.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/edge_strata.hpp"
#include "strata/graph/graph.hpp"
#include "strata/measure/faithfulness.hpp"

namespace strata {

/// A set of edges, and the run that keeps only them.
struct trace_point {
  double size = 0;    // share of all edges
  edge_id edges = 0;  // of a size s: ⌊s · E⌋
  faithfulness measured;
  composition made_of;
};

/// Measures the traces of an order: those of its first counts[0] ≤ counts[1] ≤ … edges.
/// measure:  faithful to what: the plain run's logits. A trace of all edges is that run.
/// Returns:  one point for each count; equal ones are run once.
/// states:   if given, gets the final states, (counts, width); a trace of all edges is then run too.
/// kept_logits: if given, gets the logits, (counts, vocabulary).
/// Throws:   as run_masked().
template <forward_pass Model>
[[nodiscard]] std::vector<trace_point> evaluate(
    Model& model, std::span<const token_id> tokens, const edge_order& order, std::span<const std::size_t> counts,
    const faithfulness_to<typename Model::scalar>& measure, const ablation<typename Model::scalar>& dropped = {},
    const masked_run_options& options = {}, const sweep_progress& progress = {},
    matrix<typename Model::scalar>* states = nullptr, matrix<typename Model::scalar>* kept_logits = nullptr) {
  using T = typename Model::scalar;
  const graph edges(model.shape(), tokens.size());
  const auto all = static_cast<std::size_t>(edges.edge_count());
  std::vector<std::size_t> different;  // numbers of edges below E that are to be run
  for (const std::size_t count : counts)
    if ((count < all || states != nullptr) && (different.empty() || different.back() != count))
      different.push_back(count);
  std::vector<composition> made_of;
  std::vector<T> logits;
  matrix<T> found;
  if (!different.empty()) {
    const edge_strata strata(edges, order, different);
    made_of = strata.compositions();
    logits = run_masked(model, tokens, strata, dropped, options, progress, states == nullptr ? nullptr : &found);
  }
  made_of.push_back(composition_of(edges));
  logits.insert(logits.end(), measure.logits().begin(), measure.logits().end());
  std::vector<faithfulness> measured(made_of.size());
  const std::size_t vocabulary = measure.logits().size();
  detail::parallel_for(options.threads, measured.size(), [&](std::size_t i) {
    measured[i] = measure(std::span<const T>(logits).subspan(i * vocabulary, vocabulary));
  });

  std::vector<trace_point> points;
  if (kept_logits != nullptr) kept_logits->resize_uninitialised(counts.size(), vocabulary);
  for (const std::size_t count : counts) {
    const auto run =
        static_cast<std::size_t>(std::lower_bound(different.begin(), different.end(), count) - different.begin());
    const std::size_t i = count == all ? measured.size() - 1 : run;
    points.push_back({static_cast<double>(count) / static_cast<double>(all), count, measured[i], made_of[i]});
    if (kept_logits != nullptr)
      std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(i * vocabulary), vocabulary,
                  kept_logits->row(points.size() - 1).begin());
    if (states == nullptr) continue;
    if (points.size() == 1) states->reset(counts.size(), found.cols());
    std::copy_n(found.row(run).begin(), found.cols(), states->row(points.size() - 1).begin());
  }
  return points;
}

/// Measures any masks of the prompt's graph: one point for each.
/// states:   if given, gets the final states, (masks, width). kept_logits: the logits, (masks, vocabulary).
/// Throws:   as run_masked(), and what progress throws.
template <forward_pass Model>
[[nodiscard]] std::vector<trace_point> evaluate(
    Model& model, std::span<const token_id> tokens, std::span<const edge_mask> masks,
    const faithfulness_to<typename Model::scalar>& measure, const ablation<typename Model::scalar>& dropped = {},
    const masked_run_options& options = {}, const sweep_progress& progress = {},
    matrix<typename Model::scalar>* states = nullptr, matrix<typename Model::scalar>* kept_logits = nullptr) {
  using T = typename Model::scalar;
  const auto all = static_cast<double>(graph(model.shape(), tokens.size()).edge_count());
  const std::size_t vocabulary = measure.logits().size();
  const std::vector<T> logits = run_masked(model, tokens, masks, dropped, options, progress, states);
  if (kept_logits != nullptr) *kept_logits = matrix<T>(matrix_view<const T>(logits.data(), masks.size(), vocabulary));
  std::vector<faithfulness> measured(masks.size());
  detail::parallel_for(options.threads, masks.size(), [&](std::size_t m) {
    measured[m] = measure(std::span<const T>(logits).subspan(m * vocabulary, vocabulary));
  });
  std::vector<trace_point> points;
  for (std::size_t m = 0; m < masks.size(); ++m) {
    composition made_of = composition_of(masks[m]);
    points.push_back({static_cast<double>(made_of.edges) / all, made_of.edges, measured[m], std::move(made_of)});
  }
  return points;
}

}  // namespace strata
