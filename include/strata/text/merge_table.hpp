/// Byte-pair encoding: as long as two neighbouring symbols have a merge, the pair whose merge was learned first becomes
/// one symbol; of equal pairs the leftmost.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"

namespace strata {

struct bpe_merge {
  std::int32_t left = 0;  // token ids
  std::int32_t right = 0;
  std::int32_t merged = 0;
};

/// All merges of a tokenizer, found by their pair (open addressing, at most half full).
class merge_table {
 public:
  struct entry {
    std::uint64_t pair = no_pair;
    std::int32_t rank = std::numeric_limits<std::int32_t>::max();
    std::int32_t merged = -1;
  };

  merge_table() : merge_table(std::span<const bpe_merge>{}) {}

  /// merges[r] has rank r; where a pair occurs twice, the later one counts.
  /// Requires: ids ≥ 0.
  explicit merge_table(std::span<const bpe_merge> merges) : merge_table(merges, {}) {}

  /// Shape:    ranks: (merges); merges with equal ranks are done from left to right.
  /// Requires: ids ≥ 0.
  merge_table(std::span<const bpe_merge> merges, std::span<const std::int32_t> ranks) {
    STRATA_ASSERT(ranks.empty() || ranks.size() == merges.size(), "merge_table: a merge has no rank");
    std::size_t size = 2;
    while (size < 2 * merges.size()) size *= 2;
    entries_.resize(size);
    for (std::size_t i = 0; i < merges.size(); ++i) {
      const auto& [left, right, merged] = merges[i];
      STRATA_ASSERT(left >= 0 && right >= 0 && merged >= 0, "merge_table: a token id is negative");
      auto& place = entries_[find_slot(pair_of(left, right))];
      place = {pair_of(left, right), ranks.empty() ? static_cast<std::int32_t>(i) : ranks[i], merged};
    }
  }

  /// The merge of two tokens; its `merged` is negative if there is none.
  [[nodiscard]] const entry& find(std::int32_t left, std::int32_t right) const {
    return entries_[find_slot(pair_of(left, right))];
  }

 private:
  static constexpr std::uint64_t no_pair = std::numeric_limits<std::uint64_t>::max();

  static std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }

  /// Where `pair` is or would be put.
  [[nodiscard]] std::size_t find_slot(std::uint64_t pair) const {
    const std::uint64_t mixed = (pair ^ pair >> 29) * 0x9e3779b97f4a7c15U;
    auto slot = static_cast<std::size_t>(mixed >> 32) & (entries_.size() - 1);
    while (entries_[slot].pair != pair && entries_[slot].pair != no_pair) slot = (slot + 1) & (entries_.size() - 1);
    return slot;
  }

  std::vector<entry> entries_;
};

/// Merges the symbols of one word after the other; keeps its memory between words.
class merger {
 public:
  /// Requires: `merges` outlives the merger.
  explicit merger(const merge_table& merges) : merges_(&merges) {}

  /// Replaces the ids of a word's smallest symbols by those after all merges.
  /// Requires: fewer than 2³¹ symbols.
  /// Cost:     O(n log n) for n symbols.
  void operator()(std::vector<std::int32_t>& symbols) {
    if (symbols.size() < 2) return;
    link(symbols);
    for (std::int32_t i = 0; at(i).next != none; ++i) propose(i);
    while (!candidates_.empty()) {
      std::pop_heap(candidates_.begin(), candidates_.end(), later);
      const auto best = candidates_.back();
      candidates_.pop_back();
      if (is_current(best)) unite(best);
    }
    symbols.clear();
    for (std::int32_t i = 0; i != none; i = at(i).next) symbols.push_back(at(i).id);
  }

 private:
  static constexpr std::int32_t none = -1;
  static constexpr std::int32_t gone = -2;

  struct symbol {
    std::int32_t id = 0;
    std::int32_t previous = none;
    std::int32_t next = none;
  };
  struct candidate {
    std::int32_t rank = 0;
    std::int32_t position = 0;  // of the pair's left symbol
    std::int32_t left = 0;
    std::int32_t right = 0;
    std::int32_t merged = 0;
  };
  static bool later(const candidate& a, const candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  }

  symbol& at(std::int32_t position) { return symbols_[static_cast<std::size_t>(position)]; }

  void link(const std::vector<std::int32_t>& ids) {
    symbols_.clear();
    candidates_.clear();
    const auto count = static_cast<std::int32_t>(ids.size());
    for (std::int32_t i = 0; i < count; ++i)
      symbols_.push_back({ids[static_cast<std::size_t>(i)], i - 1, i + 1 < count ? i + 1 : none});
  }

  void propose(std::int32_t position) {
    const auto left = at(position);
    const auto right = at(left.next).id;
    const auto& found = merges_->find(left.id, right);
    if (found.merged < 0) return;
    candidates_.push_back({found.rank, position, left.id, right, found.merged});
    std::push_heap(candidates_.begin(), candidates_.end(), later);
  }

  /// A pair that was proposed may since have lost a symbol to another merge.
  bool is_current(const candidate& proposed) {
    const auto left = at(proposed.position);
    return left.id == proposed.left && left.next >= 0 && at(left.next).id == proposed.right;
  }

  void unite(const candidate& best) {
    auto& left = at(best.position);
    auto& right = at(left.next);
    left.id = best.merged;
    left.next = right.next;
    right = {gone, gone, gone};
    if (left.next != none) at(left.next).previous = best.position;
    if (left.previous != none) propose(left.previous);
    if (left.next != none) propose(best.position);
  }

  const merge_table* merges_;
  std::vector<symbol> symbols_;
  std::vector<candidate> candidates_;
};

}  // namespace strata
