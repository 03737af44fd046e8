/// A set of edges of one graph: the edges that a masked run keeps. One bit an edge.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

class edge_mask {
 public:
  /// The empty set.
  explicit edge_mask(const graph& graph)
      : graph_(graph), edges_(graph.edge_count()), words_(static_cast<std::size_t>((edges_ + 63) / 64), 0) {}

  [[nodiscard]] static edge_mask none(const graph& graph) { return edge_mask(graph); }
  [[nodiscard]] static edge_mask all(const graph& graph) { return ~edge_mask(graph); }

  /// The first n edges of an order: the trace of n edges.
  [[nodiscard]] static edge_mask prefix(const graph& graph, const edge_order& order, std::size_t n) {
    STRATA_ASSERT(n <= order.size(), "edge_mask::prefix: the order holds fewer edges");
    edge_mask mask(graph);
    for (std::size_t i = 0; i < n; ++i) mask.insert(order[i]);
    return mask;
  }

  /// All edges for which condition(edge) holds.
  template <class Condition>
  [[nodiscard]] static edge_mask where(const graph& graph, Condition condition) {
    edge_mask mask(graph);
    for (edge_id e = 0; e < mask.edges_; ++e)
      if (condition(graph.at(e))) mask.insert(e);
    return mask;
  }

  [[nodiscard]] const graph& edges_of() const { return graph_; }

  [[nodiscard]] bool contains(edge_id e) const {
    STRATA_ASSERT(e < edges_, "edge_mask::contains: edge out of range");
    return (words_[word(e)] >> (e % 64) & 1U) != 0;
  }
  void insert(edge_id e) {
    STRATA_ASSERT(e < edges_, "edge_mask::insert: edge out of range");
    words_[word(e)] |= std::uint64_t{1} << (e % 64);
  }
  void erase(edge_id e) {
    STRATA_ASSERT(e < edges_, "edge_mask::erase: edge out of range");
    words_[word(e)] &= ~(std::uint64_t{1} << (e % 64));
  }

  /// Number of edges in the set.
  [[nodiscard]] edge_id count() const {
    edge_id sum = 0;
    for (const std::uint64_t w : words_) sum += static_cast<edge_id>(std::popcount(w));
    return sum;
  }
  /// Number of edges of the set that enter a node.
  [[nodiscard]] edge_id count(node n) const {
    edge_id sum = 0;
    for_each_word(
        n, [&](std::size_t w, std::uint64_t bits) { sum += static_cast<edge_id>(std::popcount(words_[w] & bits)); });
    return sum;
  }
  /// Whether any edge of the set enters the node.
  [[nodiscard]] bool any(node n) const { return count(n) > 0; }
  /// Whether all edges that enter the node are in the set; true for nodes without edges.
  [[nodiscard]] bool all(node n) const { return count(n) == graph_.edge_count(n); }

  /// Whether this mask and another of the same graph keep the same of the edges that enter a node.
  [[nodiscard]] bool same(node n, const edge_mask& other) const {
    bool equal = true;
    for_each_word(
        n, [&](std::size_t w, std::uint64_t bits) { equal = equal && ((words_[w] ^ other.words_[w]) & bits) == 0; });
    return equal;
  }
  /// Calls f(index) for each edge of the set that enters the node: its number among those, rising.
  template <class F>
  void for_each(node n, F f) const {
    const edge_id first = graph_.edge_count(n) == 0 ? 0 : graph_.first_edge(n);
    for_each_word(n, [&](std::size_t w, std::uint64_t bits) {
      for (std::uint64_t left = words_[w] & bits; left != 0; left &= left - 1)
        f(static_cast<std::size_t>(w * 64 + static_cast<std::size_t>(std::countr_zero(left)) - first));
    });
  }

  /// Union.
  edge_mask& operator|=(const edge_mask& other) {
    return combine(other, [](std::uint64_t a, std::uint64_t b) { return a | b; });
  }
  /// Intersection.
  edge_mask& operator&=(const edge_mask& other) {
    return combine(other, [](std::uint64_t a, std::uint64_t b) { return a & b; });
  }
  /// Difference.
  edge_mask& operator-=(const edge_mask& other) {
    return combine(other, [](std::uint64_t a, std::uint64_t b) { return a & ~b; });
  }
  friend edge_mask operator|(edge_mask a, const edge_mask& b) { return a |= b; }
  friend edge_mask operator&(edge_mask a, const edge_mask& b) { return a &= b; }
  friend edge_mask operator-(edge_mask a, const edge_mask& b) { return a -= b; }

  /// Complement.
  friend edge_mask operator~(edge_mask a) {
    for (std::uint64_t& w : a.words_) w = ~w;
    if (a.edges_ % 64 != 0) a.words_.back() &= (std::uint64_t{1} << (a.edges_ % 64)) - 1;
    return a;
  }

  friend bool operator==(const edge_mask&, const edge_mask&) = default;

 private:
  [[nodiscard]] static std::size_t word(edge_id e) { return static_cast<std::size_t>(e / 64); }

  // f(word, bits): the words that the node's edges lie in, and the bits of them that are theirs.
  template <class F>
  void for_each_word(node n, F f) const {
    const edge_id edges = graph_.edge_count(n);
    if (edges == 0) return;
    const edge_id first = graph_.first_edge(n);
    const edge_id last = first + edges - 1;
    for (std::size_t w = word(first); w <= word(last); ++w)
      f(w, (w == word(first) ? ~std::uint64_t{0} << (first % 64) : ~std::uint64_t{0}) &
               (w == word(last) ? ~std::uint64_t{0} >> (63 - last % 64) : ~std::uint64_t{0}));
  }

  template <class Operation>
  edge_mask& combine(const edge_mask& other, Operation operation) {
    STRATA_ASSERT(graph_ == other.graph_, "edge_mask: the two masks belong to different graphs");
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] = operation(words_[i], other.words_[i]);
    return *this;
  }

  graph graph_;
  edge_id edges_;
  std::vector<std::uint64_t> words_;
};

}  // namespace strata
