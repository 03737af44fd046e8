// Seeded mutations of a well-formed input, for the replay of fuzzer bodies.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <span>
#include <vector>

/// One to four edits: a flipped bit, an overwritten, removed, inserted or repeated stretch of bytes.
/// Requires: a non-empty input, and a first_bytes of it within which the edits begin.
inline std::vector<std::uint8_t> mutated(std::span<const std::uint8_t> input, std::size_t first_bytes,
                                         std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t bound) { return static_cast<std::size_t>(random()) % bound; };
  const auto step = [](std::size_t n) { return static_cast<std::ptrdiff_t>(n); };
  constexpr std::uint8_t telling[] = {'0', '9', '-', '.', 'e', '"', '[', ']', '{', '}', ',', ':', ' ', 0, 0x7f, 0xff};
  std::vector<std::uint8_t> bytes(input.begin(), input.end());
  for (std::size_t edits = 1 + below(4); edits > 0 && bytes.size() > 8; --edits) {
    const std::size_t place = below(std::min(first_bytes, bytes.size()));
    const std::size_t length = std::min(1 + below(8), bytes.size() - place);
    const std::vector<std::uint8_t> stretch(bytes.begin() + step(place), bytes.begin() + step(place + length));
    switch (below(5)) {
      case 0:
        bytes[place] = static_cast<std::uint8_t>(bytes[place] ^ (1U << below(8)));
        break;
      case 1:
        bytes[place] = telling[below(std::size(telling))];
        break;
      case 2:
        bytes.erase(bytes.begin() + step(place), bytes.begin() + step(place + length));
        break;
      case 3:
        bytes.insert(bytes.begin() + step(place), telling[below(std::size(telling))]);
        break;
      default:
        bytes.insert(bytes.begin() + step(place), stretch.begin(), stretch.end());
    }
  }
  return bytes;
}
