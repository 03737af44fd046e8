// The body of a fuzzer: any bytes taken for a GGUF file are refused with a strata::data_error, or give a model whose
// settings can be computed and whose tensors can be expanded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "model/fuzz_config_json.hpp"
#include "strata/core/error.hpp"
#include "strata/model/gguf_config.hpp"
#include "strata/model/tensor_view.hpp"
#include "strata/model/weight_files.hpp"

/// Returns:  whether the bytes were accepted.
inline bool fuzz_gguf_config(std::span<const std::uint8_t> input) {
  try {
    const strata::weight_files files = strata::gguf_file(std::as_bytes(input), "fuzz.gguf");
    for (const std::string& name : files.names()) {
      try {
        const strata::tensor_view& tensor = files.tensor(name);
        if (tensor.elements() > 8 * input.size()) std::abort();  // no type has more than four elements a byte
        std::vector<float> values(tensor.elements());
        strata::expand(tensor, std::span<float>(values));
      } catch (const strata::data_error&) {
      }
    }
    require_computable(strata::detail::read_gguf_config(strata::detail::read_gguf_architecture(*files.gguf()), files));
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
