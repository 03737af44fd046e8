/// Loops in several threads: OpenMP where STRATA_USE_OPENMP is defined (and the compiler told so), otherwise one. All
/// units of a program must be compiled with the same STRATA_USE_… macros.
///
/// What a loop computes must not depend on how many threads there are: bodies write to places of their own, and blocks
/// of work are cut by the size of the work alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <limits>

#if defined(STRATA_USE_OPENMP)
#if !defined(_OPENMP)
#error "STRATA_USE_OPENMP is defined, but the compiler was not told to use OpenMP (-fopenmp)"
#endif
#include <omp.h>
#endif

namespace strata::detail {

/// The number of threads that OpenMP would take (OMP_NUM_THREADS), 1 without it.
[[nodiscard]] inline std::size_t available_threads() {
#if defined(STRATA_USE_OPENMP)
  return static_cast<std::size_t>(omp_get_max_threads());
#else
  return 1;
#endif
}

/// Calls work(i) for every i < count, in at most `threads` threads; within another such loop in one.
/// Throws:   what work throws; of several exceptions the one of the smallest i.
template <class F>
void parallel_for([[maybe_unused]] std::size_t threads, std::size_t count, F work) {
#if defined(STRATA_USE_OPENMP)
  if (threads > 1 && count > 1 && omp_in_parallel() == 0) {
    const auto team =
        static_cast<int>(std::min({threads, count, static_cast<std::size_t>(std::numeric_limits<int>::max())}));
#if defined(__cpp_exceptions)
    std::exception_ptr thrown;
    std::size_t thrown_at = count;
#pragma omp parallel for num_threads(team) schedule(dynamic)
    for (std::size_t i = 0; i < count; ++i) {
      try {
        work(i);
      } catch (...) {
#pragma omp critical(strata_parallel_for)
        if (i < thrown_at) thrown_at = i, thrown = std::current_exception();
      }
    }
    if (thrown) std::rethrow_exception(thrown);
#else
#pragma omp parallel for num_threads(team) schedule(dynamic)
    for (std::size_t i = 0; i < count; ++i) work(i);
#endif
    return;
  }
#endif
  for (std::size_t i = 0; i < count; ++i) work(i);
}

/// Calls work(r) for every row r < rows, in blocks of neighbours.
template <class F>
void parallel_rows(std::size_t threads, std::size_t rows, F work) {
  constexpr std::size_t block = 16;
  parallel_for(threads, (rows + block - 1) / block, [&](std::size_t b) {
    for (std::size_t r = b * block; r < std::min(rows, (b + 1) * block); ++r) work(r);
  });
}

}  // namespace strata::detail
