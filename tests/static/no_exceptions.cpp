/// Compiled with -fno-exceptions -fno-rtti: an error must end in the handler, with its message.
#include <cstdio>
#include <cstdlib>
#include <cstring>

[[noreturn]] inline void handle(const char* message) {
  const bool right = std::strcmp(message, "layer 3 is missing") == 0;
  std::printf("handler called with \"%s\"\n", message);
  std::exit(right ? 0 : 1);
}
#define STRATA_ERROR_HANDLER(message) handle(message)

#include "strata/strata.hpp"

int main() {
  static_assert(!STRATA_HAS_EXCEPTIONS);
  strata::raise<strata::data_error>("layer ", 3, " is missing");
}
