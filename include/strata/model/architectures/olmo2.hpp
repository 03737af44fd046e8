/// OLMo 2: norms behind attention and MLP instead of before them, and norms of all queries and keys of a token.
#pragma once

#include <nlohmann/json.hpp>

#include "strata/model/architecture.hpp"
#include "strata/model/known_settings.hpp"

namespace strata::detail {

inline void read_olmo2(config_reader& config, decoder_config& out) {
  read_llama_like(config, out);
  out.pre_norms = false;
  out.post_norms = true;
  out.qk_norm = query_key_norm::whole;
  out.qkv_bias = out.output_bias = config.optional_flag("attention_bias").value_or(false);
  config.require_neutral({{"sliding_window", nullptr}, {"mlp_bias", false}});
}

inline void complete_olmo2(const weight_files& files, nlohmann::json& config) {
  config["attention_bias"] = gguf_has(files, "attn_q.bias");
}

inline constexpr architecture olmo2{
    .model_type = "olmo2",
    .class_name = "Olmo2ForCausalLM",
    .gguf_name = "olmo2",
    .read = read_olmo2,
    .safetensors = {.attention_post_norm = "post_attention_layernorm", .mlp_post_norm = "post_feedforward_layernorm"},
    .gguf = gguf_layout(),
    .gguf_keys = {},
    .complete = complete_olmo2};

}  // namespace strata::detail
