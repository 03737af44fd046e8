// The inputs that the fuzzers found, in tests/data/fuzz/NAME: the replay tests call the fuzzer's body on each.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace saved_inputs {

/// Calls the body on every file in tests/data/fuzz/NAME; what is wrong aborts within it.
/// Returns:  whether it accepted some of them and refused some: a corpus that is only refused tests little.
template <class Body>
[[nodiscard]] bool some_are_accepted(const std::string& fuzzer, Body body) {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(STRATA_TEST_DATA "/fuzz/" + fuzzer)) {
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> read(std::istreambuf_iterator<char>(file), {});
    const std::vector<std::uint8_t> input(read.begin(), read.end());  // of exactly that size, for a sanitizer
    ++(body(input) ? accepted : refused);
  }
  return accepted > 0 && refused > 0;
}

}  // namespace saved_inputs
