/// The cosine rule: (1 + cos(c, x)) / 2, x the node's value; not divided by a sum. The cosine with a zero vector is 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/product.hpp"
#include "strata/detail/reduce.hpp"
#include "strata/score/rule.hpp"

namespace strata {

namespace detail {

/// For each row one that it equals but for rounding, ‖x − y‖₂ ≤ 16ε·‖y‖₂: the same for rows that are exactly equal.
/// norms: ‖·‖₂ of the rows.
template <class T>
[[nodiscard]] std::vector<std::size_t> equal_rows(matrix_view<const T> rows, std::span<const double> norms) {
  constexpr double rounding = 16 * static_cast<double>(std::numeric_limits<T>::epsilon());
  std::vector<std::size_t> by_norm(rows.rows), equal(rows.rows);
  std::iota(by_norm.begin(), by_norm.end(), std::size_t{0});
  std::stable_sort(by_norm.begin(), by_norm.end(), [&](std::size_t a, std::size_t b) { return norms[a] < norms[b]; });
  std::vector<std::size_t> kept;  // rows that stand for others, by rising norm
  for (const std::size_t s : by_norm) {
    equal[s] = s;
    for (std::size_t i = kept.size(); i-- > 0 && norms[s] - norms[kept[i]] <= rounding * norms[s];) {
      const std::span<const T> x = rows.row(s), y = rows.row(kept[i]);
      double square = 0;
      for (std::size_t j = 0; j < x.size(); ++j) {
        const double difference = static_cast<double>(x[j]) - static_cast<double>(y[j]);
        square += difference * difference;
      }
      if (std::sqrt(square) <= rounding * norms[s]) equal[s] = kept[i];
    }
    if (equal[s] == s) kept.push_back(s);
  }
  return equal;
}

[[nodiscard]] inline double half_of_cosine(double product, double norms) {
  return norms == 0 ? 0.5 : (1 + std::clamp(product / norms, -1.0, 1.0)) / 2;
}

}  // namespace detail

/// cos(a·u, x) = cos(u, x) for a weight a > 0: one matrix product a head gives all x·u. Products round equal rows
/// differently by where they stand; so vectors that differ by rounding only get the same cosine, and equal tokens tie
/// exactly where no position has come in yet.
struct cosine {
  template <class T>
  void attention(const head_contributions<T>& head, matrix_view<T> scores) const {
    matrix<T> products;
    products.resize_uninitialised(scores.rows, scores.cols);
    detail::product<T>(head.nodes, head.vectors.transposed(), products);
    std::vector<double> norms(head.vectors.rows);
    for (std::size_t s = 0; s < norms.size(); ++s) norms[s] = norm(head.vectors.row(s));
    const std::vector<std::size_t> like = detail::equal_rows(head.vectors, std::span<const double>(norms));
    for (std::size_t i = 0; i < scores.rows; ++i) {
      const double of_node = norm(head.nodes.row(i));
      for (std::size_t s = 0; s < scores.cols; ++s)
        scores(i, s) = head.weights(i, s) == 0
                           ? T{0.5}
                           : static_cast<T>(detail::half_of_cosine(static_cast<double>(products(i, like[s])),
                                                                   norms[like[s]] * of_node));
    }
  }
  template <class T>
  [[nodiscard]] T single(std::span<const T> contribution, std::span<const T> node) const {
    return static_cast<T>(
        detail::half_of_cosine(detail::dot_in_double<T>(contribution, node), norm(contribution) * norm(node)));
  }
  template <class T>
  void finish(std::span<T> /*scores*/) const {}

 private:
  template <class T>
  [[nodiscard]] static double norm(std::span<const T> x) {
    return std::sqrt(detail::dot_in_double<T>(x, x));
  }
};

static_assert(head_rule<cosine, float>);

}  // namespace strata
