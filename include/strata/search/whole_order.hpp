/// The best-first order of all edges, without a heap of all nodes.
///
/// The search takes the best edge whose target has been reached. So the key of an edge, the smaller of its own score
/// and its target's key, never rises along the order, where the key of a node is the largest key among the edges that
/// leave it (+∞ for the output): the weakest edge on the best way to it. Keys come level by level from the top, edges
/// are sorted by key, and only among edges of equal key a search is left to do.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"

namespace strata::detail {

/// Ascending unsigned numbers for falling floating-point ones; −0 and 0 give the same.
template <class T>
[[nodiscard]] auto falling_bits(T value) {
  using bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr bits sign = bits{1} << (8 * sizeof(T) - 1);
  const bits b = std::bit_cast<bits>(value + T{0});
  return (b & sign) != 0 ? b : static_cast<bits>(~b & ~sign);
}

template <class T>
struct keyed_edge {
  decltype(falling_bits(T{})) key;
  std::uint32_t id;
};

/// Stable, ascending by key.
template <class Edge>
void radix_sort(std::vector<Edge>& edges) {
  constexpr unsigned digit = 11;
  constexpr unsigned digits = (8 * sizeof(Edge::key) + digit - 1) / digit;
  constexpr std::size_t buckets = std::size_t{1} << digit;
  std::vector<std::array<std::size_t, buckets>> starts(digits);
  for (const Edge& e : edges)
    for (unsigned d = 0; d < digits; ++d) ++starts[d][(e.key >> (d * digit)) % buckets];
  std::vector<Edge> other(edges.size());
  for (unsigned d = 0; d < digits; ++d) {
    std::size_t sum = 0;
    for (std::size_t& start : starts[d]) sum += std::exchange(start, sum);
    for (const Edge& e : edges) other[starts[d][(e.key >> (d * digit)) % buckets]++] = e;
    edges.swap(other);
  }
}

/// Keys of all edges in the order of their ids.
/// Throws: strata::numeric_error for a score that is NaN.
template <class T>
[[nodiscard]] std::vector<keyed_edge<T>> edge_keys(const graph& g, std::span<const T> scores) {
  std::vector<keyed_edge<T>> edges(scores.size());
  const std::size_t tokens = g.tokens();
  std::vector<T> below(tokens, -std::numeric_limits<T>::infinity());  // keys of the nodes one level below
  std::vector<T> keys = below;
  keys.back() = std::numeric_limits<T>::infinity();
  for (std::size_t level = g.levels(); level > 0; --level) {
    std::fill(below.begin(), below.end(), -std::numeric_limits<T>::infinity());
    for (std::size_t t = 0; t < tokens; ++t) {
      const node n{level, t};
      const auto count = static_cast<std::size_t>(g.edge_count(n));
      if (count == 0) continue;
      const auto first = static_cast<std::size_t>(g.first_edge(n));
      bool number = true;
      const auto take = [&](std::size_t e, T& source) {
        const T score = scores[e];
        number = number && score == score;
        const T key = score < keys[t] ? score : keys[t];
        edges[e] = {falling_bits(key), static_cast<std::uint32_t>(e)};
        source = source < key ? key : source;
      };
      std::size_t e = first;
      take(e++, below[t]);
      if (g.has_attention(level))
        for (std::size_t s = 0; s <= t; ++s)
          for (const std::size_t last = e + g.heads(); e < last; ++e) take(e, below[s]);
      if (g.has_mlp(level)) take(e, below[t]);
      if (!number)
        raise<numeric_error>("level ", level, ", token ", t, ": the score of an incoming edge is not a number");
    }
    keys.swap(below);
  }
  return edges;
}

/// Target and source of edges, faster than graph::at: within a layer they are those of any other layer.
class edge_ends {
 public:
  explicit edge_ends(const graph& g) : graph_(g) {
    if (g.layers() == 1) return;
    in_layer_.resize(
        static_cast<std::size_t>(g.first_edge({g.attention_level(1), g.layers() == 2 ? g.tokens() - 1 : 0})));
    for (std::size_t e = 0; e < in_layer_.size(); ++e) {
      const edge at = g.at(e);
      in_layer_[e] = {index(at.level, at.target), index(at.level - 1, at.source)};
    }
  }

  struct ends {
    std::uint32_t target, source;  // level · tokens + token
  };
  [[nodiscard]] ends operator()(std::uint32_t e) const {
    const std::size_t layer = in_layer_.empty() ? 0 : e / in_layer_.size();
    if (layer + 1 >= graph_.layers()) {
      const edge at = graph_.at(e);
      return {index(at.level, at.target), index(at.level - 1, at.source)};
    }
    const ends first = in_layer_[e - layer * in_layer_.size()];
    const std::uint32_t up = index(layer * (graph_.parallel() ? 1 : 2), 0);
    return {first.target + up, first.source + up};
  }
  [[nodiscard]] std::uint32_t index(std::size_t level, std::size_t token) const {
    return static_cast<std::uint32_t>(level * graph_.tokens() + token);
  }

 private:
  graph graph_;
  std::vector<ends> in_layer_;
};

/// Requires: fewer than 2³² edges.
/// Cost:     O(E), and O(n log n) for n edges of equal key; 8 to 16 bytes an edge on the way for float, twice that for
/// double.
template <class T>
[[nodiscard]] edge_order whole_order(const graph& g, std::span<const T> scores, edge_id limit) {
  STRATA_ASSERT(scores.size() == g.edge_count() && scores.size() <= std::numeric_limits<std::uint32_t>::max(),
                "whole_order: one score for each edge, fewer than 2^32");
  std::vector<keyed_edge<T>> edges = edge_keys(g, scores);
  radix_sort(edges);

  constexpr std::uint32_t never = std::numeric_limits<std::uint32_t>::max();
  const edge_ends ends_of(g);
  std::vector<std::uint32_t> reached((g.levels() + 1) * g.tokens(),
                                     never);  // number of the node in the order of reaching
  std::uint32_t next_number = 0;
  std::size_t missing = reached.size() - (g.tokens() - 1) * (g.parallel() ? 1 : 2);  // the last layer has fewer nodes
  const auto reach = [&](std::uint32_t at) {
    if (reached[at] != never) return false;
    reached[at] = next_number++;
    --missing;
    return true;
  };

  struct candidate {
    T score;
    std::uint32_t reached, id, source;
    bool operator<(const candidate& best) const {  // std's heaps keep the largest on top
      return score != best.score ? score < best.score : reached != best.reached ? reached > best.reached : id > best.id;
    }
  };
  std::vector<candidate> heap;
  edge_order order(g.edge_count());
  const auto wanted = static_cast<std::size_t>(std::min<edge_id>(limit, edges.size()));
  order.reserve(wanted);
  reach(ends_of.index(g.levels(), g.tokens() - 1));
  for (std::size_t i = 0; order.size() < wanted;) {
    std::size_t end = i + 1;
    while (end < edges.size() && edges[end].key == edges[i].key) ++end;
    if (end == i + 1) {
      order.push_back(edges[i].id);
      if (missing > 0) reach(ends_of(edges[i].id).source);
      i = end;
      continue;
    }
    // Among edges of equal key: best first, beginning with those whose target has been reached. Their ids rise.
    const auto offer = [&](const keyed_edge<T>& e, edge_ends::ends at) {
      heap.push_back({scores[e.id], reached[at.target], e.id, at.source});
      std::push_heap(heap.begin(), heap.end());
    };
    for (std::size_t k = i; k < end; ++k)
      if (const auto at = ends_of(edges[k].id); reached[at.target] != never) offer(edges[k], at);
    while (!heap.empty() && order.size() < wanted) {
      std::pop_heap(heap.begin(), heap.end());
      const candidate best = heap.back();
      heap.pop_back();
      order.push_back(best.id);
      if (missing == 0 || !reach(best.source) || best.source < g.tokens()) continue;
      const node source{best.source / g.tokens(), best.source % g.tokens()};
      const auto first = static_cast<std::uint32_t>(g.first_edge(source));
      const auto after = first + static_cast<std::uint32_t>(g.edge_count(source));
      const auto group = edges.begin() + static_cast<std::ptrdiff_t>(i);
      const auto group_end = edges.begin() + static_cast<std::ptrdiff_t>(end);
      auto e =
          std::lower_bound(group, group_end, first, [](const keyed_edge<T>& a, std::uint32_t id) { return a.id < id; });
      for (; e != group_end && e->id < after; ++e) offer(*e, ends_of(e->id));
    }
    heap.clear();
    i = end;
  }
  return order;
}

}  // namespace strata::detail
