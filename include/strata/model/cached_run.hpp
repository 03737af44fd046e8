/// Plain runs of a text that grows token by token, as in generation: keys and values of the tokens that are there are
/// kept, and only the new ones go through the layers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/forward/norm.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_ends.hpp"
#include "strata/model/decoder_parts.hpp"
#include "strata/model/decoder_weights.hpp"
#include "strata/model/layer_weights.hpp"
#include "strata/model/placed_attention.hpp"
#include "strata/model/token_positions.hpp"

namespace strata {

/// Made by decoder::cached_run(). The decoder must outlive it.
template <class T>
class cached_run {
 public:
  cached_run(const decoder_config& config, const decoder_weights<T>& weights, std::size_t threads)
      : config_(&config), weights_(&weights), threads_(threads), kept_(config.layers) {}

  /// All tokens so far.
  [[nodiscard]] std::span<const token_id> tokens() const { return tokens_; }

  /// Puts tokens behind those that are there.
  /// Returns:  the last one's logits, (vocabulary): those of decoder::forward for all tokens, up to rounding.
  /// Throws:   strata::option_error for no tokens, more than the model's context holds, or an id outside the vocabulary.
  ///           Whatever it throws, the tokens stay as they were.
  /// Cost:     the new tokens' share of a plain run; 2 · layers · kv_heads · head_width numbers are kept for each token.
  ///           Where the rope's angles change with the length (dynamic beyond the context of the training, longrope
  ///           at it) so do all keys and values, and everything is computed again.
  std::vector<T> append(std::span<const token_id> tokens) {
    if (tokens.empty()) raise<option_error>("no tokens to append; it needs at least one");
    std::vector<token_id> all = tokens_;
    all.insert(all.end(), tokens.begin(), tokens.end());
    check_prompt(config_->shape(), all);
    if (!detail::placed_alike(*config_, std::max<std::size_t>(1, tokens_.size()), all.size())) valid_ = 0;
    std::vector<T> logits = run(all, valid_);
    valid_ = all.size();
    tokens_ = std::move(all);
    return logits;
  }

 private:
  [[nodiscard]] std::vector<T> run(std::span<const token_id> tokens, std::size_t first) {
    const detail::token_positions<T> positions(*config_, tokens.size(), first);
    matrix<T> x(tokens.size() - first, config_->width);
    for (std::size_t r = 0; r < x.rows(); ++r)
      detail::embed(*config_, *weights_, tokens[first + r], first + r, x.row(r));
    layer_weights<T> scratch;
    for (std::size_t l = 0; l < config_->layers; ++l)
      run_layer(l, weights_->layer(l, scratch), positions, tokens.size(), x);
    const norm<T> final_norm = detail::norm_of(weights_->final_norm(), *config_);
    no_hooks<T>().finish(x.view(), final_norm);
    const matrix<T> logits = detail::unembedded(*config_, *weights_, x, threads_);
    return {logits.values().begin(), logits.values().end()};
  }

  // x: the last rows of `tokens`; in the last layer only the last one is left.
  void run_layer(std::size_t l, const layer_weights<T>& w, const detail::token_positions<T>& positions,
                 std::size_t tokens, matrix<T>& x) {
    const std::size_t queries = config_->heads * config_->head_width;
    const std::size_t keys = config_->kv_heads * config_->head_width;
    matrix<T> h = detail::normed<T>(w.attention_norm, *config_, x, threads_);
    keep(l, w, positions, tokens, detail::linear<T>(h, w.qkv, w.qkv_bias, queries, 2 * keys, threads_));
    if (l + 1 == config_->layers) {
      const std::size_t last[] = {x.rows() - 1};
      h = detail::rows_of(h, std::span<const std::size_t>(last));
      x = detail::rows_of(x, std::span<const std::size_t>(last));
    }
    matrix<T> q = detail::linear<T>(h, w.qkv, w.qkv_bias, 0, queries, threads_);
    detail::parallel_rows(threads_, q.rows(),
                          [&](std::size_t r) { positions.place_queries(l, w, q.row(r), tokens - q.rows() + r); });

    const matrix_view<const T> kept = std::as_const(kept_[l]).view().row_range(0, tokens);
    no_hooks<T> hooks;
    matrix<T> mixed;
    mixed.resize_uninitialised(q.rows(), queries);
    detail::placed_attention<T>(*config_, l, q, kept.col_range(0, keys), threads_)
        .mix(l, 0, kept.col_range(keys, keys), hooks, threads_, mixed);
    matrix<T> out = detail::linear<T>(mixed, w.output, w.output_bias, threads_);
    const auto mlp = [&] {
      return detail::mlp<T>(w, *config_, detail::normed<T>(w.mlp_norm, *config_, x, threads_).view(), threads_);
    };
    matrix<T> mlp_out;
    if (config_->block == block_kind::parallel) mlp_out = mlp();
    const norm<T> post_norm = detail::norm_of(w.attention_post_norm, *config_);
    for (std::size_t r = 0; r < x.rows(); ++r)
      detail::join_row(x.row(r), out.row(r), config_->post_norms ? &post_norm : nullptr);
    if (config_->block == block_kind::sequential) mlp_out = mlp();
    hooks.join_mlp(l, x.view(), mlp_out.view());
  }

  // Places the keys of the last tokens and puts them and the values to those that are there.
  void keep(std::size_t l, const layer_weights<T>& w, const detail::token_positions<T>& positions, std::size_t tokens,
            matrix<T> keys_values) {
    matrix<T>& kept = kept_[l];
    const std::size_t first = tokens - keys_values.rows();
    if (kept.rows() < tokens) {
      matrix<T> larger;
      larger.resize_uninitialised(std::max(tokens, 2 * kept.rows()), keys_values.cols());
      std::copy_n(kept.data(), first * kept.cols(), larger.data());
      kept = std::move(larger);
    }
    const std::size_t keys = keys_values.cols() / 2;
    detail::parallel_rows(threads_, keys_values.rows(), [&](std::size_t r) {
      positions.place_keys(l, w, keys_values.row(r).first(keys), first + r);
      std::copy_n(keys_values.row(r).begin(), keys_values.cols(), kept.row(first + r).begin());
    });
  }

  const decoder_config* config_;
  const decoder_weights<T>* weights_;
  std::size_t threads_;
  std::vector<token_id> tokens_;
  std::size_t valid_ = 0;        // tokens whose keys and values need not be computed again
  std::vector<matrix<T>> kept_;  // (layers): keys, placed, and values, (tokens or more, 2 · kv_heads · head_width)
};

}  // namespace strata
