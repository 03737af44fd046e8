// The body of a fuzzer: any bytes are either refused with a strata::data_error, or a file that keeps its promises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/model/tensor_view.hpp"

/// Returns:  whether the bytes were accepted.
inline bool fuzz_safetensors(std::span<const std::uint8_t> input) {
  const std::span<const std::byte> bytes = std::as_bytes(input);
  try {
    const strata::safetensors_file file(bytes, "fuzz.safetensors");
    std::size_t covered = 0;
    for (const std::string& name : file.names()) {
      try {
        const strata::tensor_view& tensor = file.tensor(name);
        covered += tensor.bytes.size();
        if (tensor.elements() > input.size()) std::abort();  // no type is smaller than a byte
        std::vector<float> reals(tensor.elements());
        std::vector<std::int32_t> integers(tensor.elements());
        try {
          strata::expand(tensor, std::span<float>(reals));
        } catch (const strata::data_error&) {
          strata::expand(tensor, std::span<std::int32_t>(integers));
        }
      } catch (const strata::data_error&) {
      }
    }
    if (covered > input.size()) std::abort();
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
