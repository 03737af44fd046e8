#include "strata/detail/parallel.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "strata/detail/product.hpp"

TEST_CASE("every index is called once, nested loops too") {
  for (const std::size_t threads : {1U, 2U, 5U})
    for (const std::size_t count : {0U, 1U, 3U, 100U}) {
      std::vector<int> calls(count * 7, 0);
      strata::detail::parallel_for(threads, count, [&](std::size_t i) {
        strata::detail::parallel_for(threads, 7, [&](std::size_t j) { ++calls[i * 7 + j]; });
      });
      CHECK(calls == std::vector<int>(count * 7, 1));
      std::vector<int> rows(count, 0);
      strata::detail::parallel_rows(threads, count, [&](std::size_t r) { ++rows[r]; });
      CHECK(rows == std::vector<int>(count, 1));
    }
}

TEST_CASE("of several exceptions the first one's comes out") {
  for (const std::size_t threads : {1U, 2U})
    CHECK_THROWS_WITH_AS(strata::detail::parallel_for(threads, 50,
                                                      [](std::size_t i) {
                                                        if (i >= 7) throw std::runtime_error(std::to_string(i));
                                                      }),
                         "7", std::runtime_error);
}

TEST_CASE("a number of threads that cannot be had is refused") {
  CHECK_THROWS_WITH_AS(strata::detail::check_threads(0), "threads: 0, expected at least 1", strata::option_error);
  strata::detail::check_threads(1);
  CHECK(strata::detail::default_threads() >= 1);
  strata::detail::check_threads(strata::detail::default_threads());
#if !defined(STRATA_USE_OPENMP)
  CHECK_THROWS_AS(strata::detail::check_threads(2), strata::option_error);
#endif
}
