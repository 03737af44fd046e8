/// What the recorder asks of the arguments of a forward pass's calls.
#pragma once

#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/finite.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/graph/graph.hpp"

namespace strata::detail {

/// The tokens whose rows x and out hold.
[[nodiscard]] inline std::vector<std::size_t> tokens_of(row_list rows, std::size_t count) {
  std::vector<std::size_t> tokens(rows.begin(), rows.end());
  if (rows.empty()) {
    tokens.resize(count);
    std::iota(tokens.begin(), tokens.end(), std::size_t{0});
  }
  return tokens;
}

/// Throws: strata::contract_error unless x and out have one row for each of the rows, or of the prompt's tokens.
template <class T>
void check_shapes(const graph& graph, std::size_t layer, matrix_view<const T> x, matrix_view<const T> out,
                  row_list rows) {
  const std::size_t expected = rows.empty() ? graph.tokens() : rows.size();
  if (x.rows != expected || out.rows != expected || x.cols != out.cols || x.col_stride != 1 || out.col_stride != 1)
    raise<contract_error>("layer ", layer, ": x has shape (", x.rows, ", ", x.cols, ") and out (", out.rows, ", ",
                          out.cols, "), expected ", expected, " rows of one width in both, each stored side by side");
  for (std::size_t r = 0; r < rows.size(); ++r)
    if (rows[r] >= graph.tokens() || (r > 0 && rows[r] <= rows[r - 1]))
      raise<contract_error>("layer ", layer, ": the list of rows must rise and stay below ", graph.tokens());
}

/// Throws: strata::contract_error unless the parts have the shapes that forward/hooks.hpp tells.
template <class T>
void check_parts(const graph& graph, std::size_t layer, matrix_view<const T> x, const attention_parts<T>& p) {
  const bool fits = p.values.rows == graph.tokens() && p.output.cols == x.cols && p.output.rows > 0 &&
                    p.values.cols > 0 && p.output.rows % graph.heads() == 0 && p.output.rows % p.values.cols == 0 &&
                    p.values.cols % (p.output.rows / graph.heads()) == 0 &&
                    (p.output_bias.empty() || p.output_bias.size() == x.cols) &&
                    (p.post_norm == nullptr || (p.post_norm->gain.size() == x.cols &&
                                                (p.post_norm->bias.empty() || p.post_norm->bias.size() == x.cols)));
  if (!fits)
    raise<contract_error>("layer ", layer, ": attention_parts do not fit: values (", p.values.rows, ", ", p.values.cols,
                          "), expected (", graph.tokens(), ", kv_heads · head_width); output (", p.output.rows, ", ",
                          p.output.cols, "), expected (", graph.heads(), " · head_width, ", x.cols,
                          "); a weight stored as (out, in) goes in as .transposed()");
}

/// Throws: strata::numeric_error that names layer and token of a row with NaN or infinity.
template <class T>
void check_finite(std::size_t layer, matrix_view<const T> m, std::span<const std::size_t> tokens, const char* what) {
  for (std::size_t r = 0; r < m.rows; ++r)
    if (m.col_stride == 1 ? !all_finite<T>(m.row(r)) : !all_finite<T>(matrix<T>(m.row_range(r, 1)).values()))
      raise<numeric_error>("layer ", layer, ", token ", tokens[r], ": ", what,
                           " is not finite; do the weights hold NaN or infinity?");
}

}  // namespace strata::detail
