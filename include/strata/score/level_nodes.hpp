/// The nodes of a level whose incoming edges are to be scored.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/graph/graph.hpp"
#include "strata/score/attention_record.hpp"
#include "strata/score/minus_dropped.hpp"

namespace strata::detail {

template <class T>
class level_nodes {
 public:
  /// Of the rows of x, which are those of row_tokens, the ones that have edges.
  /// scales:     1/rms of the post-norm, for each row. final_norm: of the last level, otherwise null.
  /// Throws:     strata::contract_error where a layer before the last leaves rows out.
  level_nodes(const graph& graph, std::size_t level, const matrix<T>& x, std::span<const std::size_t> row_tokens,
              std::span<const T> scales, const norm<T>* final_norm)
      : level_(level), final_norm_(final_norm) {
    for (std::size_t r = 0; r < row_tokens.size(); ++r)
      if (graph.reaches_output({level, row_tokens[r]})) tokens_.push_back(row_tokens[r]), rows_.push_back(r);
    const std::size_t expected = graph.layer_of(level) + 1 == graph.layers() ? 1 : graph.tokens();
    if (tokens_.size() != expected)
      raise<contract_error>("layer ", graph.layer_of(level), ": x has the rows of ", tokens_.size(),
                            " tokens, expected ", expected == 1 ? "the last token's" : "all",
                            "; only the last layer may leave rows out");
    if (final_norm != nullptr) inverse_ = final_norm->inverse(x.row(rows_.back()));
    values_.resize_uninitialised(tokens_.size(), x.cols());
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      std::copy_n(x.row(rows_[i]).begin(), x.cols(), values_.row(i).begin());
      through_final_norm(values_.row(i));
      scales_.push_back(scales[rows_[i]]);
    }
  }

  [[nodiscard]] std::size_t level() const { return level_; }
  [[nodiscard]] std::size_t size() const { return tokens_.size(); }
  [[nodiscard]] std::span<const std::size_t> tokens() const { return tokens_; }
  [[nodiscard]] node at(std::size_t i) const { return {level_, tokens_[i]}; }
  /// The row of node i in x.
  [[nodiscard]] std::size_t row(std::size_t i) const { return rows_[i]; }
  [[nodiscard]] std::span<const T> scales() const { return scales_; }
  /// At the last level through the linearised final norm.
  [[nodiscard]] const matrix<T>& values() const { return values_; }

  /// Contributions to the last level are seen through the linearised final norm.
  void through_final_norm(std::span<T> contribution) const {
    if (final_norm_ != nullptr) final_norm_->apply_linear(contribution, inverse_);
  }

  /// What the sources of one head contribute for each weight and scale: (sources, width).
  /// minus:      factored.
  void head_vectors(const minus_dropped<T>& minus, const attention_parts<T>& parts, std::size_t layer,
                    std::size_t heads, std::size_t head, matrix<T>& vectors) const {
    matrix<T> storage;
    vectors.resize_uninitialised(parts.values.rows, parts.output.cols);
    product<T>(minus.of_sources(layer, head, values_of(parts, heads, head), storage), output_of(parts, heads, head),
               vectors);
    through_norms(parts, vectors);
  }

  /// What one head's edges into node i contribute minus what stands for them, for each scale: (sources, width).
  /// weights:    of the node.
  void difference_vectors(const minus_dropped<T>& minus, const attention_parts<T>& parts, std::size_t layer,
                          std::size_t heads, std::size_t head, std::size_t i, std::span<const T> weights,
                          matrix<T>& vectors) const {
    matrix<T> differences;
    minus.differences(layer, head, tokens_[i], weights, values_of(parts, heads, head), differences);
    vectors.resize_uninitialised(differences.rows(), parts.output.cols);
    product<T>(differences, output_of(parts, heads, head), vectors);
    through_norms(parts, vectors);
  }

 private:
  void through_norms(const attention_parts<T>& parts, matrix<T>& vectors) const {
    for (std::size_t s = 0; s < vectors.rows(); ++s) {
      if (parts.post_norm != nullptr) parts.post_norm->apply_linear(vectors.row(s), T{1});
      through_final_norm(vectors.row(s));
    }
  }

  std::size_t level_;
  const norm<T>* final_norm_;
  T inverse_ = 1;
  std::vector<std::size_t> tokens_, rows_;
  std::vector<T> scales_;
  matrix<T> values_;
};

}  // namespace strata::detail
