/// What a sweep over many masks has to compute, level by level: which nodes have values of their own in which masks.
///
/// Two masks give a node the same value, which is computed once, if they keep the same edges into it and the values
/// that it reads are the same: for attention those of all tokens up to its own, since they are all in the softmax, or,
/// with a frozen pattern, those of the sources of kept edges. A node without kept edges has the base value: 0, or, where
/// dropped edges have means, one of its own for each token. A node that no kept edge leads on to the output is not
/// computed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "strata/forward/mask_list.hpp"
#include "strata/graph/fed_nodes.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

namespace sweep {

/// No row, no sum.
inline constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

/// A weighted sum of values over a token's attention edges, as they are kept in one mask.
struct mix {
  std::uint32_t token;
  std::uint32_t mask;    // the first of those that keep these edges
  std::uint32_t source;  // row of the level below with the query
};

/// A node's value: what is added up. Rows are those of the level below.
struct row {
  std::uint32_t token;
  std::uint32_t residual;  // or none
  std::uint32_t mix;       // number of a mix, or none
  std::uint32_t mlp;       // row that goes through the MLP, or none
};

/// The distinct values of a level's nodes. Row 0 is the zero vector, row i + 1 is rows[i]; they are in the order of tokens.
struct level {
  std::size_t number = 0;
  std::vector<row> rows;
  std::vector<mix> mixes;         // in the order of tokens
  std::vector<std::uint32_t> of;  // (tokens, masks): the row of a node
};

}  // namespace sweep

/// How the runs come about, as far as it matters to a plan; that of zero ablation.
struct sweep_rules {
  bool base_values =
      false;              // nodes without kept edges have values, which are then rows of nothing; otherwise they are 0
  bool fed_only = false;  // a node is 0 unless kept edges lead to it from an embedding (forward/ablation.hpp: mass)
  bool frozen_pattern = false;  // attention reads values only, of kept edges
};

/// Requires: the masks outlive it.
/// Cost:     for each level, tokens · masks steps, masks² where they differ; a byte for each node and mask.
template <mask_list Masks>
class sweep_plan {
 public:
  explicit sweep_plan(const Masks& masks, sweep_rules rules = {})
      : masks_(&masks), graph_(masks.edges_of()), tokens_(graph_.tokens()), count_(masks.size()), rules_(rules) {
    for (std::size_t m = 0; rules.fed_only && m < count_; ++m)
      fed_.emplace_back(graph_, [&](node n, auto take) {
        if (masks.residual(n, m) || (graph_.has_mlp(n.level) && masks.mlp(n, m))) take(n.token);
        masks.for_each_attention(n, m, [&](std::size_t s, std::size_t /*head*/) { take(s); });
      });
    find_needed();
  }

  /// Level 0: the embeddings, the same in all masks; row t + 1 is token t.
  [[nodiscard]] sweep::level embeddings() const {
    sweep::level first;
    first.of.resize(tokens_ * count_);
    for (std::size_t t = 0; t < tokens_; ++t) {
      first.rows.push_back({static_cast<std::uint32_t>(t), sweep::none, sweep::none, sweep::none});
      std::fill_n(first.of.begin() + static_cast<std::ptrdiff_t>(t * count_), count_,
                  static_cast<std::uint32_t>(t + 1));
    }
    return first;
  }

  /// The level above.
  [[nodiscard]] sweep::level next(const sweep::level& below) const {
    sweep::level made;
    made.number = below.number + 1;
    made.of.assign(tokens_ * count_, 0);
    const bool attention = graph_.has_attention(made.number), mlp = graph_.has_mlp(made.number);
    std::vector<std::uint32_t> before(count_, 0);  // the first mask with the same rows of all tokens so far
    std::vector<std::uint32_t> mix_of(count_);
    for (std::size_t t = 0; t < tokens_; ++t) {
      const node n{made.number, t};
      const std::uint32_t* const source = below.of.data() + t * count_;
      if (attention) split_by_rows(before, source);
      const std::size_t first_row = made.rows.size();
      for (std::size_t m = 0; m < count_; ++m) {
        mix_of[m] = sweep::none;
        if (!needed_[made.number * tokens_ * count_ + t * count_ + m] || !has_value(n, m)) continue;
        sweep::row r{static_cast<std::uint32_t>(t), sweep::none, sweep::none, sweep::none};
        if (masks_->residual(n, m)) r.residual = source[m];
        if (mlp && masks_->mlp(n, m)) r.mlp = source[m];
        if (attention && masks_->mixes(n, m)) {
          for (std::size_t other = 0; other < m && mix_of[m] == sweep::none; ++other)
            if (mix_of[other] != sweep::none && masks_->same_attention(n, other, m) &&
                (before[other] == before[m] || (rules_.frozen_pattern && same_sources(n, other, m, below))))
              mix_of[m] = mix_of[other];
          if (mix_of[m] == sweep::none) {
            mix_of[m] = static_cast<std::uint32_t>(made.mixes.size());
            made.mixes.push_back({r.token, static_cast<std::uint32_t>(m), source[m]});
          }
          r.mix = mix_of[m];
        }
        made.of[t * count_ + m] = row_of(made.rows, first_row, r);
      }
    }
    return made;
  }

 private:
  [[nodiscard]] bool has_value(node n, std::size_t m) const {
    return rules_.fed_only ? fed_[m](n) : rules_.base_values || masks_->any(n, m);
  }

  // Whether the sources of a node's kept attention edges, which are the same in both masks, have the same rows.
  [[nodiscard]] bool same_sources(node n, std::size_t a, std::size_t b, const sweep::level& below) const {
    bool same = true;
    masks_->for_each_attention(n, a, [&](std::size_t s, std::size_t /*head*/) {
      same = same && below.of[s * count_ + a] == below.of[s * count_ + b];
    });
    return same;
  }

  // Which nodes some kept path leads on from, to the output or to a softmax on the way to it: from the top down.
  void find_needed() {
    const std::size_t nodes = tokens_ * count_;
    needed_.assign((graph_.levels() + 1) * nodes, 0);
    std::fill_n(needed_.end() - static_cast<std::ptrdiff_t>(count_), count_, std::uint8_t{1});
    std::vector<std::size_t> mixing(count_);  // how many tokens a mask's attention reads
    for (std::size_t level = graph_.levels(); level > 0; --level) {
      const std::uint8_t* const above = needed_.data() + level * nodes;
      std::uint8_t* const below = needed_.data() + (level - 1) * nodes;
      std::fill(mixing.begin(), mixing.end(), std::size_t{0});
      for (std::size_t t = 0; t < tokens_; ++t)
        for (std::size_t m = 0; m < count_; ++m) {
          const node n{level, t};
          if (above[t * count_ + m] == 0 || (rules_.fed_only && !fed_[m](n))) continue;
          if (masks_->residual(n, m) || (graph_.has_mlp(level) && masks_->mlp(n, m))) below[t * count_ + m] = 1;
          if (!graph_.has_attention(level)) continue;
          if (rules_.frozen_pattern)
            masks_->for_each_attention(n, m, [&](std::size_t s, std::size_t /*head*/) { below[s * count_ + m] = 1; });
          else if (masks_->mixes(n, m))
            mixing[m] = t + 1;
        }
      for (std::size_t m = 0; m < count_; ++m)
        for (std::size_t t = 0; t < mixing[m]; ++t) below[t * count_ + m] = 1;
    }
  }

  // Masks that were together so far stay so where their rows of this token are equal.
  void split_by_rows(std::vector<std::uint32_t>& before, const std::uint32_t* rows) const {
    const std::vector<std::uint32_t> old = before;
    for (std::size_t m = 0; m < count_; ++m) {
      std::size_t first = 0;
      while (old[first] != old[m] || rows[first] != rows[m]) ++first;  // at the latest m itself
      before[m] = static_cast<std::uint32_t>(first);
    }
  }

  // The number of the row that is put together in this way, among those of the same token from `first` on.
  static std::uint32_t row_of(std::vector<sweep::row>& rows, std::size_t first, const sweep::row& wanted) {
    for (std::size_t i = first; i < rows.size(); ++i)
      if (rows[i].residual == wanted.residual && rows[i].mix == wanted.mix && rows[i].mlp == wanted.mlp)
        return static_cast<std::uint32_t>(i + 1);
    rows.push_back(wanted);
    return static_cast<std::uint32_t>(rows.size());
  }

  const Masks* masks_;
  graph graph_;
  std::size_t tokens_;
  std::size_t count_;  // of masks
  sweep_rules rules_;
  std::vector<fed_nodes> fed_;        // of each mask, where the rules ask for it
  std::vector<std::uint8_t> needed_;  // (levels + 1, tokens, masks)
};

}  // namespace strata
