/// Qwen2 and Qwen2.5: Llama with biases of queries, keys and values, and windows in the upper layers where asked for.
#pragma once

#include <nlohmann/json.hpp>

#include "strata/model/architecture.hpp"
#include "strata/model/known_settings.hpp"

namespace strata::detail {

/// The windows of Qwen2 and Qwen3: with "use_sliding_window" in layers from "max_window_layers" on.
inline void read_qwen_windows(config_reader& config, decoder_config& out) {
  const bool used = config.optional_flag("use_sliding_window").value_or(false);
  const bool unlimited = config.has("sliding_window") && config.find("sliding_window") == nullptr;
  std::size_t window = 0;
  if (used && !unlimited) window = config.optional_count("sliding_window").value_or(4096);
  const nlohmann::json* const first = config.find("max_window_layers");
  if (first != nullptr && !first->is_number_unsigned()) config.refuse("max_window_layers", "a whole number", *first);
  if (read_layer_types(config, window, out.windows)) return;
  const std::size_t first_window = first == nullptr ? 28 : first->get<std::size_t>();
  for (std::size_t l = first_window; l < out.layers; ++l) out.windows[l] = window;
}

inline void read_qwen2(config_reader& config, decoder_config& out) {
  read_llama_like(config, out);
  out.qkv_bias = true;
  read_qwen_windows(config, out);
}

inline constexpr architecture qwen2{.model_type = "qwen2",
                                    .class_name = "Qwen2ForCausalLM",
                                    .gguf_name = "qwen2",
                                    .read = read_qwen2,
                                    .safetensors = {},
                                    .gguf = gguf_layout()};

}  // namespace strata::detail
