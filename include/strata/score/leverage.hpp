/// The leverage rule: how much of a node's leading directions an edge makes up. Squared row norms of the top k' = min(k,
/// rank) left singular vectors of the stacked contributions, divided by their sum, k'.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/leading_subspace.hpp"
#include "strata/score/rule.hpp"

namespace strata {

/// Exactly 1/n for each of n contributions where n ≤ k', and exactly 0 for a contribution that is zero.
/// Requires: k ≥ 1.
/// Cost:     one decomposition a node, of the dimension of the smaller of edges and width: far more than any other rule.
struct leverage {
  std::size_t k = 3;

  template <class T>
  void node(matrix_view<const T> contributions, std::span<const T> /*value*/, std::span<T> scores) const {
    STRATA_ASSERT(k > 0, "leverage: k is at least 1");
    const std::vector<double> parts = detail::leverages<T>(contributions, std::min(k, contributions.rows));
    const double sum = std::accumulate(parts.begin(), parts.end(), 0.0);
    for (std::size_t e = 0; e < scores.size(); ++e) scores[e] = sum == 0 ? T{0} : static_cast<T>(parts[e] / sum);
  }
};

static_assert(node_rule<leverage, float>);

}  // namespace strata
