// The body of a fuzzer: any text is either refused with a strata::data_error, or gives a model that can be computed.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "strata/core/error.hpp"
#include "strata/model/llama_config.hpp"

/// Returns:  whether the text was accepted.
inline bool fuzz_llama_config(std::span<const std::uint8_t> input) {
  try {
    const strata::llama_config config =
        strata::parse_llama_config({reinterpret_cast<const char*>(input.data()), input.size()}, "fuzz.json");
    const bool computable = config.layers > 0 && config.heads > 0 && config.kv_heads > 0 && config.width > 0 &&
                            config.mlp_width > 0 && config.vocabulary > 0 && config.context > 0 &&
                            config.heads % config.kv_heads == 0 && config.head_width > 0 &&
                            config.head_width % 2 == 0 && config.norm_eps > 0 && std::isfinite(config.rope.theta) &&
                            config.rope.theta > 0 && config.rope.scaling.factor >= 1;
    if (!computable) std::abort();
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
