// Attention of a run and nothing else: scores, softmax and weighted sums of the rows that it needs, of random data.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "needed_products.hpp"
#include "needed_rows.hpp"
#include "strata/core/matrix.hpp"
#include "strata/detail/attention_kernels.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_parts.hpp"

namespace bench {

class needed_attention {
 public:
  needed_attention(const strata::decoder_config& config, std::size_t tokens)
      : config_(config),
        values_(random_matrix(tokens, config.kv_heads * config.head_width)),
        queries_(random_matrix(block_rows, config.head_width)),
        sums_(block_rows, config.head_width),
        keys_(config.kv_heads) {
    weights_.resize_uninitialised(block_rows, tokens);
    for (std::size_t head = 0; head < config.kv_heads; ++head)
      keys_[head].fill(config.head_width, tokens,
                       [&](std::size_t s) { return values_.row(s).data() + head * config.head_width; });
  }

  // Returns one of the sums.
  float run(const needed_rows& needed) {
    for (std::size_t l = 0; l < needed.attention.size(); ++l)
      for (const attended_tokens& attended : needed.attention[l])
        for (std::size_t first = 0; first < attended.tokens.size(); first += block_rows)
          for (std::size_t head = 0; head < config_.heads; ++head)
            run_block(attended, first, std::min(block_rows, attended.tokens.size() - first), head, config_.windows[l]);
    return sums_(0, 0);
  }

 private:
  static constexpr std::size_t block_rows = 32;

  // Rows that keep many edges first, whose sums are computed together; those that keep none need nothing.
  void run_block(const attended_tokens& attended, std::size_t first, std::size_t count, std::size_t head,
                 std::size_t window) {
    const auto token = [&](std::size_t i) { return std::size_t{attended.tokens[i]}; };
    const auto kept = [&](std::size_t i) { return std::size_t{attended.kept[i * config_.heads + head]}; };
    const auto is_sparse = [&](std::size_t i) { return 4 * kept(i) < token(i) + 1; };
    rows_.clear();
    for (std::size_t i = first; i < first + count; ++i)
      if (!is_sparse(i)) rows_.push_back(i);
    const std::size_t dense = rows_.size();
    for (std::size_t i = first; i < first + count; ++i)
      if (is_sparse(i) && kept(i) > 0) rows_.push_back(i);
    if (rows_.empty()) return;

    std::size_t sources = 0;
    for (const std::size_t i : rows_) sources = std::max(sources, token(i) + 1);
    const std::size_t kv_head = head / (config_.heads / config_.kv_heads);
    const auto weights = weights_.view().row_range(0, rows_.size()).col_range(0, sources);
    const auto values =
        values_.view().row_range(0, sources).col_range(kv_head * config_.head_width, config_.head_width);
    strata::detail::attention_scores<float>(queries_.view().row_range(0, rows_.size()), keys_[kv_head], weights);
    for (std::size_t r = 0; r < rows_.size(); ++r)
      strata::detail::weights_from_scores<float>(weights.row(r), token(rows_[r]), window);
    strata::detail::weighted_sums<float>(weights.row_range(0, dense), values, sums_.view().row_range(0, dense));
    for (std::size_t r = dense; r < rows_.size(); ++r) {
      const std::size_t i = rows_[r];
      list_.resize(kept(i));  // as many, at equal distances
      for (std::size_t k = 0; k < list_.size(); ++k)
        list_[k] = static_cast<std::uint32_t>(k * (token(i) + 1) / list_.size());
      strata::detail::weighted_sum_of_kept<float>(weights.row(r), list_, values, sums_.row(r));
    }
  }

  strata::decoder_config config_;
  strata::matrix<float> values_;  // (tokens, kv_heads · head_width), which the keys are made of as well
  strata::matrix<float> queries_, sums_, weights_;
  std::vector<strata::detail::transposed_keys<float>> keys_;
  std::vector<std::size_t> rows_;
  std::vector<std::uint32_t> list_;
};

}  // namespace bench
