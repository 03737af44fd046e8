#include "strata/detail/product.hpp"

#include <doctest/doctest.h>

#include <random>

using strata::matrix;
using strata::matrix_view;

TEST_CASE("products of rows, columns, transposed views and views without unit stride") {
  std::mt19937 random(1);
  for (const std::size_t m : {1U, 3U, 40U})
    for (const std::size_t k : {1U, 5U, 33U})
      for (const std::size_t n : {1U, 2U, 50U}) {
        // Every view looks at a part of something larger.
        matrix<double> store_a(2 * m + 1, 2 * k + 1), store_b(2 * k + 1, 2 * n + 1), c(m, n + 3);
        for (double& v : store_a.values()) v = std::normal_distribution<double>()(random);
        for (double& v : store_b.values()) v = std::normal_distribution<double>()(random);
        const matrix<double> at(matrix_view<const double>(store_a.view().transposed())),
            bt(matrix_view<const double>(store_b.view().transposed()));
        const matrix_view<const double> as[] = {store_a.view().row_range(0, m).col_range(1, k),
                                                at.view().transposed().row_range(0, m).col_range(1, k),
                                                {store_a.data() + 1, m, k, store_a.cols(), 2}};
        const matrix_view<const double> bs[] = {store_b.view().row_range(1, k).col_range(0, n),
                                                bt.view().transposed().row_range(1, k).col_range(0, n),
                                                {store_b.data(), k, n, store_b.cols(), 2}};
        for (const auto& a : as)
          for (const auto& b : bs) {
            strata::detail::product<double>(a, b, c.view().col_range(2, n));
            for (std::size_t i = 0; i < m; ++i)
              for (std::size_t j = 0; j < n; ++j) {
                double expected = 0;
                for (std::size_t l = 0; l < k; ++l) expected += a(i, l) * b(l, j);
                CHECK(c(i, j + 2) == doctest::Approx(expected).epsilon(1e-12));
              }
          }
      }
}

TEST_CASE("shapes that do not match are refused") {
  matrix<float> a(2, 3), b(2, 3), c(2, 3);
  CHECK_THROWS_AS(strata::detail::product<float>(a, b, c), contract_violation);
}
