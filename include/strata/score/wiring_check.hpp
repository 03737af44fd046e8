/// The wiring check: one run with the empty mask. Adding up is not enough: a pass can ignore what attend changed, keep
/// a residual stream of its own, or let the MLP read another node than the declared one. With every node above level 0
/// a zero vector, all this shows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "strata/core/error.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

/// Hooks that keep no edge and look at what the pass does with that.
/// Throws from its calls: strata::contract_error with the layer and what is wrong.
template <class T>
class wiring_check {
 public:
  /// left_in_finish: is added to the final norm's output; two runs with different values must give different logits.
  explicit wiring_check(block_kind block, T left_in_finish = 0) : block_(block), left_in_finish_(left_in_finish) {}

  void attend(std::size_t /*layer*/, std::size_t /*head*/, std::size_t /*row0*/, matrix_view<T> weights) {
    clear(weights);
  }

  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list /*rows*/ = {}) {
    if (layer == 0) {
      embedding_differs_ = !rows_are_equal(x);
    } else {
      require_zero(layer, x);
      if (!rows_are_equal(parts.values))
        raise<contract_error>(
            "layer ", layer, ": the values of zero nodes differ between tokens; attention reads something else than x");
    }
    for (std::size_t r = 0; r < out.rows; ++r)
      for (std::size_t j = 0; j < out.cols; ++j)
        if (!(out(r, j) == (parts.output_bias.empty() ? T{0} : parts.output_bias[j])))
          raise<contract_error>("layer ", layer, ", row ", r,
                                ": with all attention weights set to 0 the attention output is ", out(r, j),
                                " instead of its bias; it does not follow the weights that attend left");
    clear(x);
  }

  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list /*rows*/ = {}) {
    require_zero(layer, x);
    const bool reads_embedding = block_ == block_kind::parallel && layer == 0;
    if (reads_embedding ? embedding_differs_ && !is_zero(out) && rows_are_equal(out) : !rows_are_equal(out))
      raise<contract_error>(
          "layer ", layer,
          reads_embedding
              ? ": the MLP of a parallel block does not read the block's input"
              : ": the MLP output of zero nodes differs between tokens; it does not read the node after attention");
    clear(x);
  }

  void finish(matrix_view<T> x, const norm<T>& final_norm) {
    require_zero(no_layer, x);
    no_hooks<T>{}.finish(x, final_norm);
    for (std::size_t r = 0; r < x.rows; ++r)
      for (T& v : x.row(r)) {
        if (!std::isfinite(v))
          raise<contract_error>("finish: the final norm of a zero vector is not finite; is its eps 0?");
      }
    for (std::size_t r = 0; r < x.rows;
         ++r)  // not the same for all components: an unembedding may have columns of mean 0
      for (std::size_t j = 0; j < x.cols; ++j) x(r, j) += left_in_finish_ * static_cast<T>(1 + j % 7);
  }

 private:
  static constexpr std::size_t no_layer = static_cast<std::size_t>(-1);

  static void clear(matrix_view<T> m) {
    for (std::size_t i = 0; i < m.rows; ++i)
      for (std::size_t j = 0; j < m.cols; ++j) m(i, j) = 0;
  }

  static void require_zero(std::size_t layer, matrix_view<T> x) {
    for (std::size_t r = 0; r < x.rows; ++r)
      for (const T v : x.row(r))
        if (v != 0)
          raise<contract_error>(layer == no_layer ? concat("finish") : concat("layer ", layer),
                                ": the pass does not go on with the residual stream that the hook left");
  }

  [[nodiscard]] static bool rows_are_equal(matrix_view<const T> m) {
    T largest = 0;
    T difference = 0;
    for (std::size_t i = 0; i < m.rows; ++i)
      for (std::size_t j = 0; j < m.cols; ++j) {
        largest = std::max(largest, std::abs(m(i, j)));
        if (const T d = std::abs(m(i, j) - m(0, j)); !(d <= difference)) difference = d;  // also NaN
      }
    return difference <= T(1e-4) * largest;
  }

  [[nodiscard]] static bool is_zero(matrix_view<const T> m) {
    for (std::size_t i = 0; i < m.rows; ++i)
      for (std::size_t j = 0; j < m.cols; ++j)
        if (m(i, j) != 0) return false;
    return true;
  }

  block_kind block_;
  bool embedding_differs_ = false;
  T left_in_finish_;
};

static_assert(forward_hooks<wiring_check<float>, float>);

}  // namespace strata
