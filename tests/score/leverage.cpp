#include "strata/score/leverage.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"

namespace {

using strata::matrix;

struct shape {
  std::size_t n, width;
};

matrix<double> random_rows(std::size_t n, std::size_t width, double decay = 1) {
  std::mt19937 random(static_cast<unsigned>(100 * n + width));
  matrix<double> rows(n, width);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < width; ++j)
      rows(i, j) = std::pow(decay, static_cast<double>(j)) * std::normal_distribution<double>()(random);
  return rows;
}

template <class T>
std::vector<T> scores_of(const matrix<T>& rows, std::size_t k) {
  std::vector<T> scores(rows.rows(), T{-1});
  strata::leverage{k}.node<T>(rows.view(), {}, scores);
  return scores;
}

// The squared row norms of the top k left singular vectors, by one-sided Jacobi rotations of the columns.
std::vector<double> plain_leverages(matrix<double> a, std::size_t k) {
  for (int sweep = 0; sweep < 60; ++sweep)
    for (std::size_t p = 0; p + 1 < a.cols(); ++p)
      for (std::size_t q = p + 1; q < a.cols(); ++q) {
        double pp = 0, qq = 0, pq = 0;
        for (std::size_t i = 0; i < a.rows(); ++i)
          pp += a(i, p) * a(i, p), qq += a(i, q) * a(i, q), pq += a(i, p) * a(i, q);
        if (std::abs(pq) <= 1e-17 * std::sqrt(pp * qq)) continue;
        const double angle = std::atan2(2 * pq, pp - qq) / 2, c = std::cos(angle), s = std::sin(angle);
        for (std::size_t i = 0; i < a.rows(); ++i)
          a(i, p) = c * a(i, p) + s * std::exchange(a(i, q), c * a(i, q) - s * a(i, p));
      }
  std::vector<std::pair<double, std::size_t>> columns;
  for (std::size_t j = 0; j < a.cols(); ++j) {
    double square = 0;
    for (std::size_t i = 0; i < a.rows(); ++i) square += a(i, j) * a(i, j);
    columns.push_back({-square, j});
  }
  std::sort(columns.begin(), columns.end());
  std::vector<double> sums(a.rows());
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t i = 0; i < a.rows(); ++i)
      sums[i] += a(i, columns[c].second) * a(i, columns[c].second) / -columns[c].first / static_cast<double>(k);
  return sums;
}

}  // namespace

TEST_CASE("against singular vectors by Jacobi rotations: more edges than components and fewer, any k") {
  for (const shape& size : std::vector<shape>{{5, 3}, {7, 20}, {40, 17}, {17, 17}, {60, 30}})
    for (const double decay : {1.0, 0.7})
      for (const std::size_t k : {1U, 2U, 3U, 4U}) {
        if (k >= std::min(size.n, size.width)) continue;
        CAPTURE(size.n);
        CAPTURE(size.width);
        CAPTURE(k);
        const matrix<double> rows = random_rows(size.n, size.width, decay);
        const auto expected = plain_leverages(rows, k), scores = scores_of(rows, k);
        for (std::size_t i = 0; i < size.n; ++i) CHECK(std::abs(scores[i] - expected[i]) < 1e-11);
        CHECK(std::accumulate(scores.begin(), scores.end(), 0.0) == doctest::Approx(1).epsilon(1e-14));
      }
}

TEST_CASE("singular values of very different size: the second direction is one of 1e-9 of the first") {
  // Rows 0 and 1 are large and parallel, rows 2 and 3 small, at right angles to them and to each other.
  matrix<double> rows(4, 6);
  rows(0, 0) = 3e9, rows(1, 0) = 4e9, rows(2, 1) = 2, rows(3, 2) = 1;
  const auto scores = scores_of(rows, 2);
  CHECK(scores[0] == doctest::Approx(0.18).epsilon(1e-12));
  CHECK(scores[1] == doctest::Approx(0.32).epsilon(1e-12));
  CHECK(scores[2] == doctest::Approx(0.5).epsilon(1e-12));
  CHECK(std::abs(scores[3]) < 1e-12);
}

TEST_CASE("no more edges than directions: exactly 1/n each; a zero contribution: exactly 0") {
  for (const std::size_t n : {1U, 2U, 3U}) {
    for (const double score : scores_of(random_rows(n, 8), 3)) CHECK(score == 1.0 / static_cast<double>(n));
    const auto wide = random_rows(n, 8);
    matrix<float> narrow(n, 8);
    for (std::size_t i = 0; i < wide.values().size(); ++i) narrow.values()[i] = static_cast<float>(wide.values()[i]);
    for (const float score : scores_of(narrow, 3)) CHECK(score == 1.0F / static_cast<float>(n));
  }
  matrix<double> rows = random_rows(6, 8);
  for (const std::size_t i : {0U, 2U, 3U, 5U})
    for (double& v : rows.row(i)) v = 0;
  CHECK(scores_of(rows, 3) == std::vector<double>{0, 0.5, 0, 0, 0.5, 0});
  for (double& v : rows.values()) v = 0;
  CHECK(scores_of(rows, 3) == std::vector<double>(6, 0.0));
  for (double& v : rows.row(4)) v = 1e-300;
  CHECK(scores_of(rows, 3) == std::vector<double>{0, 0, 0, 0, 1, 0});
}

TEST_CASE("fewer directions than k: k' is the rank") {
  matrix<double> rows(3, 5);  // all in one direction
  for (std::size_t j = 0; j < 5; ++j) rows(0, j) = 1, rows(1, j) = -2, rows(2, j) = 2;
  const auto scores = scores_of(rows, 3);
  CHECK(scores[0] == doctest::Approx(1.0 / 9).epsilon(1e-12));
  CHECK(scores[1] == doctest::Approx(4.0 / 9).epsilon(1e-12));
  CHECK(scores[2] == doctest::Approx(4.0 / 9).epsilon(1e-12));
}

TEST_CASE("both ways to the singular vectors agree") {
  using wide = strata::detail::eigen_matrix<double, Eigen::RowMajor>;
  for (const shape& size : std::vector<shape>{{12, 40}, {40, 12}, {30, 30}, {300, 90}, {90, 300}, {64, 64}}) {
    CAPTURE(size.n);
    CAPTURE(size.width);
    const matrix<double> rows = random_rows(size.n, size.width);
    const wide a = strata::detail::as_eigen<Eigen::RowMajor>(rows.view());
    const auto by_svd = strata::detail::leverages_by_svd(a, 3);
    const auto by_squares = strata::detail::leverages_by_eigenvectors(a, 3, 1e-10);
    REQUIRE(by_squares.size() == size.n);
    for (std::size_t i = 0; i < size.n; ++i) CHECK(std::abs(by_svd[i] - by_squares[i]) < 1e-10);
  }
}

TEST_CASE("the search for the leading eigenvectors finds equal eigenvalues, and gives up where there is no gap") {
  const auto diagonal = [](auto entry) {
    Eigen::MatrixXd m = Eigen::MatrixXd::Zero(200, 200);
    for (Eigen::Index i = 0; i < 200; ++i) m(i, i) = entry(i);
    return m;
  };
  const auto twice = strata::detail::leading_eigenvectors(
      diagonal([](Eigen::Index i) { return i == 50 || i == 120 ? 9.0 : 1.0 / static_cast<double>(i + 1); }), 2, 1e-10);
  REQUIRE(twice.has_value());
  for (Eigen::Index i = 0; i < 200; ++i)
    CHECK(twice->vectors.row(i).squaredNorm() == doctest::Approx(i == 50 || i == 120 ? 1 : 0).epsilon(1e-9));
  CHECK_FALSE(strata::detail::leading_eigenvectors(
                  diagonal([](Eigen::Index i) { return 1 + static_cast<double>(i) * 1e-12; }), 2, 1e-10)
                  .has_value());
}
