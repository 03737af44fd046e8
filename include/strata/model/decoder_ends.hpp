/// The two ends of a decoder: from tokens to the residual stream, and from it to logits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/detail/product.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_weights.hpp"

namespace strata::detail {

/// x ← embedding_scale · embedding[token] (+ position embedding).
/// Shape: x: (width).
template <class T>
void embed(const decoder_config& config, const decoder_weights<T>& weights, token_id token, std::size_t position,
           std::span<T> x) {
  weights.embed(static_cast<std::size_t>(token), x);
  if (config.embedding_scale != 1) {
    const T scale = static_cast<T>(config.embedding_scale);
    for (T& value : x) value *= scale;
  }
  weights.add_position(position, x);
}

/// Rows of the unembedding in one block: always the same ones, so that a matrix that is expanded block by block gives the
/// same bits.
[[nodiscard]] inline std::size_t unembedding_rows(const decoder_config& config) {
  constexpr std::size_t block_weights = std::size_t{1} << 21;
  return std::max<std::size_t>(1, block_weights / config.width);
}

/// Logits of rows that went through the final norm: (rows, vocabulary).
template <class T>
[[nodiscard]] matrix<T> unembedded(const decoder_config& config, const decoder_weights<T>& weights, const matrix<T>& x,
                                   std::size_t threads) {
  const std::size_t step = unembedding_rows(config);
  const std::size_t blocks = (config.vocabulary + step - 1) / step;
  matrix<T> logits;
  logits.resize_uninitialised(x.rows(), config.vocabulary);
  parallel_for(threads, blocks, [&](std::size_t i) {
    const std::size_t first = i * step;
    const std::size_t count = std::min(step, config.vocabulary - first);
    matrix<T> scratch;
    product<T>(x, weights.unembedding(first, count, scratch).transposed(), logits.view().col_range(first, count));
  });
  return logits;
}

}  // namespace strata::detail
