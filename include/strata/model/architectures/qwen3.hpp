/// Qwen3: Llama with norms of each head's queries and keys, and a head width of its own.
#pragma once

#include <nlohmann/json.hpp>

#include "strata/model/architecture.hpp"
#include "strata/model/architectures/qwen2.hpp"
#include "strata/model/known_settings.hpp"

namespace strata::detail {

inline void read_qwen3(config_reader& config, decoder_config& out) {
  static_cast<void>(config.count("head_dim"));  // the family's default is not width / heads
  read_llama_like(config, out);
  out.qk_norm = query_key_norm::per_head;
  out.qkv_bias = out.output_bias = config.optional_flag("attention_bias").value_or(false);
  read_qwen_windows(config, out);
}

inline void complete_qwen3(const weight_files& files, nlohmann::json& config) {
  config["attention_bias"] = gguf_has(files, "attn_q.bias");
}

inline constexpr architecture qwen3{.model_type = "qwen3",
                                    .class_name = "Qwen3ForCausalLM",
                                    .gguf_name = "qwen3",
                                    .read = read_qwen3,
                                    .safetensors = {},
                                    .gguf = gguf_layout(),
                                    .gguf_keys = {},
                                    .complete = complete_qwen3};

}  // namespace strata::detail
