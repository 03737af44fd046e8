/// What this build is, compared with what the environment variable STRATA_LEG says it should be. A leg of the tests
/// that lost its sanitizer or its optimisation would pass more easily, not less.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif

namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang";
#elif defined(__GNUC__)
  return "gcc";
#else
  return "another compiler";
#endif
}

std::string build() {
#if defined(NDEBUG) && defined(__OPTIMIZE__)
  return " release";
#elif !defined(NDEBUG)
  return " debug";
#else
  return " neither release nor debug";
#endif
}

// "native" if the wide vector instructions of this processor were used by the compiler.
std::string processor() {
#if defined(__x86_64__)
#if defined(__AVX512F__)
  const bool compiled_wide = true;
  const bool widest = true;
#elif defined(__AVX2__)
  const bool compiled_wide = true;
  const bool widest = !__builtin_cpu_supports("avx512f");
#else
  const bool compiled_wide = false;
  const bool widest = !__builtin_cpu_supports("avx2");
#endif
  if (STRATA_NATIVE && !widest) return " less than native";
  if (!STRATA_NATIVE && compiled_wide) return " wider than the baseline";
#endif
  return STRATA_NATIVE ? " native" : "";
}

std::string libraries() {
  std::string out;
#if defined(STRATA_USE_BLAS)
  out += " blas";
#endif
#if defined(STRATA_USE_OPENMP) && defined(_OPENMP)
  out += " threads";
#endif
  return out;
}

std::string sanitizers() {
  std::string out;
#if HAS_FEATURE(address_sanitizer) || defined(__SANITIZE_ADDRESS__)
  out += " address";
#endif
#if HAS_FEATURE(undefined_behavior_sanitizer)
  out += " undefined";
#endif
  return out;
}

// Two mistakes that the sanitizers must stop at; volatile keeps the compiler from seeing them.
int overflow() {
  volatile int largest = std::numeric_limits<int>::max();
  return largest + 1;
}

int read_after_end() {
  volatile std::size_t end = 4;
  const auto values = std::make_unique<int[]>(end);
  return values[end];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    const int result = std::strcmp(argv[1], "undefined") == 0 ? overflow() : read_after_end();
    std::printf("not stopped: %d\n", result);
    return 0;
  }
  const std::string found = compiler() + build() + processor() + libraries() + sanitizers();
  const char* expected = std::getenv("STRATA_LEG");
  std::printf("this build: %s\nSTRATA_LEG: %s\n", found.c_str(), expected != nullptr ? expected : "not set");
  if (expected == nullptr) return 77;  // ctest: skipped
  return found == expected ? 0 : 1;
}
