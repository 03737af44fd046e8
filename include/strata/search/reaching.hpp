/// The nodes in the order in which the best-first search reaches them, without the edges between.
///
/// Of the edges that leave a node only the first that is most matters for this: the best of those whose targets have
/// been reached. So the search needs one waiting edge for each node (Prim's algorithm), and looks at every score once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/graph/graph.hpp"

namespace strata::detail {

/// What the order of taking depends on: the higher score first, of equals the edge whose target was reached first, then
/// the smaller id.
template <class T>
struct edge_rank {
  T score;
  std::uint32_t target;  // number of the target in the order of reaching
  std::uint32_t id;

  [[nodiscard]] bool before(const edge_rank& b) const {
    return score != b.score ? score > b.score : target != b.target ? target < b.target : id < b.id;
  }
};

/// A node with incoming edges, the edge through which it was reached, and the lowest score most until then: its key.
template <class T>
struct reached_node {
  node at;
  std::uint32_t first = 0;  // of its edges
  std::uint32_t count = 0;
  std::uint32_t above = 0;  // edges with scores above the key
  T key;
  edge_rank<T> by;
};

/// Requires: fewer than 2³² edges.
/// Throws:   strata::numeric_error for a score that is NaN.
/// Cost:     one pass over the scores, and O(log n) for each waiting edge that is replaced by a better one.
template <class T>
class reaching {
 public:
  reaching(const graph& g, std::span<const T> scores)
      : graph_(g),
        scores_(scores),
        row_(g.tokens() * g.heads()),
        waiting_((g.levels() + 1) * row_, none),
        seen_((g.levels() + 1) * g.tokens()) {
    std::fill_n(waiting_.begin(), row_, most);  // nobody waits for the nodes of level 0
    reach(g.output(), {most, 0, 0});
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const entry best = heap_.back();
      heap_.pop_back();
      if (!seen_[best.source.level * g.tokens() + best.source.token]) reach(best.source, best.by);
    }
  }

  [[nodiscard]] std::vector<reached_node<T>> take() { return std::move(nodes_); }

 private:
  struct entry {
    edge_rank<T> by;
    node source;
    bool operator<(const entry& b) const { return b.by.before(by); }  // std's heaps keep the largest on top
  };
  // In place of the score of a node's waiting edge: no score is "not above" NaN, and every one is "not above" infinity.
  static constexpr T none = std::numeric_limits<T>::quiet_NaN();
  static constexpr T most = std::numeric_limits<T>::infinity();

  [[nodiscard]] std::size_t slot(node n) const { return n.level * row_ + n.token * graph_.heads(); }

  void reach(node n, edge_rank<T> by) {
    std::fill_n(waiting_.begin() + static_cast<std::ptrdiff_t>(slot(n)), graph_.heads(), most);
    seen_[n.level * graph_.tokens() + n.token] = true;
    const T key = nodes_.empty() ? most : std::min(nodes_.back().key, by.score);
    const auto first = static_cast<std::uint32_t>(graph_.first_edge(n));
    const auto count = static_cast<std::uint32_t>(graph_.edge_count(n));
    number_ = static_cast<std::uint32_t>(nodes_.size());
    offer(n, {n.level - 1, n.token}, first);
    if (graph_.has_attention(n.level)) look_at_attention(n, first + 1);
    if (graph_.has_mlp(n.level)) offer(n, {n.level - 1, n.token}, first + count - 1);
    std::uint32_t above = 0;
    for (std::size_t e = first; e < first + count; ++e) above += scores_[e] > key ? 1U : 0U;
    nodes_.push_back({n, first, count, above, key, by});
  }

  // Edges that are better than the ones waiting for their sources are rare: blocks without any are passed quickly.
  void look_at_attention(node target, std::uint32_t first) {
    constexpr std::size_t block = 64;
    const std::size_t count = graph_.heads() * (target.token + 1);
    const T* const waiting = waiting_.data() + (target.level - 1) * row_;
    const T* const score = scores_.data() + first;
    std::size_t i = 0;
    for (; i + block <= count; i += block) {
      unsigned better = 0;
      for (std::size_t k = 0; k < block; ++k) better |= score[i + k] <= waiting[i + k] ? 0U : 1U;
      if (better != 0) look_at_each(target, first, i, i + block);
    }
    look_at_each(target, first, i, count);
  }

  void look_at_each(node target, std::uint32_t first, std::size_t begin, std::size_t end) {
    const T* const waiting = waiting_.data() + (target.level - 1) * row_;
    for (std::size_t i = begin; i < end; ++i) {
      if (scores_[first + i] <= waiting[i]) continue;
      // The best edge from this source, of equals the first; what lies before the block is no better.
      const std::size_t source = i / graph_.heads();
      const std::size_t last = (source + 1) * graph_.heads();
      std::size_t best = i;
      for (std::size_t k = i; k < last && scores_[first + best] == scores_[first + best]; ++k)
        if (!(scores_[first + k] <= scores_[first + best])) best = k;  // also if it is no number: offer refuses it
      offer(target, {target.level - 1, source}, first + static_cast<std::uint32_t>(best));
      i = last - 1;
    }
  }

  void offer(node target, node source, std::uint32_t edge) {
    const T score = scores_[edge];
    if (score != score)
      raise<numeric_error>("level ", target.level, ", token ", target.token,
                           ": the score of an incoming edge is not a number");
    const auto waiting = waiting_.begin() + static_cast<std::ptrdiff_t>(slot(source));
    if (score <= *waiting) return;
    std::fill_n(waiting, graph_.heads(), score);
    if (heap_.size() > 2 * seen_.size()) drop_replaced();
    heap_.push_back({{score, number_, edge}, source});
    std::push_heap(heap_.begin(), heap_.end());
  }

  void drop_replaced() {
    std::erase_if(heap_, [&](const entry& e) {
      return seen_[e.source.level * graph_.tokens() + e.source.token] || waiting_[slot(e.source)] != e.by.score;
    });
    std::make_heap(heap_.begin(), heap_.end());
  }

  graph graph_;
  std::span<const T> scores_;
  std::size_t row_;
  std::vector<T> waiting_;  // (levels + 1, tokens, heads): the score of the source's waiting edge, for each head again
  std::vector<bool> seen_;
  std::vector<entry> heap_;
  std::vector<reached_node<T>> nodes_;
  std::uint32_t number_ = 0;  // of the node that is being reached
};

}  // namespace strata::detail
