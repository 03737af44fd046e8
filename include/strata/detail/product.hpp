/// Matrix products. The only file that names Eigen.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <type_traits>

#include "strata/core/contract.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"

namespace strata::detail {

template <class T, int Order>
using eigen_matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Order>;

template <int Order, class T>
auto as_eigen(matrix_view<T> m) {
  using M = eigen_matrix<std::remove_const_t<T>, Order>;
  using mapped = std::conditional_t<std::is_const_v<T>, const M, M>;
  const std::size_t stride = Order == Eigen::RowMajor ? m.row_stride : m.col_stride;
  return Eigen::Map<mapped, Eigen::Unaligned, Eigen::OuterStride<>>(
      m.data, static_cast<Eigen::Index>(m.rows), static_cast<Eigen::Index>(m.cols),
      Eigen::OuterStride<>(static_cast<Eigen::Index>(stride)));
}

/// Calls f with the view as an Eigen map whose inner stride is 1; a view without unit stride is copied.
template <class T, class F>
void with_eigen(matrix_view<const T> m, F f) {
  if (m.col_stride == 1) {
    f(as_eigen<Eigen::RowMajor>(m));
  } else if (m.row_stride == 1) {
    f(as_eigen<Eigen::ColMajor>(m));
  } else {
    const matrix<T> copy(m);
    f(as_eigen<Eigen::RowMajor>(copy.view()));
  }
}

/// c ← a · b. Never inlined: its four forms for a scalar are most of what there is to compile.
/// Shape: a: (m, k); b: (k, n); c: (m, n) with unit column stride, not overlapping a or b.
template <class T>
[[gnu::noinline]] void product(matrix_view<const T> a, matrix_view<const T> b, matrix_view<T> c) {
  STRATA_ASSERT(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols && c.col_stride == 1,
                "product: shapes do not match");
  auto result = as_eigen<Eigen::RowMajor>(c);
  with_eigen(a, [&](const auto& left) { with_eigen(b, [&](const auto& right) { result.noalias() = left * right; }); });
}

}  // namespace strata::detail
