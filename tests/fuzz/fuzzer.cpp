// The libFuzzer program around a fuzzer body: CMake names the header and the function.
#include <cstddef>
#include <cstdint>

#include STRATA_FUZZ_HEADER

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(STRATA_FUZZ_BODY({data, size}));
  return 0;
}
