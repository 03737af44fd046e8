/// What every selection asks of the scores that it is given.
#pragma once

#include <cstddef>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/graph/graph.hpp"

namespace strata::detail {

/// scores_of that gives a node the part of all scores that is its own.
template <class T>
[[nodiscard]] auto scores_by_node(const graph& graph, std::span<const T> scores) {
  STRATA_ASSERT(scores.size() == graph.edge_count(), "one score for each edge");
  return [&graph, scores](node n) {
    return scores.subspan(static_cast<std::size_t>(graph.first_edge(n)), static_cast<std::size_t>(graph.edge_count(n)));
  };
}

/// Throws: strata::numeric_error for a score that is NaN.
template <class T>
void check_numbers(node n, std::span<const T> scores) {
  bool numbers = true;
  for (const T score : scores) numbers &= score == score;
  if (!numbers)
    raise<numeric_error>("level ", n.level, ", token ", n.token, ": the score of an incoming edge is not a number");
}

/// what: of the values in the message, "score" or "gradient".
/// Throws: strata::numeric_error for a value that is NaN or an infinity.
template <class T>
void check_finite(const graph& graph, const char* what, std::span<const T> values) {
  for (std::size_t e = 0; e < values.size(); ++e)
    if (!(values[e] - values[e] == 0)) {
      const node n = graph.target_of(e);
      raise<numeric_error>("level ", n.level, ", token ", n.token, ": the ", what, " of an incoming edge is ",
                           values[e], ", expected a finite number");
    }
}

}  // namespace strata::detail
