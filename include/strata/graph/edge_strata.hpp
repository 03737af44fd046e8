/// Nested subgraphs: the first n₁ ≤ n₂ ≤ … edges of one order. They are kept node by node: which of a node's edges the
/// largest of them holds, in the order in which they come, and how many of these each of them holds. So memory grows with
/// the edges of the largest, not with those of the graph.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

class edge_strata {
 public:
  /// sizes:    numbers of edges, rising or equal; at most as many as the order holds.
  /// Requires: fewer than 2³² edges into a node.
  /// Cost:     4 bytes an edge of the largest, 8 while it is made, and 4 bytes for each node and size.
  edge_strata(const graph& graph, const edge_order& order, std::span<const std::size_t> sizes)
      : graph_(graph), sizes_(sizes.begin(), sizes.end()), tokens_(graph.tokens()) {
    const std::size_t nodes = graph.levels() * tokens_;
    const std::size_t largest = sizes_.empty() ? 0 : sizes_.back();
    STRATA_ASSERT(std::is_sorted(sizes_.begin(), sizes_.end()) && largest <= order.size(),
                  "edge_strata: sizes must rise, and the order must hold the largest");
    std::vector<std::uint32_t> slots(largest);  // of the edges' targets
    begin_.assign(nodes + 1, 0);
    for (std::size_t i = 0; i < largest; ++i) {
      slots[i] = static_cast<std::uint32_t>(slot(graph.at(order[i]).target_node()));
      ++begin_[slots[i] + 1];
    }
    for (std::size_t i = 0; i < nodes; ++i) begin_[i + 1] += begin_[i];
    indices_.resize(largest);
    counts_.resize(sizes_.size() * nodes);
    residual_.assign(nodes, never);
    mlp_.assign(nodes, never);
    std::vector<std::uint32_t> filled(nodes, 0);
    std::size_t i = 0;
    for (std::size_t m = 0; m < sizes_.size(); ++m) {
      for (; i < sizes_[m]; ++i) {
        const std::size_t at = slots[i];
        const node n{at / tokens_ + 1, at % tokens_};
        const edge_id index = order[i] - graph.first_edge(n);
        if (index == 0) residual_[at] = filled[at];
        if (graph.has_mlp(n.level) && index + 1 == graph.edge_count(n)) mlp_[at] = filled[at];
        indices_[begin_[at] + filled[at]++] = static_cast<std::uint32_t>(index);
      }
      std::copy(filled.begin(), filled.end(), counts_.begin() + static_cast<std::ptrdiff_t>(m * nodes));
    }
  }

  [[nodiscard]] std::size_t size() const { return sizes_.size(); }
  [[nodiscard]] const graph& edges_of() const { return graph_; }
  /// Number of edges of subgraph m.
  [[nodiscard]] std::size_t edges(std::size_t m) const { return sizes_[m]; }

  /// Subgraph m, one bit for each edge of the graph.
  [[nodiscard]] edge_mask mask(std::size_t m) const {
    edge_mask made(graph_);
    for (std::size_t at = 0; at + 1 < begin_.size(); ++at) {
      const node n{at / tokens_ + 1, at % tokens_};
      for (std::uint32_t i = 0; i < count(n, m); ++i) made.insert(graph_.first_edge(n) + indices_[begin_[at] + i]);
    }
    return made;
  }

  // What a masked run asks of a node, for mask_list (forward/mask_list.hpp).

  [[nodiscard]] bool any(node n, std::size_t m) const { return count(n, m) > 0; }
  [[nodiscard]] bool residual(node n, std::size_t m) const { return residual_[slot(n)] < count(n, m); }
  [[nodiscard]] bool mlp(node n, std::size_t m) const { return mlp_[slot(n)] < count(n, m); }
  [[nodiscard]] bool mixes(node n, std::size_t m) const { return attention_count(n, m) > 0; }
  [[nodiscard]] bool all_attention(node n, std::size_t m) const {
    return attention_count(n, m) == graph_.heads() * (n.token + 1);
  }
  [[nodiscard]] bool same_attention(node n, std::size_t a, std::size_t b) const {
    return attention_count(n, a) == attention_count(n, b);
  }
  /// f(source, head) for each attention edge that is kept.
  template <class F>
  void for_each_attention(node n, std::size_t m, F f) const {
    const std::size_t at = slot(n);
    const std::uint32_t kept = count(n, m);
    const auto heads = static_cast<std::uint32_t>(graph_.heads());
    const std::uint32_t* const indices = indices_.data() + begin_[at];
    for (std::uint32_t i = 0; i < kept; ++i) {
      if (i == residual_[at] || i == mlp_[at]) continue;
      f(static_cast<std::size_t>((indices[i] - 1) / heads), static_cast<std::size_t>((indices[i] - 1) % heads));
    }
  }

 private:
  static constexpr std::uint32_t never = std::numeric_limits<std::uint32_t>::max();

  [[nodiscard]] std::size_t slot(node n) const {
    STRATA_ASSERT(n.level >= 1 && n.level <= graph_.levels() && n.token < tokens_,
                  "edge_strata: no edges enter this node");
    return (n.level - 1) * tokens_ + n.token;
  }
  [[nodiscard]] std::uint32_t count(node n, std::size_t m) const {
    STRATA_ASSERT(m < sizes_.size(), "edge_strata: no such subgraph");
    return counts_[m * graph_.levels() * tokens_ + slot(n)];
  }
  [[nodiscard]] std::uint32_t attention_count(node n, std::size_t m) const {
    return count(n, m) - (residual(n, m) ? 1 : 0) - (mlp(n, m) ? 1 : 0);
  }

  graph graph_;
  std::vector<std::size_t> sizes_;
  std::size_t tokens_;
  std::vector<std::size_t> begin_;             // (nodes + 1): where a node's edges begin in indices_
  std::vector<std::uint32_t> indices_;         // numbers of edges among those that enter the same node
  std::vector<std::uint32_t> counts_;          // (sizes, nodes): how many of a node's edges are kept
  std::vector<std::uint32_t> residual_, mlp_;  // (nodes): place of that edge among the node's
};

}  // namespace strata
