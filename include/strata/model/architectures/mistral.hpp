/// Mistral: Llama with a sliding window in all layers. Its GGUF files call themselves llama, without a window.
#pragma once

#include "strata/model/architecture.hpp"
#include "strata/model/known_settings.hpp"

namespace strata::detail {

inline void read_mistral(config_reader& config, decoder_config& out) {
  read_llama_like(config, out);
  config.require_neutral({{"attention_bias", false}, {"mlp_bias", false}});
  // A missing key, unlike null, has this default.
  const std::size_t window = config.has("sliding_window") ? config.optional_count("sliding_window").value_or(0) : 4096;
  if (!read_layer_types(config, window, out.windows)) out.windows.assign(out.layers, window);
}

inline constexpr architecture mistral{.model_type = "mistral",
                                      .class_name = "MistralForCausalLM",
                                      .gguf_name = "",
                                      .read = read_mistral,
                                      .safetensors = {},
                                      .gguf = {}};

}  // namespace strata::detail
