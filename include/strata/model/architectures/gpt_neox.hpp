/// GPT-NeoX and Pythia: LayerNorm, biases, a part of each head that turns, an MLP without a gate; attention and MLP side
/// by side, or one after the other.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "strata/model/architecture.hpp"
#include "strata/model/known_settings.hpp"

namespace strata::detail {

/// A setting that has been renamed, and later moved into "rope_parameters"; wherever it is there, it must say the same.
[[nodiscard]] inline std::optional<double> renamed_real(config_reader& config, const char* older, const char* newer,
                                                        double lowest, double highest) {
  const std::optional<double> old_value = config.optional_real(older, lowest, highest);
  std::optional<double> new_value = config.optional_real(newer, lowest, highest);
  if (auto object = config.optional_object("rope_parameters"); object && !new_value)
    new_value = object->optional_real(newer, lowest, highest);
  if (old_value && new_value && *old_value != *new_value)
    raise<data_error>(config.place(older), ", expected the same as ", in_quotes(newer), ", ", *new_value, ", found ",
                      *old_value);
  return new_value ? new_value : old_value;
}

inline void read_gpt_neox(config_reader& config, decoder_config& out) {
  read_sizes(config, out);
  if (out.kv_heads != out.heads)
    raise<data_error>(config.place("num_key_value_heads"), ", expected num_attention_heads, ", out.heads, ", found ",
                      out.kv_heads);
  if (config.optional_flag("use_parallel_residual").value_or(true)) out.block = block_kind::parallel;
  out.norm = norm_kind::layer;
  out.norm_eps = config.real("layer_norm_eps", 1e-30, 1);
  out.activates = read_activation(config, "hidden_act", "gelu");
  out.gated = false;
  out.qkv_bias = out.output_bias = config.optional_flag("attention_bias").value_or(true);
  out.mlp_bias = true;

  const std::optional<double> share = renamed_real(config, "rotary_pct", "partial_rotary_factor", 0, 1);
  const std::optional<double> base = renamed_real(config, "rotary_emb_base", "rope_theta", 1, largest_rope_theta);
  read_one_rope(config, out, share.value_or(0.25));
  if (base) out.rope->theta = *base;
}

inline void complete_gpt_neox(const weight_files& files, nlohmann::json& config) {
  config["attention_bias"] = gguf_has(files, "attn_qkv.bias");
}

inline constexpr gguf_key gpt_neox_gguf_keys[] = {{"attention.layer_norm_epsilon", "layer_norm_eps"},
                                                  {"use_parallel_residual", "use_parallel_residual"}};

inline constexpr architecture gpt_neox{.model_type = "gpt_neox",
                                       .class_name = "GPTNeoXForCausalLM",
                                       .gguf_name = "gptneox",
                                       .read = read_gpt_neox,
                                       .safetensors = {.embedding = "gpt_neox.embed_in",
                                                       .final_norm = "gpt_neox.final_layer_norm",
                                                       .unembedding = "embed_out",
                                                       .layer = "gpt_neox.layers.",
                                                       .query_key_value = {"attention.query_key_value", "", ""},
                                                       .output = "attention.dense",
                                                       .gate_up = {"mlp.dense_h_to_4h", ""},
                                                       .down = "mlp.dense_4h_to_h",
                                                       .rows = row_order::by_head},
                                       .gguf =
                                           [] {
                                             weight_layout names = gguf_layout();
                                             names.query_key_value = {"attn_qkv", "", ""};
                                             names.gate_up = {"ffn_up", ""};
                                             return names;
                                           }(),
                                       .gguf_keys = gpt_neox_gguf_keys,
                                       .complete = complete_gpt_neox};

}  // namespace strata::detail
