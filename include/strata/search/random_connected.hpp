/// Random subgraphs connected to the output: the baseline of a trace.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/random_numbers.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// Which of a node's unused edges may be drawn. any: all of them. residual_and_mlp_first: an attention edge only when
/// no other is left, the published way; there a node's edges are shuffled once and taken in turn, which is the same.
enum class random_edges : std::uint8_t { any, residual_and_mlp_first };

namespace detail {

/// A reached node of which not all incoming edges have been drawn.
class unused_edges {
 public:
  unused_edges(const graph& g, node n)
      : at_(n),
        first_(g.first_edge(n)),
        count_(static_cast<std::uint32_t>(g.edge_count(n))),
        left_(count_),
        others_(g.has_mlp(n.level) ? 2 : 1) {
    STRATA_ASSERT(g.edge_count(n) <= std::numeric_limits<std::uint32_t>::max(),
                  "random_connected: a node has more than 2^32 edges");
  }

  [[nodiscard]] node at() const { return at_; }
  [[nodiscard]] bool empty() const { return left_ == 0; }

  /// Draws one of the unused edges, by its number among those of the node. Most often by trying: a list of them is made
  /// when half are used, so that memory follows what was drawn.
  std::size_t draw(random_numbers& random, random_edges edges, edge_mask& used) {
    std::uint32_t index = 0;
    if (edges == random_edges::residual_and_mlp_first && count_ - left_ < others_) {
      do index = random.below(others_) == 0 ? 0 : count_ - 1;
      while (used.contains(first_ + index));
    } else if (list_.empty() && left_ > count_ / 2) {
      do index = random.below(count_);
      while (used.contains(first_ + index));
    } else {
      if (list_.empty()) {
        list_.reserve(left_);
        for (std::uint32_t i = 0; i < count_; ++i)
          if (!used.contains(first_ + i)) list_.push_back(i);
      }
      std::swap(list_[random.below(left_)], list_.back());
      index = list_.back();
      list_.pop_back();
    }
    --left_;
    used.insert(first_ + index);
    return index;
  }

 private:
  node at_;
  edge_id first_;
  std::uint32_t count_;
  std::uint32_t left_;
  std::uint32_t others_;             // the edges that are no attention edges: the first and, with an MLP, the last
  std::vector<std::uint32_t> list_;  // of unused edges, once there is one
};

}  // namespace detail

/// From the output backwards, repeatedly: one of the reached nodes that have unused edges, each equally probable, and
/// one of its unused incoming edges, each equally probable; its source is then reached. Every prefix is connected to the
/// output. The same seed gives the same order on every machine.
///
/// n:      number of edges wanted; the order holds fewer only when the graph does.
/// Cost:   O(n) on average, and a pass over the edges of nodes of which half were drawn.
/// Memory: beside the order one bit for each edge of the graph and 4 bytes, at most, for each edge drawn.
/// Source: Kervadec et al., arXiv 2605.27033.
[[nodiscard]] inline edge_order random_connected(const graph& graph, edge_id n, std::uint64_t seed,
                                                 random_edges edges = random_edges::any) {
  random_numbers random(seed);
  std::vector<bool> seen((graph.levels() + 1) * graph.tokens());
  std::vector<detail::unused_edges> open;
  const auto reach = [&](node reached) {
    const std::size_t slot = reached.level * graph.tokens() + reached.token;
    if (reached.level == 0 || seen[slot]) return;
    seen[slot] = true;
    open.emplace_back(graph, reached);
  };
  edge_mask used(graph);
  edge_order order(graph.edge_count());
  order.reserve(static_cast<std::size_t>(std::min(n, graph.edge_count())));
  reach(graph.output());
  while (order.size() < n && !open.empty()) {
    detail::unused_edges& drawn = open[random.below(static_cast<std::uint32_t>(open.size()))];
    const node at = drawn.at();
    const std::size_t index = drawn.draw(random, edges, used);
    order.push_back(graph.first_edge(at) + index);
    if (drawn.empty()) {
      std::swap(drawn, open.back());
      open.pop_back();
    }
    reach(graph.source_of(at, index));
  }
  return order;
}

}  // namespace strata
