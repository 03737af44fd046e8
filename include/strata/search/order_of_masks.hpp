/// One order of the edges for a chain of masks, each within the next.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/best_first.hpp"
#include "strata/search/checked_scores.hpp"

namespace strata {

namespace detail {

/// Appends what a best-first search by `scores` takes up to `end` edges, once it has taken those in the order.
template <class T>
void append_best_first(const graph& graph, std::span<const T> scores, std::size_t end, edge_order& order) {
  const edge_order found = best_first(graph, scores, end);
  for (std::size_t i = order.size(); i < found.size(); ++i) order.push_back(found[i]);
}

}  // namespace detail

/// Every edge that best_first takes: first the edges of masks[0], then those of masks[1] that are not among them, …, then
/// the others. Of each mask, and of the others, in the order in which a best-first search by the scores goes on when all
/// edges before have been taken; so every prefix is connected to the output.
/// Requires: each mask is connected to the output (search/prune.hpp) and holds the one before.
/// Throws:   strata::numeric_error for a score that is not finite.
/// Cost:     a best_first for each mask, and memory for another score an edge.
template <class T>
[[nodiscard]] edge_order order_of_masks(const graph& graph, std::span<const T> scores,
                                        std::span<const edge_mask> masks) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  STRATA_ASSERT(scores.size() == graph.edge_count(), "order_of_masks: one score for each edge");
  detail::check_finite(graph, "score", scores);
  edge_order order(graph.edge_count());
  order.reserve(scores.size());
  std::vector<T> tiered(scores.begin(), scores.end());  // the edges before get +∞, those that are not to come yet −∞
  const auto already = [&] {
    for (const edge_id e : order) tiered[e] = infinity;
  };
  for (const edge_mask& mask : masks) {
    for (edge_id e = 0; e < scores.size(); ++e) tiered[e] = mask.contains(e) ? scores[e] : -infinity;
    already();
    detail::append_best_first<T>(graph, tiered, static_cast<std::size_t>(mask.count()), order);
  }
  tiered.assign(scores.begin(), scores.end());
  already();
  detail::append_best_first<T>(graph, tiered, scores.size(), order);
  return order;
}

}  // namespace strata
