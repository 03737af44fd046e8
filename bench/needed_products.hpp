// The matrix products of a run and nothing else: random matrices of just those shapes, each weight matrix in memory of
// its own, layer by layer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "needed_rows.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/product.hpp"
#include "strata/model/decoder_config.hpp"

namespace bench {

inline strata::matrix<float> random_matrix(std::size_t rows, std::size_t cols) {
  static std::minstd_rand random(1);
  strata::matrix<float> m;
  m.resize_uninitialised(rows, cols);
  for (float& v : m.values()) v = static_cast<float>(random() % 2001) / 1000 - 1;
  return m;
}

class needed_products {
 public:
  explicit needed_products(const strata::decoder_config& config) : config_(config) {
    for (std::size_t l = 0; l < config.layers; ++l) {
      layer& w = layers_.emplace_back();
      w.qkv = random_matrix(queries() + 2 * keys(), config.width);
      w.output = random_matrix(config.width, queries());
      w.gate_up = random_matrix((config.gated ? 2 : 1) * config.mlp_width, config.width);
      w.down = random_matrix(config.width, config.mlp_width);
    }
    unembedding_ = random_matrix(config.vocabulary, config.width);
    mlp_rows_ = std::max<std::size_t>(256, (std::size_t{1} << 22) / config.mlp_width);
    h_ = random_matrix(mlp_rows_, config.mlp_width);
  }

  // Memory for the rows of a run, so that its timing does not count it.
  void prepare(const needed_rows& needed) {
    std::size_t most = std::max(needed.logits, mlp_rows_);
    for (const layer_rows& r : needed.products) most = std::max({most, r.queries, r.keys, r.values, r.outputs});
    if (most > x_.rows()) x_ = random_matrix(most, std::max(config_.width, queries()));
    y_ = random_matrix(1, std::max({most * (queries() + 2 * keys()), most * config_.width,
                                    mlp_rows_ * layers_[0].gate_up.rows(), needed.logits * config_.vocabulary}));
  }

  // Returns a value of the last product.
  float run(const needed_rows& needed) {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const layer& w = layers_[l];
      const layer_rows& rows = needed.products[l];
      const strata::matrix_view<const float> qkv = w.qkv.view();
      if (rows.queries == rows.keys && rows.keys == rows.values) {
        times(x_, rows.queries, qkv);
      } else {
        times(x_, rows.queries, qkv.row_range(0, queries()));
        times(x_, rows.keys, qkv.row_range(queries(), keys()));
        times(x_, rows.values, qkv.row_range(queries() + keys(), keys()));
      }
      times(x_, rows.outputs, w.output);
      for (std::size_t first = 0; first < rows.mlp; first += mlp_rows_) {
        const std::size_t some = std::min(mlp_rows_, rows.mlp - first);
        times(x_, some, w.gate_up);
        times(h_, some, w.down);
      }
    }
    times(x_, needed.logits, unembedding_);
    return y_.data()[0];
  }

 private:
  struct layer {
    strata::matrix<float> qkv, output, gate_up, down;
  };

  [[nodiscard]] std::size_t queries() const { return config_.heads * config_.head_width; }
  [[nodiscard]] std::size_t keys() const { return config_.kv_heads * config_.head_width; }

  void times(const strata::matrix<float>& x, std::size_t rows, strata::matrix_view<const float> w) {
    if (rows == 0) return;
    strata::detail::product<float>(x.view().row_range(0, rows).col_range(0, w.cols), w.transposed(),
                                   strata::matrix_view<float>(y_.data(), rows, w.rows));
  }

  strata::decoder_config config_;
  std::vector<layer> layers_;
  strata::matrix<float> unembedding_;
  std::size_t mlp_rows_;             // in one product, since the hidden layer is several times as wide as the rows
  strata::matrix<float> x_, h_, y_;  // rows, rows of the hidden layer, results
};

}  // namespace bench
