/// The final state of a run: what the unembedding reads of the last token, the final norm's output.
#pragma once

#include <algorithm>
#include <cstddef>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/forward/attention_source.hpp"
#include "strata/forward/hooks.hpp"

namespace strata {

/// Does what other hooks do, and keeps the final state of each sequence.
template <class T, class Hooks>
class keep_final_states {
 public:
  /// Neither is owned.
  /// Shape:    states: gets (sequences, width).
  keep_final_states(Hooks& hooks, std::size_t sequences, matrix<T>& states)
      : hooks_(hooks), sequences_(sequences), states_(states) {}

  [[nodiscard]] bool wants_attention_source() const { return strata::wants_attention_source(hooks_); }

  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<T> weights) {
    hooks_.attend(layer, head, row0, weights);
  }
  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list rows = {}) {
    hooks_.join_attention(layer, x, out, parts, rows);
  }
  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list rows = {}) {
    hooks_.join_mlp(layer, x, out, rows);
  }
  /// x: all rows of each sequence, or only its last.
  void finish(matrix_view<T> x, const norm<T>& final_norm) {
    hooks_.finish(x, final_norm);
    if (x.rows == 0 || x.rows % sequences_ != 0)
      raise<contract_error>("finish: x has ", x.rows, " rows, expected as many for each of ", sequences_, " sequences");
    const std::size_t each = x.rows / sequences_;
    states_.resize_uninitialised(sequences_, x.cols);
    for (std::size_t i = 0; i < sequences_; ++i)
      std::copy_n(x.row((i + 1) * each - 1).begin(), x.cols, states_.row(i).begin());
  }

 private:
  Hooks& hooks_;
  std::size_t sequences_;
  matrix<T>& states_;
};

}  // namespace strata
