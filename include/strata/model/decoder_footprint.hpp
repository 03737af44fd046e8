/// What the runs of a decoder take.
#pragma once

#include <algorithm>
#include <cstddef>

#include "strata/forward/footprint.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/decoder_config.hpp"

namespace strata {

/// Rows that go through an MLP together in a sweep: its hidden layer is several times as wide as they are.
[[nodiscard]] inline std::size_t mlp_block_rows(const decoder_config& config) {
  constexpr std::size_t block_values = std::size_t{1} << 22;
  return std::max<std::size_t>(256, block_values / config.mlp_width);
}

/// Counted as decoder.hpp and decoder_sweep.hpp hold it.
[[nodiscard]] inline pass_footprint decoder_footprint(const decoder_config& config, std::size_t threads) {
  const std::size_t width = config.width, hidden = (config.gated ? 2 : 1) * config.mlp_width;
  const std::size_t queries = config.heads * config.head_width, keys = config.kv_heads * config.head_width;
  const std::size_t attention = 3 * width + 2 * queries + 3 * keys + config.rotary_width;  // x, h, out; q, mixed; k, v
  const std::size_t mlp = 2 * width + hidden;                                              // beside x
  const std::size_t layer = width * (2 * queries + 2 * keys + hidden + config.mlp_width);
  constexpr std::size_t unembedding = std::size_t{1} << 21;  // a thread's block
  return {.source = queries + keys,
          .head_width = config.head_width,
          .row = config.block == block_kind::parallel ? attention + mlp : std::max(attention, mlp + width),
          .sweep_row = 5 * width + 2 * queries + 2 * keys,  // x, y, h, rows of it, out; q, sums; k, v
          .block_row = hidden + 2 * width,
          .block_rows = mlp_block_rows(config),
          .fixed = layer + std::min(unembedding, config.vocabulary * width) * threads,
          .gradient_row = 3 * width + 2 * queries + 3 * keys + hidden + config.mlp_width,
          .products = static_cast<double>(config.layers) * static_cast<double>(layer)};
}

}  // namespace strata
