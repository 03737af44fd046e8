/// Attention of one sequence for some tokens of which only some edges are kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/attention_kernels.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/masker.hpp"
#include "strata/forward/sweep_plan.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_parts.hpp"

namespace strata::detail {

template <class T>
class kept_attention {
 public:
  /// sources:  number of tokens that are read.
  kept_attention(const decoder_config& config, std::size_t layer, const ablation<T>& dropped, std::size_t sources)
      : config_(config), layer_(layer), dropped_(dropped), sources_(sources), keys_(config.kv_heads) {}

  /// key_of(s), value_of(s): (kv_heads · head_width) of source s; a value that is not read may be empty. With a frozen
  /// pattern no key is asked for.
  template <class KeyOf, class ValueOf>
  void set_sources(KeyOf key_of, ValueOf value_of) {
    matrix<T> rows;
    rows.resize_uninitialised(sources_, config_.kv_heads * config_.head_width);
    if (dropped_.pattern == nullptr) {
      for (std::size_t s = 0; s < sources_; ++s) std::copy_n(key_of(s).begin(), rows.cols(), rows.row(s).begin());
      for (std::size_t head = 0; head < config_.kv_heads; ++head)
        keys_[head].fill(config_.head_width, sources_,
                         [&](std::size_t s) { return rows.row(s).data() + head * config_.head_width; });
    }
    for (std::size_t s = 0; s < sources_; ++s) {
      const std::span<const T> value = value_of(s);
      if (value.empty())
        std::fill(rows.row(s).begin(), rows.row(s).end(), T{0});
      else
        std::copy_n(value.begin(), rows.cols(), rows.row(s).begin());
    }
    values_ = std::move(rows);
  }

  /// Σ_s weights · values of every head, side by side, and what stands for dropped edges, for the mixes of mask m that
  /// `numbers` lists, in rising order of their tokens.
  /// query_of(mix, query): writes its queries, placed; not asked with a frozen pattern. sums: (all mixes, heads · head_width).
  template <class Masks, class QueryOf>
  void run(const Masks& masks, std::size_t level, std::size_t m, std::span<const sweep::mix> mixes,
           std::span<const std::uint32_t> numbers, QueryOf query_of, matrix<T>& sums) {
    for (std::size_t first = 0; first < numbers.size(); first += block_rows) {
      const auto some = numbers.subspan(first, std::min(block_rows, numbers.size() - first));
      take_kept(masks, level, m, mixes, some);
      if (dropped_.pattern == nullptr) {
        queries_.resize_uninitialised(some.size(), config_.heads * config_.head_width);
        for (std::size_t i = 0; i < some.size(); ++i) query_of(mixes[some[i]], queries_.row(i));
      }
      for (std::size_t head = 0; head < config_.heads; ++head) {
        run_head(head, mixes, some, sums);
        if (dropped_.means != nullptr) add_means(head, mixes, some, sums);
        if (dropped_.mass != nullptr) add_mass(head, mixes, some, sums);
      }
    }
  }

 private:
  static constexpr std::size_t block_rows = 32;

  // Which weights of the rows of a block are kept.
  template <class Masks>
  void take_kept(const Masks& masks, std::size_t level, std::size_t m, std::span<const sweep::mix> mixes,
                 std::span<const std::uint32_t> numbers) {
    stride_ = (mixes[numbers.back()].token + std::size_t{8}) / 8 * 8;
    kept_.resize(numbers.size() * config_.heads * stride_);
    counts_.assign(numbers.size() * config_.heads, 0);
    all_.assign(numbers.size(), false);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const std::size_t token = mixes[numbers[i]].token;
      const node n{level, token};
      std::uint32_t* const counts = counts_.data() + i * config_.heads;
      if (masks.all_attention(n, m)) {
        all_[i] = true;
        std::fill_n(counts, config_.heads, static_cast<std::uint32_t>(token + 1));
        continue;
      }
      std::uint8_t* const kept = kept_.data() + i * config_.heads * stride_;
      std::fill_n(kept, config_.heads * stride_, std::uint8_t{0});
      masks.for_each_attention(n, m, [&](std::size_t s, std::size_t head) {
        kept[head * stride_ + s] = 1;
        ++counts[head];
      });
    }
  }

  void run_head(std::size_t head, std::span<const sweep::mix> mixes, std::span<const std::uint32_t> numbers,
                matrix<T>& sums) {
    const std::size_t width = config_.head_width;
    const std::size_t kv_head = head / (config_.heads / config_.kv_heads);
    const auto to = [&](std::size_t i) { return sums.row(numbers[i]).subspan(head * width, width); };

    // Rows that keep many weights first; they are computed together.
    rows_.clear();
    lost_.assign(numbers.size(), T{1});  // those that keep nothing lose all that the softmax gives
    std::size_t dense = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      if (!is_sparse(i, head, mixes[numbers[i]].token)) rows_.push_back(static_cast<std::uint32_t>(i)), ++dense;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (!is_sparse(i, head, mixes[numbers[i]].token)) continue;
      if (counts_[i * config_.heads + head] > 0)
        rows_.push_back(static_cast<std::uint32_t>(i));
      else
        std::fill(to(i).begin(), to(i).end(), T{0});
    }
    if (rows_.empty()) return;

    std::size_t sources = 0;
    for (const std::uint32_t i : rows_) sources = std::max<std::size_t>(sources, mixes[numbers[i]].token + 1);
    take_weights(head, mixes, numbers, sources);
    const matrix_view<const T> values = values_.view().row_range(0, sources).col_range(kv_head * width, width);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      const std::size_t i = rows_[r];
      const std::size_t token = mixes[numbers[i]].token;
      const std::span<T> weights = weights_.row(r);
      if (all_[i]) continue;
      const std::uint8_t* const kept = kept_.data() + (i * config_.heads + head) * stride_;
      if (dropped_.mass != nullptr) {
        double lost = 0;
        for (std::size_t s = 0; s <= token; ++s) lost += kept[s] != 0 ? 0 : static_cast<double>(weights[s]);
        lost_[i] = static_cast<T>(lost);
      }
      for (std::size_t s = 0; s <= token; ++s) weights[s] = kept[s] != 0 ? weights[s] : T{0};
      if (dropped_.attention == attention_mask::before_softmax && counts_[i * config_.heads + head] <= token)
        renormalise(weights.first(token + 1));
    }
    head_sums_.resize_uninitialised(dense, width);
    weighted_sums<T>(weights_.view().row_range(0, dense), values, head_sums_);
    for (std::size_t r = 0; r < dense; ++r) std::copy_n(head_sums_.row(r).begin(), width, to(rows_[r]).begin());
    for (std::size_t r = dense; r < rows_.size(); ++r) {
      const std::uint8_t* const kept = kept_.data() + (rows_[r] * config_.heads + head) * stride_;
      list_.clear();
      for (std::size_t s = 0; s <= mixes[numbers[rows_[r]]].token; ++s)
        if (kept[s] != 0) list_.push_back(static_cast<std::uint32_t>(s));
      weighted_sum_of_kept<T>(std::span<const T>(weights_.row(r)), list_, values, to(rows_[r]));
    }
  }

  // The weights of the rows of rows_, before anything is dropped; 0 beyond their tokens.
  void take_weights(std::size_t head, std::span<const sweep::mix> mixes, std::span<const std::uint32_t> numbers,
                    std::size_t sources) {
    const std::size_t width = config_.head_width;
    weights_.resize_uninitialised(rows_.size(), sources);
    if (dropped_.pattern != nullptr) {
      for (std::size_t r = 0; r < rows_.size(); ++r) {
        const std::span<const T> full = dropped_.pattern->row(layer_, head, mixes[numbers[rows_[r]]].token);
        const auto rest = std::copy(full.begin(), full.end(), weights_.row(r).begin());
        std::fill(rest, weights_.row(r).end(), T{0});
      }
      return;
    }
    head_queries_.resize_uninitialised(rows_.size(), width);
    for (std::size_t r = 0; r < rows_.size(); ++r)
      std::copy_n(queries_.row(rows_[r]).begin() + static_cast<std::ptrdiff_t>(head * width), width,
                  head_queries_.row(r).begin());
    attention_scores<T>(head_queries_, keys_[head / (config_.heads / config_.kv_heads)], weights_);
    for (std::size_t r = 0; r < rows_.size(); ++r)
      weights_from_scores<T>(weights_.row(r), mixes[numbers[rows_[r]]].token, config_.windows[layer_]);
  }

  void add_mass(std::size_t head, std::span<const sweep::mix> mixes, std::span<const std::uint32_t> numbers,
                matrix<T>& sums) const {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (all_[i]) continue;
      const std::span<const T> mean = dropped_.mass->of(layer_, mixes[numbers[i]].token, head);
      T* const sum = sums.row(numbers[i]).data() + head * config_.head_width;
      for (std::size_t j = 0; j < mean.size(); ++j) sum[j] += lost_[i] * mean[j];
    }
  }

  void add_means(std::size_t head, std::span<const sweep::mix> mixes, std::span<const std::uint32_t> numbers,
                 matrix<T>& sums) const {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (all_[i]) continue;
      const std::uint8_t* const kept = kept_.data() + (i * config_.heads + head) * stride_;
      dropped_.means->add_dropped(
          layer_, head, mixes[numbers[i]].token, counts_[i * config_.heads + head],
          [kept](std::size_t s) { return kept[s] != 0; },
          sums.row(numbers[i]).subspan(head * config_.head_width, config_.head_width));
    }
  }

  [[nodiscard]] bool is_sparse(std::size_t i, std::size_t head, std::size_t token) const {
    return std::size_t{4} * counts_[i * config_.heads + head] < token + 1;
  }

  const decoder_config& config_;
  std::size_t layer_;
  ablation<T> dropped_;
  std::size_t sources_;
  std::vector<transposed_keys<T>> keys_;
  matrix<T> values_;  // (sources, kv_heads · head_width)

  // of a block of rows
  std::size_t stride_ = 0;
  std::vector<std::uint8_t> kept_;     // (rows, heads, stride)
  std::vector<std::uint32_t> counts_;  // (rows, heads): how many are kept
  std::vector<bool> all_;              // (rows)
  matrix<T> queries_;                  // (rows, heads · head_width)
  std::vector<std::uint32_t> rows_, list_;
  matrix<T> head_queries_, head_sums_, weights_;
  std::vector<T> lost_;  // (rows), of one head: the weight of what is dropped
};

}  // namespace strata::detail
