/// Whether what is near in one representation is near in another, which need not hold the other way round.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/measure/geometry.hpp"

namespace strata {

/// Information imbalance Δ(X → Y) = 2/N² Σ_i rank of j in Y among the neighbours of i, j being i's nearest in X. The
/// nearest has rank 1; distances are Euclidean; of equally near samples the one with the smaller index comes first.
/// Shape:    x: (samples, width), y: (samples, another width), a row a sample, its values side by side.
/// Requires: at least two samples; values as l2_distance.
/// Returns:  2/N if X tells all neighbours in Y, about 1 if it tells nothing.
/// Cost:     samples²·(width + other width), some samples of memory.
/// Source:   Glielmo et al., Ranking the information content of distance measures, PNAS Nexus 1 (2022).
template <class T>
[[nodiscard]] double information_imbalance(matrix_view<const T> x, matrix_view<const T> y) {
  STRATA_ASSERT(x.rows == y.rows, "information_imbalance: different numbers of samples");
  STRATA_ASSERT(x.rows >= 2, "information_imbalance: fewer than two samples");
  const std::size_t n = x.rows;
  std::vector<double> distances(n);
  double ranks = 0;
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t nearest = i == 0 ? 1 : 0;
    double least = l2_distance(x.row(i), x.row(nearest));
    for (std::size_t j = nearest + 1; j < n; ++j) {
      if (j == i) continue;
      const double distance = l2_distance(x.row(i), x.row(j));
      if (distance < least) least = distance, nearest = j;
    }
    for (std::size_t j = 0; j < n; ++j) distances[j] = l2_distance(y.row(i), y.row(j));
    std::size_t rank = 1;
    for (std::size_t j = 0; j < n; ++j) {
      const bool before = distances[j] < distances[nearest] || (distances[j] == distances[nearest] && j < nearest);
      if (j != i && before) ++rank;
    }
    ranks += static_cast<double>(rank);
  }
  return 2.0 * ranks / (static_cast<double>(n) * static_cast<double>(n));
}

}  // namespace strata
