/// Matrix products: Eigen's, or those of any CBLAS where STRATA_USE_BLAS is defined. The only file that names a BLAS.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"

#if defined(STRATA_USE_BLAS)
#include <cblas.h>

#include <limits>
#if !defined(OPENBLAS_VERSION)
// The header is not OpenBLAS's, but the library that is linked may be; null where it is another.
extern "C" [[gnu::weak]] void openblas_set_num_threads(int);
extern "C" [[gnu::weak]] int openblas_get_parallel(void);
#endif
#endif

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

/// Calls f with the view as an Eigen map whose inner stride is 1.
template <class T, class F>
void with_eigen(matrix_view<const T> m, F f) {
  if (m.col_stride == 1) {
    f(as_eigen<Eigen::RowMajor>(m));
  } else {
    f(as_eigen<Eigen::ColMajor>(m));
  }
}

// Never inlined: its four forms for a scalar are most of what there is to compile.
template <class T>
[[gnu::noinline]] void eigen_product(matrix_view<const T> a, matrix_view<const T> b, matrix_view<T> c) {
  auto result = as_eigen<Eigen::RowMajor>(c);
  with_eigen(a, [&](const auto& left) { with_eigen(b, [&](const auto& right) { result.noalias() = left * right; }); });
}

#if defined(STRATA_USE_BLAS)

/// The threads are ours: an OpenBLAS with threads of its own would change the bits with their number. It is told so for
/// the whole program, there is no other way. Of other libraries the caller sees to it (MKL_NUM_THREADS=1,
/// BLIS_NUM_THREADS=1).
inline void use_one_blas_thread() {
  static const bool told = [] {
#if !defined(OPENBLAS_VERSION)
    if (openblas_set_num_threads == nullptr) return false;
#endif
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(told);
}

[[nodiscard]] inline bool fits_blas(std::size_t n) {
  return n <= static_cast<std::size_t>(std::numeric_limits<int>::max());
}

template <class T>
void blas_product(matrix_view<const T> a, matrix_view<const T> b, matrix_view<T> c) {
  use_one_blas_thread();
  const auto number = [](std::size_t n) { return static_cast<int>(n); };
  const auto order_of = [](const auto& m) { return m.col_stride == 1 ? CblasNoTrans : CblasTrans; };
  const auto stride_of = [&](const auto& m) {
    return m.col_stride == 1 ? number(std::max(m.row_stride, m.cols)) : number(std::max(m.col_stride, m.rows));
  };
  const auto call = [&](auto gemm) {
    gemm(CblasRowMajor, order_of(a), order_of(b), number(c.rows), number(c.cols), number(a.cols), T{1}, a.data,
         stride_of(a), b.data, stride_of(b), T{0}, c.data, stride_of(c));
  };
  if constexpr (std::is_same_v<T, float>)
    call(cblas_sgemm);
  else
    call(cblas_dgemm);
}

#endif

/// Whether the products may run in several threads at the same time.
[[nodiscard]] inline bool products_run_in_threads() {
#if defined(STRATA_USE_BLAS)
#if !defined(OPENBLAS_VERSION)
  if (openblas_get_parallel == nullptr) return true;
#endif
  return openblas_get_parallel() != 0;
#else
  return true;
#endif
}

/// The number of threads to use where nobody says: those of OpenMP, if the products may run in them.
[[nodiscard]] inline std::size_t default_threads() { return products_run_in_threads() ? available_threads() : 1; }

/// Throws:   strata::option_error for a number of threads that cannot be had.
inline void check_threads(std::size_t threads) {
  if (threads == 0) raise<option_error>("threads: 0, expected at least 1");
  if (threads == 1) return;
#if !defined(STRATA_USE_OPENMP)
  raise<option_error>("threads: ", threads, ", but this was built without OpenMP (STRATA_USE_OPENMP)");
#else
  if (!products_run_in_threads())
    raise<option_error>("threads: ", threads,
                        ", but this OpenBLAS was built for programs of one thread and computes wrong sums when several "
                        "call it; install libopenblas-pthread-dev (Debian, Ubuntu) or use 1 thread");
#endif
}

/// c ← a · b in the calling thread; a and b each with a unit stride.
template <class T>
void product_of_block(matrix_view<const T> a, matrix_view<const T> b, matrix_view<T> c) {
#if defined(STRATA_USE_BLAS)
  // A single row reads a matrix once, where Eigen is the faster one.
  if (c.rows > 1 && c.cols > 1 && a.cols > 0 &&
      fits_blas(std::max({a.row_stride, a.col_stride, b.row_stride, b.col_stride, c.row_stride, c.rows, c.cols})))
    return blas_product<T>(a, b, c);
#endif
  eigen_product<T>(a, b, c);
}

/// c ← a · b, in up to `threads` threads. How the work is cut depends only on the shapes, so the result has the same
/// bits for any number of threads.
/// Shape: a: (m, k); b: (k, n); c: (m, n) with unit column stride, not overlapping a or b.
template <class T>
void product(matrix_view<const T> a, matrix_view<const T> b, matrix_view<T> c, std::size_t threads = 1) {
  STRATA_ASSERT(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols && c.col_stride == 1,
                "product: shapes do not match");
  if (a.col_stride != 1 && a.row_stride != 1) return product<T>(matrix<T>(a), b, c, threads);
  if (b.col_stride != 1 && b.row_stride != 1) return product<T>(a, matrix<T>(b), c, threads);

  constexpr std::size_t small = std::size_t{1} << 20;  // multiplications that are not worth a second thread
  if (c.rows * c.cols * a.cols < small) return product_of_block<T>(a, b, c);
  // Blocks of so many rows that reading b again for each costs little, and of so many columns that the same holds of a.
  constexpr std::size_t block_rows = 384, block_cols = 512, few_cols = 128, col_step = 16;
  const std::size_t row_blocks = c.rows >= 2 * block_rows ? c.rows / block_rows : 1;
  std::size_t col_blocks = c.cols / block_cols;
  if (row_blocks == 1 && col_blocks < 4) col_blocks = std::min<std::size_t>(4, c.cols / few_cols);
  if (row_blocks > 1 && col_blocks < 4) col_blocks = 1;
  col_blocks = std::max<std::size_t>(1, col_blocks);
  const auto row = [&](std::size_t i) { return i * c.rows / row_blocks; };
  const auto col = [&](std::size_t j) {
    return j == col_blocks ? c.cols : j * c.cols / col_blocks / col_step * col_step;
  };
  parallel_for(threads, row_blocks * col_blocks, [&](std::size_t block) {
    const std::size_t i = block / col_blocks, j = block % col_blocks;
    const std::size_t rows = row(i + 1) - row(i), cols = col(j + 1) - col(j);
    product_of_block<T>(a.row_range(row(i), rows), b.col_range(col(j), cols),
                        c.row_range(row(i), rows).col_range(col(j), cols));
  });
}

}  // namespace strata::detail
