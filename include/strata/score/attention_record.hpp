/// One layer's attention as a forward pass told it: the weights of every head, and how the output follows from them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/finite.hpp"
#include "strata/forward/hooks.hpp"

namespace strata::detail {

/// The rows of a layer's weights that attend has given.
class attended_rows {
 public:
  attended_rows(std::size_t heads, std::size_t tokens) : heads_(heads), tokens_(tokens), given_(heads * tokens) {}

  /// Throws:   strata::contract_error for a block that does not lie in the prompt's pattern.
  void add(std::size_t layer, std::size_t head, std::size_t row0, std::size_t rows, std::size_t sources) {
    if (head >= heads_ || row0 + rows > tokens_ || sources > tokens_)
      raise<contract_error>("layer ", layer, ": attend got head ", head, ", rows ", row0, " to ", row0 + rows, " and ",
                            sources, " sources; the model has ", heads_, " heads and the prompt ", tokens_, " tokens");
    for (std::size_t t = row0; t < row0 + rows; ++t) given_[head * tokens_ + t] = true;
  }

  /// Refuses the layer unless every head of these tokens was given.
  void require(std::size_t layer, std::span<const std::size_t> tokens) const {
    for (std::size_t h = 0; h < heads_; ++h)
      for (const std::size_t t : tokens)
        if (!given_[h * tokens_ + t])
          raise<contract_error>("layer ", layer, ", token ", t, ": attend was not called for head ", h, " of ", heads_);
  }

  void clear() { given_.assign(given_.size(), false); }

 private:
  std::size_t heads_, tokens_;
  std::vector<bool> given_;
};

/// Copies row i of a block, whose elements need not lie side by side, to the beginning of `row`.
template <class T>
void copy_row(matrix_view<const T> block, std::size_t i, std::span<T> row) {
  if (block.col_stride == 1)
    std::copy_n(block.row(i).begin(), block.cols, row.begin());
  else
    for (std::size_t s = 0; s < block.cols; ++s) row[s] = block(i, s);
}

/// Throws:   strata::contract_error for a weight that looks ahead or is negative; strata::numeric_error for one that is
///           not finite.
template <class T>
void check_weights(std::size_t layer, std::size_t head, std::size_t token, std::span<const T> row) {
  unsigned negative = 0;  // in a form that vectorises
  for (const T weight : row.first(std::min(token + 1, row.size()))) negative |= weight < 0 ? 1U : 0U;
  if (!all_finite<T>(row))
    raise<numeric_error>("layer ", layer, ", token ", token, ", head ", head, ": an attention weight is not finite");
  if (negative != 0)
    raise<contract_error>("layer ", layer, ", token ", token, ", head ", head, ": attend got a negative weight (",
                          *std::min_element(row.begin(), row.end()), "); it takes the weights after the softmax");
  for (std::size_t s = token + 1; s < row.size(); ++s)
    if (row[s] != 0)
      raise<contract_error>("layer ", layer, ", token ", token, ", head ", head, ": the weight of the later token ", s,
                            " is ", row[s], ", expected 0");
}

/// The weights after the softmax, (heads, tokens, tokens), as attend hands them over in blocks of rows.
template <class T>
class attention_pattern {
 public:
  attention_pattern(std::size_t heads, std::size_t tokens) : weights_(heads * tokens, tokens), given_(heads, tokens) {}

  /// Throws:   as check_weights(), for a block outside the prompt too.
  void take(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<const T> block) {
    given_.add(layer, head, row0, block.rows, block.cols);
    const std::size_t tokens = weights_.cols();
    for (std::size_t i = 0; i < block.rows; ++i) {
      const std::span<T> row = weights_.row(head * tokens + row0 + i);
      copy_row<T>(block, i, row);
      std::fill(row.begin() + static_cast<std::ptrdiff_t>(block.cols), row.end(), T{0});
      check_weights<T>(layer, head, row0 + i, row);
    }
  }

  void require(std::size_t layer, std::span<const std::size_t> tokens) const { given_.require(layer, tokens); }
  void clear() { given_.clear(); }

  /// Weights of one head: (tokens, tokens).
  [[nodiscard]] matrix_view<const T> head(std::size_t h) const {
    return weights_.view().row_range(h * weights_.cols(), weights_.cols());
  }

 private:
  matrix<T> weights_;
  attended_rows given_;
};

/// Rows of a head's weights for some tokens; a view where they are neighbours, otherwise a copy in `storage`.
template <class T>
[[nodiscard]] matrix_view<const T> rows_of(matrix_view<const T> weights, std::span<const std::size_t> tokens,
                                           matrix<T>& storage) {
  if (tokens.back() - tokens.front() + 1 == tokens.size()) return weights.row_range(tokens.front(), tokens.size());
  storage.reset(tokens.size(), weights.cols);
  for (std::size_t i = 0; i < tokens.size(); ++i)
    for (std::size_t s = 0; s < weights.cols; ++s) storage(i, s) = weights(tokens[i], s);
  return storage.view();
}

/// The slices of one head: its values (tokens, head_width) and its part of the output matrix (head_width, width).
template <class T>
[[nodiscard]] matrix_view<const T> values_of(const attention_parts<T>& parts, std::size_t heads, std::size_t head) {
  const std::size_t head_width = parts.output.rows / heads;
  const std::size_t group = parts.output.rows / parts.values.cols;  // query heads for each key/value head
  return parts.values.col_range(head / group * head_width, head_width);
}
template <class T>
[[nodiscard]] matrix_view<const T> output_of(const attention_parts<T>& parts, std::size_t heads, std::size_t head) {
  const std::size_t head_width = parts.output.rows / heads;
  return parts.output.row_range(head * head_width, head_width);
}

}  // namespace strata::detail
