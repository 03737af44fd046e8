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
#include "strata/graph/composition.hpp"
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
      slots[i] = static_cast<std::uint32_t>(slot(graph.target_of(order[i])));
      ++begin_[slots[i] + 1];
    }
    for (std::size_t i = 0; i < nodes; ++i) begin_[i + 1] += begin_[i];
    indices_.resize(largest);
    counts_.resize(sizes_.size() * nodes);
    residual_.assign(nodes, never);
    mlp_.assign(nodes, never);
    struct filling {
      edge_id first;            // id of the node's first edge
      std::uint32_t mlp;        // index of its MLP edge
      std::uint32_t edges = 0;  // so far
    };
    std::vector<filling> filled;
    for (std::size_t at = 0; at < nodes; ++at) {
      const node n{at / tokens_ + 1, at % tokens_};
      const edge_id edges = graph.edge_count(n);
      filled.push_back({edges == 0 ? 0 : graph.first_edge(n),
                        graph.has_mlp(n.level) ? static_cast<std::uint32_t>(edges - 1) : never});
    }
    std::size_t i = 0;
    for (std::size_t m = 0; m < sizes_.size(); ++m) {
      for (; i < sizes_[m]; ++i) {
        const std::size_t at = slots[i];
        filling& of_node = filled[at];
        const auto index = static_cast<std::uint32_t>(order[i] - of_node.first);
        if (index == 0) residual_[at] = of_node.edges;
        if (index == of_node.mlp) mlp_[at] = of_node.edges;
        indices_[begin_[at] + of_node.edges++] = index;
      }
      for (std::size_t at = 0; at < nodes; ++at) counts_[m * nodes + at] = filled[at].edges;
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

  /// What each of the subgraphs is made of: (sizes).
  /// Cost:     one pass over the edges of the largest, and a step for each node and size.
  [[nodiscard]] std::vector<composition> compositions() const {
    std::vector<composition> made(sizes_.size());
    std::vector<edge_id> of_head(graph_.heads());
    for (std::size_t at = 0; at + 1 < begin_.size(); ++at) {
      const node n{at / tokens_ + 1, at % tokens_};
      std::uint32_t before = 0;
      for (std::size_t m = 0; m < sizes_.size(); ++m) {  // those of m that m − 1 has not
        const std::uint32_t now = count(n, m);
        const auto is_new = [&](std::uint32_t place) { return place >= before && place < now; };
        if (before == now) continue;
        const bool attention = graph_.has_attention(n.level);
        if (is_new(residual_[at]))
          made[m].add(graph_, attention ? edge_kind::residual : edge_kind::mlp_residual, n.level, no_head);
        if (is_new(mlp_[at])) made[m].add(graph_, edge_kind::mlp, n.level, no_head);
        if (attention) {
          std::fill(of_head.begin(), of_head.end(), edge_id{0});
          for (std::uint32_t i = before; i < now; ++i)
            if (i != residual_[at] && i != mlp_[at]) ++of_head[(indices_[begin_[at] + i] - 1) % graph_.heads()];
          for (std::size_t h = 0; h < of_head.size(); ++h)
            made[m].add(graph_, edge_kind::attention, n.level, h, of_head[h]);
        }
        before = now;
      }
    }
    for (std::size_t m = 1; m < made.size(); ++m) made[m] += made[m - 1];
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
