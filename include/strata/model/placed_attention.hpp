/// Attention of a whole sequence from its placed queries and keys.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/attention_kernels.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/forward/attention_source.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_parts.hpp"

namespace strata::detail {

/// Of one layer. A row has the same bits whatever rows are computed with it (detail/attention_kernels.hpp).
template <class T>
class placed_attention final : public attention_source<T> {
 public:
  /// Shape:    queries: (rows, heads · head_width), those of the last `rows` tokens, somebody else's until
  ///           keep_queries(); keys: (tokens, kv_heads · head_width), copied.
  placed_attention(const decoder_config& config, std::size_t layer, matrix_view<const T> queries,
                   matrix_view<const T> keys, std::size_t threads)
      : head_width_(config.head_width),
        group_(config.heads / config.kv_heads),
        window_(config.windows[layer]),
        first_token_(keys.rows - queries.rows),
        queries_(queries),
        keys_(config.kv_heads) {
    parallel_for(threads, keys_.size(), [&](std::size_t head) {
      const matrix_view<const T> of = of_head(keys, head);
      keys_[head].fill(head_width_, keys.rows, [&](std::size_t s) { return of.row(s).data(); });
    });
  }

  /// Σ_s weights · values of every head, side by side, of all rows; the weights as hooks.attend leaves them. In blocks of
  /// rows, so that the pattern never exists as a whole.
  /// Shape:    values: (tokens, kv_heads · head_width); mixed: (rows, heads · head_width). first_row: of the sequence.
  template <class Hooks>
  void mix(std::size_t layer, std::size_t first_row, matrix_view<const T> values, Hooks& hooks, std::size_t threads,
           matrix_view<T> mixed) const {
    constexpr std::size_t block = 64;
    const std::size_t heads = keys_.size() * group_;
    matrix<T> of_block;  // head by head
    of_block.resize_uninitialised(heads * std::min(block, mixed.rows), values.rows);
    for (std::size_t first = 0; first < mixed.rows; first += block) {
      const std::size_t rows = std::min(block, mixed.rows - first);
      const std::size_t row0 = first_token_ + first;
      const auto weights_of = [&](std::size_t head) {
        return of_block.view().row_range(head * rows, rows).col_range(0, row0 + rows);
      };
      parallel_for(threads, heads, [&](std::size_t head) { weights(head, row0, weights_of(head)); });
      for (std::size_t head = 0; head < heads; ++head) hooks.attend(layer, head, first_row + row0, weights_of(head));
      parallel_for(threads, heads, [&](std::size_t head) {
        weighted_sums<T>(weights_of(head), of_head(values.row_range(0, row0 + rows), head / group_),
                         of_head(mixed.row_range(first, rows), head));
      });
    }
  }

  /// From now on it needs nothing of anybody else.
  void keep_queries() {
    own_queries_ = matrix<T>(queries_);
    queries_ = own_queries_.view();
  }

  void weights(std::size_t head, std::size_t row0, matrix_view<T> weights) const override {
    STRATA_ASSERT(row0 >= first_token_ && row0 - first_token_ + weights.rows <= queries_.rows,
                  "placed_attention: rows that were not computed");
    attention_scores<T>(of_head(queries_.row_range(row0 - first_token_, weights.rows), head), keys_[head / group_],
                        weights);
    for (std::size_t i = 0; i < weights.rows; ++i) weights_from_scores<T>(weights.row(i), row0 + i, window_);
  }

 private:
  template <class U>
  [[nodiscard]] matrix_view<U> of_head(matrix_view<U> m, std::size_t head) const {
    return m.col_range(head * head_width_, head_width_);
  }

  std::size_t head_width_, group_, window_, first_token_;
  matrix_view<const T> queries_;
  matrix<T> own_queries_;
  std::vector<transposed_keys<T>> keys_;
};

}  // namespace strata::detail
