/// The cosine rule: (1 + cos(c, x)) / 2, x the node's value; not divided by a sum. The cosine with a zero vector is 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
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

/// For each row the first one that equals it.
/// norms: of the rows; equal rows have equal norms.
template <class T>
[[nodiscard]] std::vector<std::size_t> first_equal_rows(matrix_view<const T> rows, std::span<const double> norms) {
  std::vector<std::size_t> by_norm(rows.rows), first(rows.rows);
  std::iota(by_norm.begin(), by_norm.end(), std::size_t{0});
  std::stable_sort(by_norm.begin(), by_norm.end(), [&](std::size_t a, std::size_t b) { return norms[a] < norms[b]; });
  for (std::size_t i = 0; i < by_norm.size(); ++i) {
    const std::size_t s = by_norm[i];
    first[s] = s;
    for (std::size_t before = i; before-- > 0 && norms[by_norm[before]] == norms[s];)
      if (std::equal(rows.row(s).begin(), rows.row(s).end(), rows.row(by_norm[before]).begin())) {
        first[s] = first[by_norm[before]];
        break;
      }
  }
  return first;
}

[[nodiscard]] inline double half_of_cosine(double product, double norms) {
  return norms == 0 ? 0.5 : (1 + std::clamp(product / norms, -1.0, 1.0)) / 2;
}

}  // namespace detail

/// cos(a·u, x) = cos(u, x) for a weight a > 0: one matrix product a head gives all x·u. It may round the products of
/// equal vectors differently, by where they stand; equal vectors get the first one's, so that equal tokens tie exactly.
struct cosine {
  template <class T>
  void attention(const head_contributions<T>& head, matrix_view<T> scores) const {
    matrix<T> products;
    products.resize_uninitialised(scores.rows, scores.cols);
    detail::product<T>(head.nodes, head.vectors.transposed(), products);
    std::vector<double> norms(head.vectors.rows);
    for (std::size_t s = 0; s < norms.size(); ++s) norms[s] = norm(head.vectors.row(s));
    const std::vector<std::size_t> first = detail::first_equal_rows(head.vectors, std::span<const double>(norms));
    for (std::size_t i = 0; i < scores.rows; ++i) {
      const double of_node = norm(head.nodes.row(i));
      for (std::size_t s = 0; s < scores.cols; ++s)
        scores(i, s) = head.weights(i, s) == 0 ? T{0.5}
                                               : static_cast<T>(detail::half_of_cosine(
                                                     static_cast<double>(products(i, first[s])), norms[s] * of_node));
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
