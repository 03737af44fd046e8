/// How much of each row of a matrix lies in its leading singular directions.
#pragma once

#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
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

/// The same from the eigenvectors of the smaller of a·aᵀ and aᵀ·a, several times as fast.
/// Returns:  nothing where the k-th singular value is so small beside the first, whose square the product holds, that
///           less than `accuracy` would be left.
template <class Matrix>
[[nodiscard]] std::vector<double> leverages_by_eigenvectors(const Matrix& a, std::size_t k, double accuracy) {
  const Eigen::Index n = a.rows(), kept = static_cast<Eigen::Index>(k);
  const bool of_rows = n <= a.cols();
  const Eigen::Index side = of_rows ? n : a.cols();
  if (kept >= side) return {};
  Eigen::MatrixXd squares(side, side);
  if (of_rows)
    squares.noalias() = a * a.transpose();
  else
    squares.noalias() = a.transpose() * a;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(squares);
  if (solver.info() != Eigen::Success) return {};
  const auto values = solver.eigenvalues().tail(kept);
  if (!(values(0) * accuracy > values(kept - 1) * std::numeric_limits<double>::epsilon())) return {};
  const auto vectors = solver.eigenvectors().rightCols(kept);
  std::vector<double> sums(static_cast<std::size_t>(n));
  Eigen::MatrixXd left = of_rows ? Eigen::MatrixXd(vectors) : Eigen::MatrixXd(a * vectors);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto row = left.row(static_cast<Eigen::Index>(i)).array().square();
    sums[i] = of_rows ? row.sum() : (row / values.transpose().array()).sum();
  }
  return sums;
}

/// Squared row norms of the left singular vectors of the k' = min(k, rank) largest singular values of the rows that are
/// not zero: exactly 1 where they are not more than k', exactly 0 for a row of zeros.
/// Shape:    rows: (n, width). Returns (n), between 0 and 1.
/// Accuracy: by far better than that of T, unless the k'-th singular value is nearly as large as the next.
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
  const double accuracy = 1e-3 * static_cast<double>(std::numeric_limits<T>::epsilon());
  std::vector<double> found = leverages_by_eigenvectors(a, k, std::max(accuracy, 1e-10));
  if (found.empty()) found = leverages_by_svd(a, k);
  for (std::size_t i = 0; i < some.size(); ++i) all[some[i]] = found[i];
  return all;
}

}  // namespace strata::detail
