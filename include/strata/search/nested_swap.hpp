/// Nested swap search: masks of rising size, each improved by swapping edges along the gradient of what it is to make
/// small.
///
/// Scores rank edges before anything is dropped. Where most edges are dropped the gradient says more: at the mask M, with
/// g = ∂(value)/∂(mask) of every edge, also of dropped ones, a swap takes in the edges of lowest g < 0 and gives up those
/// of highest g. A gradient is only true nearby, and next to dead nodes it is huge: of it only the order counts, what
/// is no number counts as 0, and a swap stays only if the value at the new mask is lower.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/checked_scores.hpp"
#include "strata/search/order_of_masks.hpp"
#include "strata/search/swap_options.hpp"
#include "strata/search/top_connected.hpp"

namespace strata {

namespace detail {

/// The `count` edges outside the mask whose gradients are lowest, and below 0, of those between nodes that the mask
/// feeds. Equal gradients: the smaller id.
/// Requires: every edge of the mask lies on a path from an embedding to the output, so that a node is fed, and reaches
///           the output, exactly if an edge of the mask enters it.
template <class T>
[[nodiscard]] std::vector<edge_id> edges_to_take_in(const edge_mask& mask, std::span<const T> gradient,
                                                    std::size_t count) {
  const graph edges = mask.edges_of();
  std::vector<bool> sources(edges.tokens(), true), targets(edges.tokens());
  std::vector<edge_id> found;
  for (std::size_t level = 1; level <= edges.levels(); ++level) {
    for (std::size_t token = 0; token < edges.tokens(); ++token) {
      const node n{level, token};
      targets[token] = mask.any(n);
      if (!targets[token]) continue;
      const edge_id first = edges.first_edge(n);
      for (std::size_t i = 0; i < edges.edge_count(n); ++i)
        if (gradient[first + i] < 0 && sources[edges.source_of(n, i).token] && !mask.contains(first + i))
          found.push_back(first + i);
    }
    sources.swap(targets);
  }
  if (count < found.size()) {
    std::nth_element(
        found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end(),
        [&](edge_id a, edge_id b) { return gradient[a] != gradient[b] ? gradient[a] < gradient[b] : a < b; });
    found.resize(count);
  }
  return found;
}

/// The evaluations of one search: counts them, tells progress, refuses what is no number.
template <class T, class Evaluate>
class counted_evaluations {
 public:
  counted_evaluations(const graph& graph, Evaluate& evaluate, const swap_options& options)
      : graph_(graph), evaluate_(evaluate), options_(options), most_(options.sizes.size() * (1 + options.rounds)) {
    if (options.budget > 0) most_ = std::min(most_, options.budget);
  }

  [[nodiscard]] std::size_t done() const { return done_; }
  [[nodiscard]] std::size_t left() const { return most_ - done_; }
  [[nodiscard]] std::size_t trials() const { return trials_; }

  [[nodiscard]] scored_mask<T> operator()(const edge_mask& mask, bool with_gradient) {
    if (options_.progress && !options_.progress(done_, most_)) raise<cancelled>("stopped at stage search");
    ++done_;
    scored_mask<T> found = evaluate_(mask, with_gradient);
    if (found.value != found.value) raise<numeric_error>("the value of evaluation ", done_, " is not a number");
    if (!with_gradient) return found;
    STRATA_ASSERT(found.gradient.size() == graph_.edge_count(), "nested_swap: one gradient for each edge");
    constexpr T largest = std::numeric_limits<T>::max();
    for (T& g : found.gradient) g = g == g ? std::clamp(g, -largest, largest) : T{0};  // next to a dead node
    return found;
  }

  /// The number and the value of the mask whose value is lowest, the first of equal ones; they are no evaluations.
  [[nodiscard]] std::pair<std::size_t, double> best_of(std::span<const edge_mask> masks) {
    std::vector<double> values;
    if constexpr (requires { values = evaluate_.values(masks); })
      values = evaluate_.values(masks);
    else
      for (const edge_mask& mask : masks) values.push_back(evaluate_(mask, false).value);
    STRATA_ASSERT(!masks.empty() && values.size() == masks.size(), "nested_swap: one value for each mask");
    for (const double value : values)
      if (value != value) raise<numeric_error>("the value after evaluation ", done_, " is not a number");
    trials_ += masks.size();
    const auto best = std::min_element(values.begin(), values.end());
    return {static_cast<std::size_t>(best - values.begin()), *best};
  }

 private:
  const graph& graph_;
  Evaluate& evaluate_;
  const swap_options& options_;
  std::size_t most_;
  std::size_t done_ = 0;
  std::size_t trials_ = 0;
};

/// The mask after a swap of the share of n along the gradient.
template <class T>
[[nodiscard]] edge_mask swapped_mask(const edge_mask& mask, std::span<const T> gradient, edge_id n, double share,
                                     const edge_mask& lock) {
  const auto all = static_cast<double>(gradient.size());
  edge_mask alive = mask;
  for (const edge_id e : edges_to_take_in<T>(
           mask, gradient, static_cast<std::size_t>(std::clamp(share * static_cast<double>(n), 1.0, all))))
    alive.insert(e);
  std::vector<T> falling(gradient.begin(), gradient.end());
  for (T& g : falling) g = -g;
  return top_connected<T>(falling, n, alive, lock);
}

/// Rounds of swaps at one size, from `mask` on, until rounds or evaluations are used up.
/// Returns: value, and gradient if it is known, at the mask.
template <class T, class Evaluate>
[[nodiscard]] scored_mask<T> swap_edges(edge_mask& mask, edge_id n, const edge_mask& lock, const swap_options& options,
                                        counted_evaluations<T, Evaluate>& evaluate, swap_step& step) {
  scored_mask<T> here = evaluate(mask, true);
  step.first = here.value;
  double share = options.swapped;
  for (std::size_t round = 1; round <= options.rounds && evaluate.left() > 0 && !here.gradient.empty(); ++round) {
    std::vector<edge_mask> swaps;
    const auto add = [&](double of_round) {
      edge_mask swapped = swapped_mask<T>(mask, here.gradient, n, of_round, lock);
      if (swapped != mask && std::find(swaps.begin(), swaps.end(), swapped) == swaps.end())
        swaps.push_back(std::move(swapped));
    };
    if (options.tried.empty()) add(share);
    for (const double multiple : options.tried) add(multiple * share);
    bool fell = false;
    if (!swaps.empty()) {
      const bool last = round == options.rounds || evaluate.left() == 1;
      scored_mask<T> there;
      std::size_t best = 0;
      if (!options.tried.empty()) std::tie(best, there.value) = evaluate.best_of(swaps);
      if (options.tried.empty() || (there.value < here.value && !last))
        there = evaluate(swaps[best], !last || (options.grow && evaluate.left() > 1));
      fell = there.value < here.value;
      if (fell) {
        here = std::move(there);
        mask = std::move(swaps[best]);
        ++step.accepted;
      }
    }
    share *= fell ? options.widen : options.narrow;
  }
  step.last = here.value;
  return here;
}

/// Where to start a size: with `start`, or with `kept` grown by the edges of lowest gradient g, as many as are missing or
/// half as many, and then by the scores.
template <class T, class Evaluate>
[[nodiscard]] edge_mask best_start(const edge_mask& start, const edge_mask& kept, edge_id n, std::span<const T> g,
                                   std::span<const T> scores, counted_evaluations<T, Evaluate>& evaluate) {
  const auto missing = static_cast<std::size_t>(n - kept.count());
  std::vector<edge_mask> starts{start};
  for (const std::size_t count : {missing, missing / 2}) {
    edge_mask grown = kept;
    for (const edge_id e : edges_to_take_in<T>(kept, g, count)) grown.insert(e);
    starts.push_back(top_connected<T>(scores, n, edge_mask::all(start.edges_of()), grown));
  }
  return starts[evaluate.best_of(starts).first];
}

}  // namespace detail

/// For each size, from small to large: the mask that the scores give (top_connected) around the one before, then rounds
/// of swaps. In each, ⌊share·⌊size·E⌋⌋ edges, but at least one, may come in: those of the lowest gradients below 0
/// between nodes that are alive. Of them and of the mask those of the lowest gradients stay that fit the size; if the
/// value is lower there, the search goes on from there. With options.tried several shares are tried, and the best one is
/// what counts.
/// The order is that of order_of_masks: every prefix is connected to the output, and where the mask of a size is smaller
/// than the size, its trace ends with the first edges of the next size's, after the last size with the best of the rest.
///
/// scores:   one for each edge, in the order of their ids; higher is better.
/// evaluate: value and gradient at a mask, a mask_objective<T>; every edge of a mask lies on a path from an embedding to
///           the output. The same mask may be given twice. Where it has values(masks) → std::vector<double>, that is
///           called for several masks at once.
/// Where the budget is used up, the mask is the best so far, and those of the sizes after it are what the scores give.
/// Throws:   strata::option_error for options out of range; strata::numeric_error for scores that are not finite, or a
///           value that is NaN; strata::cancelled when progress says so. Of gradients only the order counts: an infinite one
///           is the largest of its sign, NaN is 0.
/// Cost:     beside evaluations and trials, O(E) for each of them and two sorts of all edges for each size.
template <class T, mask_objective<T> Evaluate>
[[nodiscard]] swap_result nested_swap(const graph& graph, std::span<const T> scores, Evaluate evaluate,
                                      const swap_options& options = {}) {
  detail::check_swap_options(options);
  STRATA_ASSERT(scores.size() == graph.edge_count(), "nested_swap: one score for each edge");
  detail::check_finite(graph, "score", scores);
  detail::counted_evaluations<T, Evaluate> counted(graph, evaluate, options);
  swap_result result;
  std::vector<edge_mask> masks;
  const edge_mask all = edge_mask::all(graph);
  edge_mask kept(graph);
  scored_mask<T> at_kept;
  for (const double size : options.sizes) {
    const edge_id n = edges_at_size(graph, size);
    edge_mask mask = top_connected<T>(scores, n, all, kept);
    swap_step step{size};
    // Without an edge no node is alive; without one that is free, or an evaluation left after the first, nothing changes.
    if (mask.count() > 0 && kept.count() < n && options.rounds > 0 && counted.left() > 1) {
      if (options.grow && kept.count() > 0 && counted.left() > 2) {
        if (at_kept.gradient.empty()) at_kept = counted(kept, true);
        mask = detail::best_start<T>(mask, kept, n, at_kept.gradient, scores, counted);
      }
      at_kept = detail::swap_edges<T>(mask, n, kept, options, counted, step);
    }
    step.edges = mask.count();
    result.steps.push_back(step);
    masks.push_back(mask);
    kept = std::move(mask);
  }
  result.order = order_of_masks<T>(graph, scores, masks);
  result.evaluations = counted.done();
  result.trials = counted.trials();
  return result;
}

}  // namespace strata
