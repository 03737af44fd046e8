/// The edges that the best-first search takes out of the falling order of scores.
///
/// Let the search reach its nodes by the edges r₁, r₂, … (search/reaching.hpp). An edge is high if its score lies above
/// the key of its target, the lowest score taken until that was reached. It is taken before the first r after that
/// which is not better than itself: it lies in the gap before this r.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strata/search/reaching.hpp"

namespace strata::detail {

struct high_edge {
  std::uint32_t gap;  // number of the r behind it; that of nodes: behind the last
  std::uint32_t id;
};

/// Number of values below a bound, in ascending ones. Without branches, which no processor could foresee.
template <class T>
[[nodiscard]] std::size_t count_below(std::span<const T> values, T bound) {
  const T* from = values.data();
  std::size_t count = values.size();
  for (; count > 1; count -= count / 2) from += from[count / 2 - 1] < bound ? count / 2 : 0;
  return static_cast<std::size_t>(from - values.data()) + (count == 1 && *from < bound ? 1 : 0);
}

/// Returns: the high edges, from the last reached target to the first, and from the last edge to the first.
/// Cost:    O(log(nodes)) for each; 8 bytes for each.
template <class T>
[[nodiscard]] std::vector<high_edge> high_edges(std::span<const reached_node<T>> nodes, std::span<const T> scores) {
  std::size_t total = 0;
  for (const reached_node<T>& n : nodes) total += n.above;
  std::vector<high_edge> found;
  found.reserve(total);
  std::vector<std::uint32_t> worse;  // r behind the target, each worse than all between; the farthest, worst, first
  std::vector<T> worse_scores;
  std::vector<std::uint32_t> above;
  for (std::size_t p = nodes.size(); p-- > 0;) {
    const reached_node<T>& n = nodes[p];
    if (n.above > 0) {
      above.resize(n.count);
      std::size_t count = 0;
      for (std::uint32_t e = n.first + n.count; e-- > n.first;) {
        above[count] = e;
        count += scores[e] > n.key ? 1U : 0U;
      }
      const std::span<const T> all(worse_scores);
      const std::size_t not_above = count_below(all, n.key);
      for (std::size_t i = 0; i < count; ++i) {
        const edge_rank<T> own{scores[above[i]], static_cast<std::uint32_t>(p), above[i]};
        std::size_t at = not_above + count_below(all.subspan(not_above), own.score);
        if (at < worse.size() && worse_scores[at] == own.score)
          at = static_cast<std::size_t>(
              std::partition_point(worse.begin() + static_cast<std::ptrdiff_t>(at), worse.end(),
                                   [&](std::uint32_t r) { return !nodes[r].by.before(own); }) -
              worse.begin());
        found.push_back({at == 0 ? static_cast<std::uint32_t>(nodes.size()) : worse[at - 1], above[i]});
      }
    }
    for (; !worse.empty() && nodes[worse.back()].by.before(n.by); worse_scores.pop_back()) worse.pop_back();
    worse.push_back(static_cast<std::uint32_t>(p));
    worse_scores.push_back(n.by.score);
  }
  return found;
}

}  // namespace strata::detail
