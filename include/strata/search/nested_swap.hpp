/// Nested swap search: masks of rising size, each improved by swapping edges along the gradient of what it is to make
/// small.
///
/// Scores rank edges before anything is dropped. Where most edges are dropped the gradient says more: at the mask M, with
/// g = ∂(value)/∂(mask) of every edge, also of dropped ones, a swap takes in the edges of lowest g < 0 and gives up those
/// of highest g. A gradient is only true nearby, and next to dead nodes it is huge: of it only the order counts, what
/// is no number counts as 0, and a swap stays only if the value at the new mask is lower.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/checked_scores.hpp"
#include "strata/search/order_of_masks.hpp"
#include "strata/search/top_connected.hpp"

namespace strata {

/// What the search is told about a mask.
template <class T>
struct scored_mask {
  double value = 0;         // to be made small, as KL(P‖Q); +∞ is allowed
  std::vector<T> gradient;  // (E): ∂value/∂mask of every edge; empty where it was not asked for
};

/// Called as evaluate(mask, with_gradient).
template <class F, class T>
concept mask_objective = requires(F evaluate, const edge_mask& mask) {
  { evaluate(mask, true) } -> std::same_as<scored_mask<T>>;
};

/// `count` sizes from `first` to `last`, each the same multiple of the one before.
/// Requires: count ≥ 2, 0 < first < last.
[[nodiscard]] inline std::vector<double> geometric_sizes(double first, double last, std::size_t count) {
  STRATA_ASSERT(count >= 2 && first > 0 && first < last, "geometric_sizes: two sizes or more, rising");
  std::vector<double> sizes(count, last);
  for (std::size_t i = 0; i + 1 < count; ++i)
    sizes[i] = first * std::pow(last / first, static_cast<double>(i) / static_cast<double>(count - 1));
  return sizes;
}

struct swap_options {
  std::vector<double> sizes = geometric_sizes(2e-3, 0.2, 8);  // rising, in (0, 1]
  std::size_t rounds = 3;                                     // of swaps at each size
  double swapped = 0.15;   // of the edges of a size, how many the first round takes in
  double widen = 1.2;      // that number is multiplied by this after a swap that stays
  double narrow = 0.4;     // and by this after one that does not
  std::size_t budget = 0;  // largest number of evaluations; 0: no bound. At most sizes · (1 + rounds) are made
  std::function<bool(std::size_t done, std::size_t total)> progress;  // before each evaluation. false: stop
};

/// What was found at one size. The values are NaN where nothing was evaluated.
struct swap_step {
  double size = 0;
  edge_id edges = 0;         // of the mask; may be below ⌊size·E⌋ (search/top_connected.hpp)
  double first = not_known;  // value at the mask that the scores give
  double last = not_known;   // and at the one that was kept
  std::size_t accepted = 0;  // swaps that stayed

  static constexpr double not_known = std::numeric_limits<double>::quiet_NaN();
};

struct swap_result {
  edge_order order;              // every edge that best_first takes
  std::size_t evaluations = 0;   // of which the last of each size was asked for no gradient
  std::vector<swap_step> steps;  // one for each size
};

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

inline void check_swap_options(const swap_options& options) {
  double before = 0;
  for (const double size : options.sizes) {
    if (!(size > before && size <= 1))
      raise<option_error>("size ", size, " after ", before, ", expected rising sizes in (0, 1]");
    before = size;
  }
  const auto positive = [](const char* what, double value) {
    if (!(value > 0 && value < std::numeric_limits<double>::infinity()))
      raise<option_error>(what, " is ", value, ", expected a positive number");
  };
  positive("the swapped share", options.swapped);
  positive("the factor after a swap that stays", options.widen);
  positive("the factor after a swap that does not", options.narrow);
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

 private:
  const graph& graph_;
  Evaluate& evaluate_;
  const swap_options& options_;
  std::size_t most_;
  std::size_t done_ = 0;
};

/// Rounds of swaps at one size, from `mask` on, until rounds or evaluations are used up.
template <class T, class Evaluate>
void swap_edges(edge_mask& mask, edge_id n, const edge_mask& lock, const swap_options& options,
                counted_evaluations<T, Evaluate>& evaluate, swap_step& step) {
  scored_mask<T> here = evaluate(mask, true);
  step.first = step.last = here.value;
  const auto all = static_cast<double>(here.gradient.size());
  double share = options.swapped;
  for (std::size_t round = 1; round <= options.rounds && evaluate.left() > 0; ++round) {
    const auto count = static_cast<std::size_t>(std::clamp(share * static_cast<double>(n), 1.0, all));
    edge_mask alive = mask;
    for (const edge_id e : edges_to_take_in<T>(mask, here.gradient, count)) alive.insert(e);
    std::vector<T> falling(here.gradient);
    for (T& g : falling) g = -g;
    const edge_mask swapped = top_connected<T>(falling, n, alive, lock);
    bool fell = false;
    if (swapped != mask) {
      scored_mask<T> there = evaluate(swapped, round < options.rounds && evaluate.left() > 1);
      fell = there.value < here.value;
      if (fell) {
        here = std::move(there);
        mask = swapped;
        ++step.accepted;
      }
    }
    share *= fell ? options.widen : options.narrow;
  }
  step.last = here.value;
}

}  // namespace detail

/// For each size, from small to large: the mask that the scores give (top_connected) around the one before, then rounds
/// of swaps. In each, ⌊share·⌊size·E⌋⌋ edges, but at least one, may come in: those of the lowest gradients below 0
/// between nodes that are alive. Of them and of the mask those of the lowest gradients stay that fit the size; if the
/// value is lower there, the search goes on from there.
/// The order is that of order_of_masks: every prefix is connected to the output, and where the mask of a size is smaller
/// than the size, its trace ends with the first edges of the next size's, after the last size with the best of the rest.
///
/// scores:   one for each edge, in the order of their ids; higher is better.
/// evaluate: value and gradient at a mask, a mask_objective<T>; every edge of a mask lies on a path from an embedding to
///           the output. The same mask may be given twice.
/// Where the budget is used up, the mask is the best so far, and those of the sizes after it are what the scores give.
/// Throws:   strata::option_error for options out of range; strata::numeric_error for scores or gradients that are not
///           finite, or a value that is NaN; strata::cancelled when progress says so.
/// Cost:     beside the evaluations, O(E) for each of them and two sorts of all edges for each size.
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
  for (const double size : options.sizes) {
    const edge_id n = edges_at_size(graph, size);
    edge_mask mask = top_connected<T>(scores, n, all, kept);
    swap_step step{size};
    // Without an edge no node is alive; without one that is free, or an evaluation left after the first, nothing changes.
    if (mask.count() > 0 && kept.count() < n && options.rounds > 0 && counted.left() > 1)
      detail::swap_edges<T>(mask, n, kept, options, counted, step);
    step.edges = mask.count();
    result.steps.push_back(step);
    masks.push_back(mask);
    kept = std::move(mask);
  }
  result.order = order_of_masks<T>(graph, scores, masks);
  result.evaluations = counted.done();
  return result;
}

}  // namespace strata
