/// The incoming edges of one node, best first, of which only a piece is kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/graph/graph.hpp"

namespace strata::detail {

template <class T>
struct scored_edge {
  T score;
  std::uint32_t index;  // among the edges of its node

  friend bool operator<(const scored_edge& a, const scored_edge& b) {
    return a.score != b.score ? a.score > b.score : a.index < b.index;
  }
};

/// Edges by falling score; equal scores in the order of their ids. When a piece is used up, the next one, twice as long,
/// begins behind the last edge taken, and needs the node's scores again.
/// Memory: 8 bytes (16 for double) for each edge of the piece.
template <class T>
class node_edges {
 public:
  static constexpr std::size_t first_piece = 32;

  /// scratch: any, for several nodes.
  /// Throws:  strata::numeric_error for a score that is NaN.
  node_edges(node n, std::span<const T> scores, std::vector<scored_edge<T>>& scratch) : left_(scores.size()) {
    take_piece(n, scores, first_piece, {std::numeric_limits<T>::infinity(), 0}, scratch);
  }

  /// Whether the piece is used up though the node has more edges: refill() before anything else.
  [[nodiscard]] bool used_up() const { return next_ == piece_.size() && left_ > 0; }
  /// Whether all edges have been taken.
  [[nodiscard]] bool empty() const { return next_ == piece_.size() && left_ == 0; }

  [[nodiscard]] T score() const { return piece_[next_].score; }
  [[nodiscard]] std::size_t index() const { return piece_[next_].index; }

  void pop() {
    if (++next_ == sorted_) sort_some();
    if (empty()) piece_ = {}, next_ = 0;
  }

  /// scores: the same as before.
  void refill(node n, std::span<const T> scores, std::vector<scored_edge<T>>& scratch) {
    const scored_edge<T> last = piece_.back();
    take_piece(n, scores, 2 * piece_.size(), {last.score, last.index + 1}, scratch);
  }

 private:
  // The best `length` edges, of those that are not better than `from`, in any order.
  void take_piece(node n, std::span<const T> scores, std::size_t length, scored_edge<T> from,
                  std::vector<scored_edge<T>>& scratch) {
    if (scratch.size() <= scores.size()) scratch.resize(scores.size() + 1);
    const auto begin = scratch.begin();
    T bound = -std::numeric_limits<T>::infinity();
    if (left_ > 4 * length) {  // most edges are out of the question, as a sample shows
      constexpr std::size_t stride = 8;
      const auto sampled = static_cast<std::ptrdiff_t>(collect(n, scores, stride, from, bound, scratch));
      const auto place = static_cast<std::ptrdiff_t>(4 + length * 3 / 2 / stride);
      if (place < sampled) {
        std::nth_element(begin, begin + place, begin + sampled);
        bound = (begin + place)->score;
      }
    }
    std::size_t count = collect(n, scores, 1, from, bound, scratch);
    if (count < length && count < left_)
      count = collect(n, scores, 1, from, -std::numeric_limits<T>::infinity(), scratch);
    const auto end = begin + static_cast<std::ptrdiff_t>(count);
    const auto piece_end = begin + static_cast<std::ptrdiff_t>(std::min(count, length));
    if (piece_end != end) std::nth_element(begin, piece_end, end);
    piece_.assign(begin, piece_end);
    left_ -= piece_.size();
    next_ = sorted_ = 0;
    sort_some();
  }

  // Those of every `stride`-th edge that are not better than `from` and have at least the score `bound`; their number.
  [[nodiscard]] static std::size_t collect(node n, std::span<const T> scores, std::size_t stride, scored_edge<T> from,
                                           T bound, std::vector<scored_edge<T>>& found) {
    std::size_t count = 0;
    bool numbers = true;
    scored_edge<T>* const to = found.data();
    for (std::size_t i = 0; i < scores.size(); i += stride) {
      const T score = scores[i];
      numbers = numbers && score == score;
      to[count] = {score, static_cast<std::uint32_t>(i)};
      const bool behind = (score < from.score) | ((score == from.score) & (i >= from.index));
      count += (behind & (score >= bound)) ? 1U : 0U;
    }
    if (!numbers)
      raise<numeric_error>("level ", n.level, ", token ", n.token, ": the score of an incoming edge is not a number");
    return count;
  }

  // Only a few edges of most nodes are taken.
  void sort_some() {
    const std::size_t count = std::min(piece_.size() - sorted_, std::max<std::size_t>(16, sorted_));
    const auto first = piece_.begin() + static_cast<std::ptrdiff_t>(sorted_);
    const auto last = first + static_cast<std::ptrdiff_t>(count);
    if (last != piece_.end()) std::nth_element(first, last, piece_.end());
    std::sort(first, last);
    sorted_ += count;
  }

  std::vector<scored_edge<T>> piece_;
  std::size_t left_;  // edges behind the piece
  std::size_t sorted_ = 0;
  std::size_t next_ = 0;
};

}  // namespace strata::detail
