/// The best-first order of all edges, sorted instead of searched.
///
/// Once it is known by which edges r₁, r₂, … the search reaches its nodes (search/reaching.hpp), the place of every edge
/// follows. Most edges are low: not above the key of their target, the lowest score taken until that was reached. Low
/// edges follow one another by falling score; of equal ones the edge whose target was reached first, then the smaller
/// id. The others, the high edges (search/high_edges.hpp), lie in the gaps between two r: gap by gap, in each by falling
/// score, they follow the last low r before them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/uninitialised_allocator.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/high_edges.hpp"
#include "strata/search/reaching.hpp"
#include "strata/search/score_sort.hpp"

namespace strata::detail {

template <class T>
class sorted_order {
 public:
  sorted_order(const graph& g, std::span<const T> scores)
      : scores_(scores), nodes_(reaching<T>(g, scores).take()), order_(g.edge_count()) {
    const auto leading_bits = std::clamp(static_cast<unsigned>(std::bit_width(scores.size())), 10U, 20U) - 4;
    shift_ = 8 * static_cast<unsigned>(sizeof(T)) - leading_bits;
  }

  [[nodiscard]] edge_order take_first(std::size_t wanted) {
    if (wanted > 0) {
      {
        const std::vector<high_edge> high = high_edges<T>(nodes_, scores_);
        lay_out(wanted, high);
        put_high(high);
      }
      put_low();
      sort();
    }
    order_.resize_uninitialised(wanted);
    return std::move(order_);
  }

 private:
  using bits = decltype(falling_bits(T{}));

  // The low edges whose scores begin with the same bits, and the high ones that follow any of them.
  struct bucket {
    std::uint32_t low_end = 0;  // in low_; until all are there, the place for the next
    std::uint32_t begin = 0;    // in the order
  };
  struct gap {
    std::uint32_t high = 0;   // edges in it
    std::uint32_t begin = 0;  // in the order; until all are there, what begins behind the place for the next
  };

  [[nodiscard]] std::size_t bucket_of(bits key) const { return static_cast<std::size_t>(key >> shift_); }

  // For the low r that a bucket holds, beginning with number r: calls each_gap(gap) for the gaps that follow it, then
  // each_r(its id, edges in these gaps). Leaves r at the first one behind.
  template <class EachGap, class EachR>
  void for_each_low_r(std::size_t b, std::size_t& r, EachGap each_gap, EachR each_r) {
    while (r < nodes_.size() && bucket_of(falling_bits(nodes_[r].key)) == b) {
      const std::uint32_t id = nodes_[r].by.id;
      std::size_t high = 0;
      do {
        high += gaps_[++r].high;
        each_gap(gaps_[r]);
      } while (r < nodes_.size() && nodes_[r].by.score > nodes_[r].key);
      each_r(id, high);
    }
  }

  // Buckets and gaps, until they hold the wanted number of edges.
  void lay_out(std::size_t wanted, std::span<const high_edge> high) {
    std::vector<std::uint32_t> low(std::size_t{1} << (8 * sizeof(T) - shift_));
    for (const reached_node<T>& n : nodes_) {
      const bits key = falling_bits(n.key);
      for (const T score : scores_.subspan(n.first, n.count))
        if (const bits own = falling_bits(score); own >= key) ++low[bucket_of(own)];
    }
    gaps_.resize(nodes_.size() + 1);
    for (const high_edge& e : high) ++gaps_[e.gap].high;
    std::uint32_t end = 0;
    for (std::size_t r = 1; end < wanted;) {
      const std::size_t b = buckets_.size();
      buckets_.push_back({low_edges_, end});
      low_edges_ += low[b];
      end += low[b];
      for_each_low_r(
          b, r, [&](gap& g) { g.begin = end += g.high; }, [](auto, auto) {});
    }
    order_.resize_uninitialised(end);
  }

  void put_high(std::span<const high_edge> high) {
    const auto ids = order_.narrow_ids();
    for (const high_edge& e : high)
      if (gap& g = gaps_[e.gap]; g.begin > 0) ids[--g.begin] = e.id;  // 0: not laid out, for a low r comes before
  }

  void put_low() {
    low_.resize(low_edges_);
    keyed_edge<T>* const low = low_.data();
    bucket* const buckets = buckets_.data();
    const auto last = static_cast<bits>((static_cast<bits>(buckets_.size()) << shift_) - 1);
    for (const reached_node<T>& n : nodes_) {
      const bits key = falling_bits(n.key);
      if (key > last) return;
      const std::uint32_t end = n.first + n.count;
      for (std::uint32_t e = n.first; e < end; ++e)
        if (const bits own = falling_bits(scores_[e]); own - key <= last - key)
          low[buckets[bucket_of(own)].low_end++] = {own, e};
    }
  }

  void sort() {
    score_sort<T> sort(scores_);
    const auto ids = order_.narrow_ids();
    std::vector<std::uint32_t> low;
    std::size_t r = 1;
    for (std::size_t b = 0, low_begin = 0; b < buckets_.size(); low_begin = buckets_[b++].low_end) {
      const auto edges = std::span(low_).subspan(low_begin, buckets_[b].low_end - low_begin);
      const std::size_t begin = buckets_[b].begin;
      const std::size_t end = b + 1 < buckets_.size() ? buckets_[b + 1].begin : ids.size();
      const bool only_low = begin + edges.size() == end;
      low.resize(only_low ? 0 : edges.size());
      sort(edges, only_low ? ids.data() + begin : low.data());
      // The high edges, which lie behind the places of the low ones, move forward between them.
      auto from = low.begin();
      auto to = ids.begin() + static_cast<std::ptrdiff_t>(begin);
      auto high = to + static_cast<std::ptrdiff_t>(edges.size());
      for_each_low_r(
          b, r, [&](const gap& g) { sort(ids.subspan(g.begin, g.high)); },
          [&](std::uint32_t id, std::size_t count) {
            if (count == 0) return;
            const auto behind = std::find(from, low.end(), id) + 1;
            to = std::copy(from, behind, to);
            from = behind;
            const auto high_end = high + static_cast<std::ptrdiff_t>(count);
            to = std::copy(high, high_end, to);
            high = high_end;
          });
      std::copy(from, low.end(), to);
    }
  }

  std::span<const T> scores_;
  std::vector<reached_node<T>> nodes_;
  unsigned shift_ = 0;
  std::vector<bucket> buckets_;
  std::vector<gap> gaps_;  // gap number g: before the r of this number
  std::vector<keyed_edge<T>, uninitialised_allocator<keyed_edge<T>>> low_;
  std::uint32_t low_edges_ = 0;
  edge_order order_;
};

/// Requires: fewer than 2³² edges.
/// Throws:   strata::numeric_error for a score that is NaN.
/// Cost:     four passes over the scores, and O(n) for the n edges wanted, but O(log(nodes)) for each high edge.
/// Memory:   beside scores and order 8 bytes (16 for double) an edge, at most 12 (20) where many scores begin with the same
///           bits; 4 (8) for each head of each node; and some 10 MiB.
template <class T>
[[nodiscard]] edge_order whole_order(const graph& g, std::span<const T> scores, edge_id limit) {
  STRATA_ASSERT(scores.size() == g.edge_count() && scores.size() < std::numeric_limits<std::uint32_t>::max(),
                "whole_order: one score for each edge, fewer than 2^32");
  return sorted_order<T>(g, scores).take_first(static_cast<std::size_t>(std::min<edge_id>(limit, scores.size())));
}

}  // namespace strata::detail
