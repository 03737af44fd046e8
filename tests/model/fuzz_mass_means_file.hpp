// The body of a fuzzer: any bytes are either refused with a strata::data_error, or mean outputs of heads that are finite and
// are written again as they are.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/model/mass_means_file.hpp"

/// Returns:  whether the bytes were accepted.
inline bool fuzz_mass_means_file(std::span<const std::uint8_t> input) {
  try {
    const strata::stored_mass_means read =
        strata::mass_means_in(strata::safetensors_file(std::as_bytes(input), "fuzz.means"));
    for (std::size_t layer = 0; layer < read.means.shape().layers; ++layer)
      for (const float value : read.means.of(layer, 0))
        if (!std::isfinite(value)) std::abort();
    std::vector<std::byte> again;
    strata::write_mass_means(
        read, [&](std::span<const std::byte> piece) { again.insert(again.end(), piece.begin(), piece.end()); });
    const auto reread = strata::mass_means_in(strata::safetensors_file(again, "again"));
    const std::span<const float> a = read.means.values().values(), b = reread.means.values().values();
    if (reread.means.shape() != read.means.shape() || reread.prompts != read.prompts ||
        reread.probe.tokens != read.probe.tokens || std::memcmp(a.data(), b.data(), a.size_bytes()) != 0)
      std::abort();
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
