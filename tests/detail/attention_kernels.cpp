#include "strata/detail/attention_kernels.hpp"

#include <doctest/doctest.h>

#include <random>

using strata::matrix;
using strata::matrix_view;

namespace {

template <class T>
matrix<T> random_matrix(std::size_t rows, std::size_t cols) {
  static std::mt19937 random(1);
  matrix<T> m(rows, cols);
  for (T& v : m.values()) v = static_cast<T>(std::normal_distribution<double>()(random));
  return m;
}

}  // namespace

TEST_CASE_TEMPLATE("scores and weighted sums are those of plain loops", T, float, double) {
  for (const std::size_t rows : {1U, 3U, 4U, 9U})
    for (const std::size_t width : {1U, 8U, 16U, 20U, 64U, 80U})
      for (const std::size_t sources : {1U, 7U, 16U, 31U, 33U, 70U}) {
        CAPTURE(rows);
        CAPTURE(width);
        CAPTURE(sources);
        const matrix<T> q = random_matrix<T>(rows, width), k = random_matrix<T>(sources, width),
                        v = random_matrix<T>(sources, width);
        strata::detail::transposed_keys<T> keys;
        keys.fill(width, sources, [&](std::size_t s) { return k.row(s).data(); });
        matrix<T> scores(rows, sources), sums(rows, width);
        strata::detail::attention_scores<T>(q, keys, scores.view());
        strata::detail::weighted_sums<T>(scores, v, sums.view());
        const double tolerance = sizeof(T) == 4 ? 1e-4 : 1e-12;
        for (std::size_t i = 0; i < rows; ++i) {
          for (std::size_t s = 0; s < sources; ++s) {
            double expected = 0;
            for (std::size_t j = 0; j < width; ++j) expected += double(q(i, j)) * double(k(s, j));
            CHECK(std::abs(double(scores(i, s)) - expected) <= tolerance);
          }
          for (std::size_t j = 0; j < width; ++j) {
            double expected = 0;
            for (std::size_t s = 0; s < sources; ++s) expected += double(scores(i, s)) * double(v(s, j));
            CHECK(std::abs(double(sums(i, j)) - expected) <= 10 * tolerance);
          }
        }
      }
}

TEST_CASE_TEMPLATE("a row has the same bits alone, for fewer sources, and from its kept weights only", T, float,
                   double) {
  const std::size_t rows = 7, width = 24, sources = 45;
  const matrix<T> q = random_matrix<T>(rows, width), k = random_matrix<T>(sources, width),
                  v = random_matrix<T>(sources, width);
  strata::detail::transposed_keys<T> keys;
  keys.fill(width, sources, [&](std::size_t s) { return k.row(s).data(); });
  matrix<T> weights(rows, sources), sums(rows, width);
  strata::detail::attention_scores<T>(q, keys, weights.view());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t s = 0; s < sources; ++s) {
      if (s % 5 != i % 5) continue;
      matrix<T> one(1, s + 1);
      strata::detail::attention_scores<T>(q.view().row_range(i, 1), keys, one.view());
      CHECK(one(0, s) == weights(i, s));
    }
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t s = 0; s < sources; ++s)
      if ((s + i) % 3 != 0) weights(i, s) = 0;
  strata::detail::weighted_sums<T>(weights, v, sums.view());
  for (std::size_t i = 0; i < rows; ++i) {
    std::vector<std::uint32_t> kept;
    for (std::size_t s = 0; s < sources; ++s)
      if (weights(i, s) != 0) kept.push_back(static_cast<std::uint32_t>(s));
    std::vector<T> alone(width);
    strata::detail::weighted_sum_of_kept<T>(std::as_const(weights).row(i), kept, v, alone);
    for (std::size_t j = 0; j < width; ++j) CHECK(alone[j] == sums(i, j));
  }
}
