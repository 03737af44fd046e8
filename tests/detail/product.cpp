#include "strata/detail/product.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <tuple>

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

TEST_CASE_TEMPLATE(
    "products that are cut into blocks: the sums of plain loops, the same bits for any number of threads", T, float,
    double) {
  std::mt19937 random(2);
  // By columns, by rows, and with a row and a column that is left over.
  for (const auto& [m, k, n] : {std::tuple{40U, 70U, 600U}, std::tuple{1U, 1100U, 1000U}, std::tuple{2U, 1000U, 601U},
                                std::tuple{900U, 40U, 33U}, std::tuple{771U, 64U, 130U}}) {
    matrix<T> a(m, k), b(n, k), c(m, n), again(m, n);
    for (T& v : a.values()) v = static_cast<T>(std::normal_distribution<double>()(random));
    for (T& v : b.values()) v = static_cast<T>(std::normal_distribution<double>()(random));
    strata::detail::product<T>(a, b.view().transposed(), c);
    const double tolerance = (sizeof(T) == 4 ? 1e-6 : 1e-14) * double(k);
    double worst = 0;
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        double expected = 0;
        for (std::size_t l = 0; l < k; ++l) expected += double(a(i, l)) * double(b(j, l));
        worst = std::max(worst, std::abs(double(c(i, j)) - expected));
      }
    CHECK(worst <= tolerance);
    for (const std::size_t threads : {2U, 3U}) {
      strata::detail::product<T>(a, b.view().transposed(), again, threads);
      CHECK(std::equal(c.values().begin(), c.values().end(), again.values().begin()));
    }
  }
}
