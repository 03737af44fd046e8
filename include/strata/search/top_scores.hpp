/// Selection of the best edges of the whole graph, wherever they are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/checked_scores.hpp"
#include "strata/search/prune.hpp"

namespace strata {

/// The n edges with the highest scores, of equal ones those with the smaller ids, without those from which the output
/// cannot be reached through the others: at most n edges.
/// Requires: one score for each edge, in the order of their ids.
/// Throws:   strata::numeric_error for a score that is NaN.
/// Cost:     O(E) on average; memory for a copy of the scores.
template <class T>
[[nodiscard]] edge_mask top_scores(const graph& graph, std::span<const T> scores, edge_id n,
                                   connection wanted = connection::to_output) {
  STRATA_ASSERT(scores.size() == graph.edge_count(), "top_scores: one score for each edge");
  for (std::size_t e = 0; e < scores.size(); ++e)
    if (scores[e] != scores[e]) detail::check_numbers(graph.at(e).target_node(), scores.subspan(e, 1));
  if (n == 0) return edge_mask::none(graph);
  if (n >= scores.size()) return prune(edge_mask::all(graph), wanted);
  std::vector<T> falling(scores.begin(), scores.end());
  const auto last = falling.begin() + static_cast<std::ptrdiff_t>(n - 1);
  std::nth_element(falling.begin(), last, falling.end(), std::greater<T>());
  const T lowest = *last;
  auto equal = n - static_cast<edge_id>(std::count_if(falling.begin(), last, [&](T s) { return s > lowest; }));
  edge_mask best(graph);
  for (std::size_t e = 0; e < scores.size(); ++e)
    if (scores[e] > lowest || (scores[e] == lowest && equal > 0 && equal-- > 0)) best.insert(e);
  return prune(best, wanted);
}

}  // namespace strata
