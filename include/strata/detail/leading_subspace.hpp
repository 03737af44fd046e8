/// How much of each row of a matrix lies in its leading singular directions.
#pragma once

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "strata/core/matrix_view.hpp"
#include "strata/detail/product.hpp"

namespace strata::detail {

/// By singular value decomposition of a: for any singular values. The squared row norms of the left singular vectors of
/// the k' = min(k, rank) largest singular values; 1 for each row where k' is the number of rows.
template <class Matrix>
[[nodiscard]] std::vector<double> leverages_by_svd(const Matrix& a, std::size_t k) {
  const Eigen::JacobiSVD<Matrix> svd(a, Eigen::ComputeThinU);
  const auto& values = svd.singularValues();
  const double least = values(0) * static_cast<double>(std::max(a.rows(), a.cols())) *
                       std::numeric_limits<double>::epsilon();  // below it lies what rounding makes of 0
  Eigen::Index kept = 0;
  while (kept < values.size() && static_cast<std::size_t>(kept) < k && values(kept) > least) ++kept;
  std::vector<double> sums(static_cast<std::size_t>(a.rows()), 1.0);
  if (kept < a.rows())
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] = svd.matrixU().row(static_cast<Eigen::Index>(i)).head(kept).squaredNorm();
  return sums;
}

/// Eigenvalues, rising, and eigenvectors in columns.
struct eigen_pairs {
  Eigen::VectorXd values;
  Eigen::MatrixXd vectors;
};

/// The largest `count` eigenvalues of a symmetric matrix by block Lanczos: Rayleigh–Ritz in the space of G^i·X for a
/// random X, every new block made orthogonal to all before. The angle to the true space is at most residual / gap, the gap
/// being that to the next eigenvalue.
/// Returns:  nothing where that does not come below `accuracy` early enough to pay.
template <class Matrix>
[[nodiscard]] std::optional<eigen_pairs> leading_eigenvectors(const Matrix& symmetric, Eigen::Index count,
                                                              double accuracy) {
  const Eigen::Index side = symmetric.rows(), block = count + 2, most = std::min(side / 3, 24 * block);
  Matrix basis(side, most), images(side, most), in_basis(most, most);  // images = G·basis, in_basis = basisᵀ·images
  std::minstd_rand random(1);
  Matrix next(side, block);
  for (Eigen::Index j = 0; j < block; ++j)
    for (Eigen::Index i = 0; i < side; ++i) next(i, j) = static_cast<double>(random()) / 1073741824.0 - 1;
  for (Eigen::Index size = 0; size + block <= most;) {
    for (int pass = 0; pass < 2; ++pass) {  // once leaves rounding errors of the size of what it takes away
      const auto before = basis.leftCols(size);
      next -= before * (before.transpose() * next).eval();
      next = Eigen::HouseholderQR<Matrix>(next).householderQ() * Matrix::Identity(side, block);
    }
    basis.middleCols(size, block) = next;
    next.noalias() = symmetric * basis.middleCols(size, block);
    images.middleCols(size, block) = next;
    size += block;
    const Matrix across = basis.leftCols(size).transpose() * next;
    in_basis.block(0, size - block, size, block) = across;
    in_basis.block(size - block, 0, block, size) = across.transpose();
    if (size < 3 * block) continue;

    const Eigen::SelfAdjointEigenSolver<Matrix> solver(in_basis.topLeftCorner(size, size));
    const Eigen::VectorXd values = solver.eigenvalues().tail(count);
    const Matrix in_space = solver.eigenvectors().rightCols(count);
    Matrix vectors = basis.leftCols(size) * in_space;
    const Matrix residual = images.leftCols(size) * in_space - vectors * values.asDiagonal();
    const double gap = values(0) - solver.eigenvalues()(size - count - 1);
    if (residual.norm() <= accuracy * gap) return eigen_pairs{values, std::move(vectors)};
  }
  return std::nullopt;
}

/// The same as leverages_by_svd from the eigenvectors of the smaller of a·aᵀ and aᵀ·a, many times as fast.
/// Returns:  nothing where the k-th singular value is so small beside the first, whose square the product holds, that
///           less than `accuracy` would be left.
template <class Matrix>
[[nodiscard]] std::vector<double> leverages_by_eigenvectors(const Matrix& a, std::size_t k, double accuracy) {
  constexpr Eigen::Index small = 64;  // where all eigenvectors cost less than a search for some
  const Eigen::Index n = a.rows(), kept = static_cast<Eigen::Index>(k);
  const bool of_rows = n <= a.cols();
  const Eigen::Index side = of_rows ? n : a.cols();
  if (kept >= side) return {};
  Eigen::MatrixXd squares(side, side);
  const matrix_view<const double> view(a.data(), static_cast<std::size_t>(n), static_cast<std::size_t>(a.cols()));
  const matrix_view<double> result(squares.data(), static_cast<std::size_t>(side), static_cast<std::size_t>(side));
  if (of_rows)
    product<double>(view, view.transposed(), result);
  else
    product<double>(view.transposed(), view, result);
  std::optional<eigen_pairs> leading;
  if (side >= small) leading = leading_eigenvectors(squares, kept, accuracy);
  if (!leading) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(squares);
    if (solver.info() != Eigen::Success) return {};
    leading = eigen_pairs{solver.eigenvalues().tail(kept), solver.eigenvectors().rightCols(kept)};
  }
  const Eigen::VectorXd& values = leading->values;
  if (!(values(0) * accuracy > values(kept - 1) * std::numeric_limits<double>::epsilon())) return {};
  const Eigen::MatrixXd left = of_rows ? leading->vectors : a * leading->vectors;
  std::vector<double> sums(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < sums.size(); ++i)
    for (Eigen::Index j = 0; j < kept; ++j) {
      const double component = left(static_cast<Eigen::Index>(i), j);
      sums[i] += component * component / (of_rows ? 1 : values(j));
    }
  return sums;
}

/// Squared row norms of the left singular vectors of the k' = min(k, rank) largest singular values of the rows that are
/// not zero: exactly 1 where they are not more than k', exactly 0 for a row of zeros.
/// Shape:    rows: (n, width). Returns (n), between 0 and 1.
/// Accuracy: 1e-8 for float and 1e-10 for double, unless the k'-th singular value is nearly as large as the next.
template <class T>
[[nodiscard]] std::vector<double> leverages(matrix_view<const T> rows, std::size_t k) {
  using wide = eigen_matrix<double, Eigen::RowMajor>;
  std::vector<std::size_t> some;
  double largest = 0;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    double of_row = 0;
    for (const T v : rows.row(i)) of_row = std::max(of_row, std::abs(static_cast<double>(v)));
    if (of_row > 0) some.push_back(i);
    largest = std::max(largest, of_row);
  }
  std::vector<double> all(rows.rows, 0.0);
  if (some.empty() || k == 0) return all;
  wide a(static_cast<Eigen::Index>(some.size()), static_cast<Eigen::Index>(rows.cols));
  for (std::size_t i = 0; i < some.size(); ++i)
    for (std::size_t j = 0; j < rows.cols; ++j)
      a(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = static_cast<double>(rows(some[i], j)) / largest;
  const double accuracy = std::max(0.1 * static_cast<double>(std::numeric_limits<T>::epsilon()), 1e-10);
  std::vector<double> found = leverages_by_eigenvectors(a, k, accuracy);
  if (found.empty()) found = leverages_by_svd(a, k);
  for (std::size_t i = 0; i < some.size(); ++i) all[some[i]] = found[i];
  return all;
}

}  // namespace strata::detail
