/// GPT-2: LayerNorm, learned positions, biases everywhere, an MLP without a gate; matrices stored as (in, out).
#pragma once

#include <cmath>

#include "strata/model/architecture.hpp"
#include "strata/model/known_settings.hpp"

namespace strata::detail {

inline void read_gpt2(config_reader& config, decoder_config& out) {
  out.layers = config.count("n_layer", most_layers);
  out.heads = out.kv_heads = config.count("n_head", most_heads);
  out.width = config.count("n_embd");
  out.mlp_width = config.optional_count("n_inner").value_or(4 * out.width);
  out.vocabulary = config.count("vocab_size");
  out.context = config.count("n_positions");
  if (out.width % out.heads != 0)
    raise<data_error>(config.place("n_embd"), ", expected a multiple of n_head, ", out.heads, ", found ", out.width);
  out.head_width = out.width / out.heads;
  out.attention_scale = 1 / std::sqrt(static_cast<double>(out.head_width));
  out.windows.assign(out.layers, 0);
  out.norm = norm_kind::layer;
  out.norm_eps = config.real("layer_norm_epsilon", 1e-30, 1);
  out.activates = read_activation(config, "activation_function", "gelu_new");
  out.gated = false;
  out.tie_word_embeddings = true;  // where the file does not say
  out.qkv_bias = out.output_bias = out.mlp_bias = true;
  config.require_neutral({{"scale_attn_weights", true}, {"scale_attn_by_inverse_layer_idx", false}});
  config.ignore({"n_ctx", "reorder_and_upcast_attn", "summary_activation", "summary_first_dropout",
                 "summary_proj_to_labels", "summary_type", "summary_use_proj"});
}

inline constexpr gguf_key gpt2_gguf_keys[] = {
    {"block_count", "n_layer"},         {"context_length", "n_positions"},
    {"embedding_length", "n_embd"},     {"feed_forward_length", "n_inner"},
    {"attention.head_count", "n_head"}, {"attention.layer_norm_epsilon", "layer_norm_epsilon"}};

inline constexpr architecture gpt2{.model_type = "gpt2",
                                   .class_name = "GPT2LMHeadModel",
                                   .gguf_name = "gpt2",
                                   .read = read_gpt2,
                                   .safetensors = {.embedding = "transformer.wte",
                                                   .positions = "transformer.wpe",
                                                   .final_norm = "transformer.ln_f",
                                                   .layer = "transformer.h.",
                                                   .query_key_value = {"attn.c_attn", "", ""},
                                                   .output = "attn.c_proj",
                                                   .gate_up = {"mlp.c_fc", ""},
                                                   .down = "mlp.c_proj",
                                                   .attention_norm = "ln_1",
                                                   .mlp_norm = "ln_2",
                                                   .transposed = true},
                                   .gguf =
                                       [] {
                                         weight_layout names = gguf_layout();
                                         names.query_key_value = {"attn_qkv", "", ""};
                                         names.gate_up = {"ffn_up", ""};
                                         return names;
                                       }(),
                                   .gguf_keys = gpt2_gguf_keys};

}  // namespace strata::detail
