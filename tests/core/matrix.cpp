#include "strata/core/matrix.hpp"

#include <doctest/doctest.h>

using strata::matrix;
using strata::matrix_view;

TEST_CASE("a view of a transposed matrix reads the same memory with rows and columns exchanged") {
  matrix<int> m(2, 3);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 3; ++j) m(i, j) = static_cast<int>(10 * i + j);
  const matrix_view<int> t = m.view().transposed();
  CHECK(t.rows == 3);
  CHECK(t.cols == 2);
  CHECK(t(2, 1) == 12);
  CHECK(matrix<int>(matrix_view<const int>(t)).values()[1] == 10);
}

TEST_CASE("ranges of rows and columns are views of the same values") {
  matrix<int> m(3, 4);
  m.view().row_range(1, 2).col_range(2, 2)(1, 1) = 5;
  CHECK(m(2, 3) == 5);
  CHECK(m.row(2)[3] == 5);
}

TEST_CASE("reset gives zeros of the new shape") {
  matrix<int> m(1, 2);
  m.fill(3);
  m.reset(2, 2);
  CHECK(m.rows() == 2);
  CHECK(m(1, 1) == 0);
  CHECK(m(0, 0) == 0);
}
