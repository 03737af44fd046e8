/// Phi-3 and Phi-4: Llama with one matrix for queries, keys and values, one for gate and up, and longrope.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>

#include "strata/model/architecture.hpp"
#include "strata/model/known_settings.hpp"

namespace strata::detail {

inline void read_phi3(config_reader& config, decoder_config& out) {
  read_sizes(config, out);
  out.norm_eps = config.real("rms_norm_eps", 1e-30, 1);
  out.activates = read_activation(config, "hidden_act", "silu");
  read_one_rope(config, out, std::nullopt, config.optional_count("original_max_position_embeddings"));
  config.require_neutral({{"attention_bias", false}, {"mlp_bias", false}});
  const std::size_t window = config.optional_count("sliding_window").value_or(0);
  if (!read_layer_types(config, window, out.windows)) out.windows.assign(out.layers, window);
}

inline constexpr architecture phi3{
    .model_type = "phi3",
    .class_name = "Phi3ForCausalLM",
    .gguf_name = "phi3",
    .read = read_phi3,
    .safetensors = {.query_key_value = {"self_attn.qkv_proj", "", ""}, .gate_up = {"mlp.gate_up_proj", ""}},
    .gguf = [] {
      weight_layout names = gguf_layout();
      names.query_key_value = {"attn_qkv", "", ""};
      names.gate_up = {"ffn_up", ""};
      return names;
    }()};

}  // namespace strata::detail
