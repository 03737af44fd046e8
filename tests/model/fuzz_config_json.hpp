// The body of a fuzzer: any text is either refused with a strata::data_error, or gives a model that can be computed.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>

#include "strata/core/error.hpp"
#include "strata/model/config_json.hpp"

inline bool angles_are_finite(const std::optional<strata::rope_settings>& rope, const strata::decoder_config& config) {
  if (!rope) return true;
  if (config.rotary_width < 2 || config.rotary_width % 2 != 0 || config.rotary_width > config.head_width) return false;
  if (config.rotary_width > 4096) return true;  // nothing new
  for (const std::size_t tokens : {std::size_t{1}, config.context})
    for (const double angle : strata::rope_angles(*rope, config.rotary_width, tokens))
      if (!std::isfinite(angle) || angle < 0) return false;
  return std::isfinite(rope->scaling.attention_factor) && rope->scaling.attention_factor > 0;
}

inline void require_computable(const strata::decoder_config& config) {
  const bool computable = config.layers > 0 && config.heads > 0 && config.kv_heads > 0 && config.width > 0 &&
                          config.mlp_width > 0 && config.vocabulary > 0 && config.context > 0 &&
                          config.heads % config.kv_heads == 0 && config.head_width > 0 && config.norm_eps > 0 &&
                          config.attention_scale > 0 && config.embedding_scale > 0 &&
                          config.windows.size() == config.layers && angles_are_finite(config.rope, config) &&
                          angles_are_finite(config.sliding_rope, config);
  if (!computable) std::abort();
}

/// Returns:  whether the text was accepted.
inline bool fuzz_config_json(std::span<const std::uint8_t> input) {
  try {
    require_computable(
        strata::parse_config_json({reinterpret_cast<const char*>(input.data()), input.size()}, "fuzz.json"));
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
