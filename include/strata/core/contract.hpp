/// Checks of wrong calls (an index out of range, shapes that do not match): mistakes in the calling program, not in its
/// data. On by default. -DSTRATA_NO_ASSERT compiles them out; -DSTRATA_ASSERT_HANDLER=f replaces what a failed one
/// does.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace strata::detail {

[[noreturn]] inline void assertion_failed(const char* condition, const char* message, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: strata: %s (violated: %s)\n", file, line, message, condition);
  std::abort();
}

}  // namespace strata::detail

/// f(const char* condition, const char* message, const char* file, int line); may throw, must not return.
#ifndef STRATA_ASSERT_HANDLER
#define STRATA_ASSERT_HANDLER ::strata::detail::assertion_failed
#endif

#ifdef STRATA_NO_ASSERT
#define STRATA_ASSERT(condition, message) static_cast<void>(sizeof((condition) ? 1 : 0))
#else
#define STRATA_ASSERT(condition, message) \
  ((condition) ? static_cast<void>(0) : STRATA_ASSERT_HANDLER(#condition, message, __FILE__, __LINE__))
#endif
