/// Selection of the best edges that lie on paths from an embedding to the output.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/checked_scores.hpp"
#include "strata/search/score_sort.hpp"

namespace strata {

namespace detail {

/// Ranks of edges, 0 the best, and of what the paths through them need: an edge lies on a path from an embedding to the
/// output through edges of ranks ≤ r exactly if r is at least
///     needed(e) = max(rank(e), fed(source of e), reaching(target of e)),
///     fed(node)      = min over edges into it of max(rank, fed(source)), 0 at level 0,
///     reaching(node) = min over edges out of it of max(rank, reaching(target)), 0 at the output.
class path_ranks {
 public:
  struct needed_rank {
    std::uint32_t rank;
    edge_id id;
  };
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  /// Ranks: (E), those of edges of the mask are read.
  path_ranks(const edge_mask& mask, std::span<const std::uint32_t> ranks)
      : mask_(mask), ranks_(ranks), graph_(mask.edges_of()) {}

  /// What the edges of the mask need, without those that lie on no path.
  [[nodiscard]] std::vector<needed_rank> needed() const {
    const std::vector<std::uint32_t> fed = fed_nodes();
    std::vector<std::uint32_t> reaching(graph_.tokens(), none), sources;
    reaching.back() = 0;
    std::vector<needed_rank> found;
    for (std::size_t level = graph_.levels(); level > 0; --level) {
      sources.assign(graph_.tokens(), none);
      for (std::size_t token = 0; token < graph_.tokens(); ++token) {
        if (reaching[token] == none) continue;
        for_each_edge({level, token}, [&](edge_id id, std::size_t source) {
          const std::uint32_t onwards = std::max(ranks_[id], reaching[token]);
          const std::uint32_t whole = std::max(onwards, fed[slot(level - 1, source)]);
          sources[source] = std::min(sources[source], onwards);
          if (whole != none) found.push_back({whole, id});
        });
      }
      reaching.swap(sources);
    }
    return found;
  }

 private:
  [[nodiscard]] std::size_t slot(std::size_t level, std::size_t token) const { return level * graph_.tokens() + token; }

  template <class Each>
  void for_each_edge(node n, Each each) const {
    if (graph_.edge_count(n) == 0) return;
    const edge_id first = graph_.first_edge(n);
    mask_.for_each(n, [&](std::size_t index) { each(first + index, graph_.source_of(n, index).token); });
  }

  [[nodiscard]] std::vector<std::uint32_t> fed_nodes() const {
    std::vector<std::uint32_t> fed((graph_.levels() + 1) * graph_.tokens(), none);
    std::fill_n(fed.begin(), graph_.tokens(), 0U);
    for (std::size_t level = 1; level <= graph_.levels(); ++level)
      for (std::size_t token = 0; token < graph_.tokens(); ++token) {
        std::uint32_t& own = fed[slot(level, token)];
        for_each_edge({level, token}, [&](edge_id id, std::size_t source) {
          own = std::min(own, std::max(ranks_[id], fed[slot(level - 1, source)]));
        });
      }
    return fed;
  }

  const edge_mask& mask_;
  std::span<const std::uint32_t> ranks_;
  graph graph_;
};

}  // namespace detail

/// The locked edges and the best others of those that are alive, as many of these as leave at most n edges once all that
/// lie on no path from an embedding to the output are taken out. Equal scores: the smaller id first. Often fewer than n:
/// one more edge may complete a path of many.
///
/// scores:   one for each edge, in the order of their ids; those of edges that are alive and not locked are read.
/// Requires: lock holds at most n edges; fewer than 2³² − 1 edges.
/// Throws:   strata::numeric_error for a score that is NaN.
/// Cost:     sorts the edges that are alive, then two passes over them; memory for a number an edge of the graph.
template <class T>
[[nodiscard]] edge_mask top_connected(std::span<const T> scores, edge_id n, const edge_mask& alive,
                                      const edge_mask& lock) {
  using detail::path_ranks;
  const graph edges = alive.edges_of();
  STRATA_ASSERT(scores.size() == edges.edge_count() && scores.size() < path_ranks::none,
                "top_connected: one score for each edge, fewer than 2^32 - 1");
  STRATA_ASSERT(lock.count() <= n, "top_connected: more edges are locked than wanted");
  std::vector<detail::keyed_edge<T>> free;
  std::vector<std::uint32_t> ranks(scores.size(), 0);  // locked: 0
  for (std::uint32_t e = 0; e < scores.size(); ++e) {
    if (!alive.contains(e) || lock.contains(e)) continue;
    if (scores[e] != scores[e]) detail::check_numbers(edges.target_of(e), scores.subspan(e, 1));
    free.push_back({detail::falling_bits(scores[e]), e});
  }
  std::vector<std::uint32_t> sorted(free.size());
  detail::score_sort<T> sort(scores);
  sort(free, sorted.data());
  for (std::uint32_t i = 0; i < sorted.size(); ++i) ranks[sorted[i]] = i + 1;

  std::vector<path_ranks::needed_rank> needed = path_ranks(alive | lock, ranks).needed();
  edge_mask best(edges);
  std::uint32_t end = path_ranks::none;
  if (n < needed.size()) {
    const auto first_left_out = needed.begin() + static_cast<std::ptrdiff_t>(n);
    std::nth_element(needed.begin(), first_left_out, needed.end(),
                     [](const auto& a, const auto& b) { return a.rank < b.rank; });
    end = first_left_out->rank;
  }
  for (const path_ranks::needed_rank& e : needed)
    if (e.rank < end) best.insert(e.id);
  return best;
}

}  // namespace strata
