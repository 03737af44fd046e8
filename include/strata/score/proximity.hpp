/// The proximity rule of information-flow routes: by how much a contribution brings the rest nearer to the node's value,
///   max(0, ‖x‖₁ − ‖x − c‖₁), divided by the sum over the node's incoming edges.
/// Source: Ferrando & Voita, Information Flow Routes: Automatically Interpreting Language Models at Scale (2024).
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "strata/core/matrix_view.hpp"
#include "strata/detail/reduce.hpp"
#include "strata/score/rule.hpp"

namespace strata {

namespace detail {

/// ‖x‖₁ − ‖x − c‖₁ of one head's edges, one fused pass over the width an edge: (targets, sources).
template <class T>
void head_proximities(const head_contributions<T>& head, matrix_view<T> scores) {
  for (std::size_t i = 0; i < scores.rows; ++i)
    for (std::size_t s = 0; s < scores.cols; ++s) {
      const T factor = head.weights(i, s) * head.scales[i];
      scores(i, s) = factor == 0 ? T{0} : proximity_sum<T>(head.nodes.row(i), factor, head.vectors.row(s));
    }
}

}  // namespace detail

struct proximity {
  template <class T>
  void attention(const head_contributions<T>& head, matrix_view<T> scores) const {
    detail::head_proximities(head, scores);
  }
  template <class T>
  [[nodiscard]] T single(std::span<const T> contribution, std::span<const T> node) const {
    return detail::proximity_sum<T>(node, T{1}, contribution);
  }
  template <class T>
  void finish(std::span<T> scores) const {
    for (T& s : scores) s = std::max(s, T{0});
    divide_by_sum(scores);
  }
};

static_assert(head_rule<proximity, float>);

}  // namespace strata
