/// Tokens by falling probability, and the nuclei (top-p sets) that begin the ranking. Equal logits: the lower id first.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/softmax.hpp"

namespace strata {

/// Rank of a token, 1 = the most probable; without sorting.
/// Shape:    logits: (vocabulary).
/// Requires: token < vocabulary; no NaN.
/// Cost:     one pass.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] std::size_t rank_of(std::span<const T> logits, std::size_t token) {
  STRATA_ASSERT(token < logits.size(), "rank_of: no such token");
  const T own = logits[token];
  std::size_t before = 0;
  for (std::size_t i = 0; i < token; ++i) before += logits[i] >= own ? 1 : 0;
  for (std::size_t i = token + 1; i < logits.size(); ++i) before += logits[i] > own ? 1 : 0;
  return before + 1;
}

/// How many tokens of an order, at most, are the first of the ranking of other logits, in the same order.
/// Shape:    logits: (vocabulary); order: any number of different tokens.
/// Requires: tokens < vocabulary; no NaN.
/// Cost:     a pass for each halving of the tokens whose logits fall along the order; no sorting.
template <class T, class Arch = detail::default_arch>
[[nodiscard]] std::size_t common_beginning(std::span<const T> logits, std::span<const std::size_t> order) {
  std::size_t falling = order.empty() ? 0 : 1;
  for (; falling < order.size(); ++falling) {
    const std::size_t before = order[falling - 1], here = order[falling];
    if (!(logits[before] > logits[here] || (logits[before] == logits[here] && before < here))) break;
  }
  // Tokens that fall keep their ranks up to the first that one from outside overtakes.
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(falling);
  const auto overtaken = std::partition_point(order.begin(), end, [&](const std::size_t& token) {
    return rank_of<T, Arch>(logits, token) == static_cast<std::size_t>(&token - order.data()) + 1;
  });
  return static_cast<std::size_t>(overtaken - order.begin());
}

/// The ranking of one distribution, sorted only as far as it is asked for. Refers to the logits, which must outlive it.
/// Requires: what largest_logit refuses (NaN, +∞) is not in it.
template <class T, class Arch = detail::default_arch>
class ranking {
 public:
  /// Throws: numeric_error at NaN, +∞, or if all logits are −∞.
  explicit ranking(std::span<const T> logits) : logits_(logits), normalizer_(detail::normalize<T, Arch>(logits)) {}

  [[nodiscard]] std::size_t vocabulary() const { return logits_.size(); }
  [[nodiscard]] const detail::log_normalizer& normalizer() const { return normalizer_; }

  /// The token of rank i + 1.
  /// Requires: i < vocabulary.
  [[nodiscard]] std::size_t operator[](std::size_t i) {
    STRATA_ASSERT(i < logits_.size(), "ranking: beyond the vocabulary");
    while (i >= order_.size()) extend();
    return order_[i];
  }

  /// The first `count` tokens; valid until more are asked for.
  [[nodiscard]] std::span<const std::size_t> first(std::size_t count) {
    if (count > 0) static_cast<void>((*this)[count - 1]);
    return std::span<const std::size_t>(order_).first(count);
  }

  /// Number of tokens in the nucleus p, the shortest prefix of the ranking whose sum is ≥ p; `limit`, if it is longer.
  /// Requires: 0 < p ≤ 1. For p = 1: all tokens of positive probability.
  /// Throws:   strata::option_error for another p.
  /// Accuracy: weights e^(x − largest) are summed and compared with p·Σ, so that equal logits are counted exactly.
  [[nodiscard]] std::size_t nucleus_size(double p, std::size_t limit = std::numeric_limits<std::size_t>::max()) {
    if (!(p > 0.0 && p <= 1.0)) raise<option_error>("nucleus ", p, ", expected 0 < p <= 1");
    const double wanted = p < 1.0 ? p * normalizer_.weight : std::numeric_limits<double>::infinity();
    std::size_t size = 0;
    for (; size < std::min(limit, logits_.size()); ++size) {
      if (size == cumulative_.size() && !accumulate()) return size;
      if (cumulative_[size] >= wanted) return size + 1;
    }
    return size;
  }

 private:
  struct candidate {
    T logit;
    std::size_t token;

    /// Whether *this comes earlier in the ranking.
    bool operator<(const candidate& other) const {
      return logit > other.logit || (logit == other.logit && token < other.token);
    }
  };

  /// Adds the next token's weight to cumulative_; false if its probability is zero.
  bool accumulate() {
    const double x = static_cast<double>(logits_[(*this)[cumulative_.size()]]);
    if (x == -std::numeric_limits<double>::infinity()) return false;
    cumulative_.push_back((cumulative_.empty() ? 0.0 : cumulative_.back()) + std::exp(x - normalizer_.largest));
    return true;
  }

  /// First a few tokens in one scan with a small heap, then pieces that grow.
  void extend() {
    constexpr std::size_t first_piece = 16;
    if (order_.empty()) {
      append(best(std::min(first_piece, logits_.size())));
      return;
    }
    if (rest_.empty()) {
      const candidate last{logits_[order_.back()], order_.back()};
      for (std::size_t i = 0; i < logits_.size(); ++i)
        if (const candidate c{logits_[i], i}; last < c) rest_.push_back(c);
    }
    const std::size_t end = std::min(ranked_ + 16 * order_.size(), rest_.size());
    const auto at = [this](std::size_t i) { return rest_.begin() + static_cast<std::ptrdiff_t>(i); };
    if (end < rest_.size()) std::nth_element(at(ranked_), at(end), rest_.end());
    std::sort(at(ranked_), at(end));
    append(std::span<const candidate>(rest_).subspan(ranked_, end - ranked_));
    ranked_ = end;
  }

  [[nodiscard]] std::vector<candidate> best(std::size_t count) const {
    std::vector<candidate> heap;  // its front is the worst of the best so far
    for (std::size_t i = 0; i < count; ++i) heap.push_back({logits_[i], i});
    std::make_heap(heap.begin(), heap.end());
    const auto replace_worst = [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        if (!(logits_[i] > heap.front().logit)) continue;
        std::pop_heap(heap.begin(), heap.end());
        heap.back() = {logits_[i], i};
        std::push_heap(heap.begin(), heap.end());
      }
    };
    using register_of = detail::lanes<T, Arch>;
    std::size_t i = count;
    for (; i + register_of::size <= logits_.size(); i += register_of::size)
      if (any(detail::load<T, Arch>(logits_.data() + i) > register_of(heap.front().logit)))
        replace_worst(i, i + register_of::size);
    replace_worst(i, logits_.size());
    std::sort_heap(heap.begin(), heap.end());
    return heap;
  }

  void append(std::span<const candidate> piece) {
    for (const candidate& c : piece) order_.push_back(c.token);
  }

  std::span<const T> logits_;
  detail::log_normalizer normalizer_;
  std::vector<std::size_t> order_;  // the ranking so far
  std::vector<double> cumulative_;  // sums of weights along it, as far as they were asked for
  std::vector<candidate> rest_;     // what is not in the first piece …
  std::size_t ranked_ = 0;          // … in order up to here
};

/// The nucleus p as an ordered list of tokens.
/// Shape:    logits: (vocabulary).
/// Throws:   option_error if not 0 < p ≤ 1; numeric_error as ranking.
/// Source:   Holtzman et al., The curious case of neural text degeneration (2020).
template <class T, class Arch = detail::default_arch>
[[nodiscard]] std::vector<std::size_t> nucleus(std::span<const T> logits, double p) {
  ranking<T, Arch> ranked(logits);
  const std::span<const std::size_t> tokens = ranked.first(ranked.nucleus_size(p));
  return {tokens.begin(), tokens.end()};
}

}  // namespace strata
