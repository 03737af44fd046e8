// The body of a fuzzer: any bytes are either refused with a strata::data_error, or means all of which can be read and which
// are written again as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/model/means_file.hpp"

/// Returns:  whether the bytes were accepted.
inline bool fuzz_means_file(std::span<const std::uint8_t> input) {
  std::vector<std::uint64_t> aligned((input.size() + 7) / 8);  // as a mapped file is
  if (!input.empty()) std::memcpy(aligned.data(), input.data(), input.size());
  const std::span<const std::byte> bytes = std::as_bytes(std::span(aligned)).first(input.size());
  try {
    const strata::stored_means read =
        strata::means_in(std::make_shared<const strata::safetensors_file>(bytes, "fuzz.means"));
    const strata::model_shape& shape = read.means.shape();
    const strata::graph edges(shape, read.means.tokens());
    double sum = 0;
    const auto look = [&](std::span<const float> values) {
      for (const float value : values) sum += static_cast<double>(value);
    };
    for (std::size_t t = 0; t < read.means.tokens(); ++t) {
      for (std::size_t level = 1; level <= edges.levels(); ++level) look(read.means.residual(level, t));
      for (std::size_t layer = 0; layer < shape.layers; ++layer) {
        look(read.means.mlp(layer, t));
        look(read.means.mixed(layer, t));
        for (std::size_t head = 0; head < shape.heads; ++head)
          for (std::size_t s = 0; s <= t; ++s) look(read.means.attention(layer, head, t).row(s));
      }
    }
    std::vector<std::byte> again;
    strata::write_means(
        read, [&](std::span<const std::byte> piece) { again.insert(again.end(), piece.begin(), piece.end()); });
    std::vector<std::uint64_t> place((again.size() + 7) / 8);
    std::memcpy(place.data(), again.data(), again.size());
    const auto reread = strata::means_in(
        std::make_shared<const strata::safetensors_file>(std::as_bytes(std::span(place)).first(again.size()), "again"));
    if (reread.means.shape() != shape || reread.prompts != read.prompts || reread.probe.tokens != read.probe.tokens)
      std::abort();
    static_cast<void>(sum);
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
