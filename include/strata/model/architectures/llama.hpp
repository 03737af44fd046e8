/// Llama 1 to 3, and what is published as such: SmolLM, TinyLlama, DeepSeek-LLM, Yi, …
#pragma once

#include <nlohmann/json.hpp>

#include "strata/model/architecture.hpp"
#include "strata/model/known_settings.hpp"

namespace strata::detail {

inline void read_llama(config_reader& config, decoder_config& out) {
  read_llama_like(config, out);
  out.qkv_bias = out.output_bias = config.optional_flag("attention_bias").value_or(false);
  out.mlp_bias = config.optional_flag("mlp_bias").value_or(false);
  config.require_neutral({{"sliding_window", nullptr}, {"use_sliding_window", false}});
}

inline void complete_llama(const weight_files& files, nlohmann::json& config) {
  config["attention_bias"] = gguf_has(files, "attn_q.bias");
  config["mlp_bias"] = gguf_has(files, "ffn_up.bias");
}

inline constexpr architecture llama{.model_type = "llama",
                                    .class_name = "LlamaForCausalLM",
                                    .gguf_name = "llama",
                                    .read = read_llama,
                                    .safetensors = {},
                                    .gguf =
                                        [] {
                                          weight_layout names = gguf_layout();
                                          names.rows = row_order::rotary_pairs;
                                          return names;
                                        }(),
                                    .gguf_keys = {},
                                    .complete = complete_llama};

}  // namespace strata::detail
