/// The settings that the families spell alike, those that would change what a model computes and are not supported, and
/// those that change nothing.
#pragma once

#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/model/config_reader.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/rope_scaling.hpp"

namespace strata::detail {

/// Settings that another model of the same family name may have, and that the decoder does not compute.
inline void refuse_unsupported_settings(config_reader& config) {
  config.require_neutral({
      {"pretraining_tp", 1},
      {"quantization_config", nullptr},
      {"compression_config", nullptr},
      {"attention_chunk_size", nullptr},
      {"attn_logit_softcapping", nullptr},
      {"final_logit_softcapping", nullptr},
      {"logit_scale", 1},
      {"logits_scaling", 1},
      {"embedding_multiplier", 1},
      {"residual_multiplier", 1},
      {"attention_multiplier", nullptr},
      {"clip_qkv", nullptr},
      {"use_qk_norm", false},
      {"qk_layernorm", false},
      {"alibi", false},
      {"num_local_experts", nullptr},
      {"num_experts", nullptr},
      {"n_routed_experts", nullptr},
      {"num_experts_per_tok", nullptr},
      {"add_cross_attention", false},
      {"is_encoder_decoder", false},
      {"use_bidirectional_attention", false},
      {"use_mrope", false},
      {"attention_causal", true},
      {"max_alibi_bias", nullptr},
      {"yarn_ext_factor", nullptr},
      {"yarn_attn_factor", 1},
      {"yarn_log_multiplier", nullptr},
      {"rope_dimension_sections", nullptr},
      {"rope_interleaved", false},
      {"lm_head_bias", false},
      {"full_attn_mod", 1},
      {"interpolate_factor", 1},
      {"pruned_heads", nlohmann::json::object()},
  });
}

inline void ignore_harmless_settings(config_reader& config) {
  // the file and the precision it was saved in
  config.ignore({"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_bfloat16", "torchscript",
                 "transformers.js_config", "auto_map", "is_llama_config", "unsloth_fixed", "unsloth_version"});
  // training
  config.ignore({"initializer_range", "attention_dropout", "hidden_dropout", "embd_pdrop", "resid_pdrop", "attn_pdrop",
                 "attention_probs_dropout_prob", "hidden_dropout_prob", "classifier_dropout", "finetuning_task",
                 "problem_type"});
  // how a forward pass is run
  config.ignore({"use_cache", "cache_implementation", "_attn_implementation", "_attn_implementation_autoset",
                 "chunk_size_feed_forward", "is_decoder", "attn_implementation", "gradient_checkpointing",
                 "use_flash_attention_2", "_flash_attn_2_enabled", "max_sequence_length", "output_attentions",
                 "output_hidden_states", "return_dict"});
  // the tokenizer
  config.ignore({"bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id",
                 "tokenizer_class", "prefix", "id2label", "label2id", "task_specific_params"});
  // how a text is generated from the predictions
  config.ignore({"max_length",
                 "min_length",
                 "do_sample",
                 "early_stopping",
                 "num_beams",
                 "num_beam_groups",
                 "diversity_penalty",
                 "temperature",
                 "top_k",
                 "top_p",
                 "typical_p",
                 "repetition_penalty",
                 "length_penalty",
                 "no_repeat_ngram_size",
                 "encoder_no_repeat_ngram_size",
                 "bad_words_ids",
                 "num_return_sequences",
                 "output_scores",
                 "return_dict_in_generate",
                 "forced_bos_token_id",
                 "forced_eos_token_id",
                 "remove_invalid_values",
                 "exponential_decay_length_penalty",
                 "suppress_tokens",
                 "begin_suppress_tokens"});
}

inline constexpr std::size_t most_layers = 4096;
inline constexpr std::size_t most_heads = 4096;

/// Sizes in the spelling that most families share.
inline void read_sizes(config_reader& config, decoder_config& out) {
  out.layers = config.count("num_hidden_layers", most_layers);
  out.heads = config.count("num_attention_heads", most_heads);
  out.kv_heads = config.optional_count("num_key_value_heads", most_heads).value_or(out.heads);
  out.width = config.count("hidden_size");
  out.mlp_width = config.count("intermediate_size");
  out.vocabulary = config.count("vocab_size");
  out.context = config.count("max_position_embeddings");
  if (out.heads % out.kv_heads != 0)
    raise<data_error>(config.place("num_key_value_heads"), ", expected a divisor of num_attention_heads, ", out.heads,
                      ", found ", out.kv_heads);
  const std::optional<std::size_t> head_width = config.optional_count("head_dim");
  if (!head_width && out.width % out.heads != 0)
    raise<data_error>(config.place("hidden_size"), ", expected a multiple of num_attention_heads, ", out.heads,
                      ", found ", out.width);
  out.head_width = head_width.value_or(out.width / out.heads);
  out.attention_scale = 1 / std::sqrt(static_cast<double>(out.head_width));
  out.windows.assign(out.layers, 0);
}

/// The rotary embedding, where all layers have the same.
inline void read_one_rope(config_reader& config, decoder_config& out, std::optional<double> family_share = std::nullopt,
                          std::optional<std::size_t> original_context = std::nullopt) {
  out.rotary_width = read_rotary_width(config, out.head_width, family_share);
  out.rope = read_rope(config, {out.rotary_width, out.context, original_context, out.head_width}, out.warnings);
  out.context = stretched_context(*out.rope, out.context);
}

inline activation read_activation(config_reader& config, const char* key, const char* family_default) {
  constexpr std::pair<const char*, activation> names[] = {
      {"silu", activation::silu},           {"swish", activation::silu},
      {"gelu", activation::gelu},           {"gelu_new", activation::gelu_tanh},
      {"gelu_fast", activation::gelu_tanh}, {"gelu_pytorch_tanh", activation::gelu_tanh}};
  const std::string given = config.optional_text(key).value_or(family_default);
  for (const auto& [name, function] : names)
    if (given == name) return function;
  config.refuse(key, "silu, gelu, gelu_new, gelu_fast or gelu_pytorch_tanh", given);
}

/// A window for each layer that "layer_types" calls sliding.
/// Returns:  false if the file has no such list.
inline bool read_layer_types(config_reader& config, std::size_t window, std::vector<std::size_t>& windows) {
  const nlohmann::json* const types = config.find("layer_types");
  if (types == nullptr) return false;
  if (!types->is_array() || types->size() != windows.size())
    config.refuse("layer_types", concat("a list of ", windows.size(), " names"), *types);
  for (std::size_t l = 0; l < windows.size(); ++l) {
    const nlohmann::json& type = (*types)[l];
    if (type != "full_attention" && type != "sliding_attention")
      config.refuse("layer_types", "full_attention or sliding_attention", type);
    if (type == "sliding_attention" && window == 0)
      raise<data_error>(config.place("sliding_window"), " is missing, but layer ", l, " has sliding attention");
    windows[l] = type == "sliding_attention" ? window : 0;
  }
  return true;
}

/// Throws:   strata::data_error if only a part of each head turns: these families' published code does not compute that.
inline void require_whole_heads_turn(config_reader& config, std::size_t head_width) {
  const std::size_t turning = read_rotary_width(config, head_width);
  if (turning != head_width)
    raise<data_error>(config.place("partial_rotary_factor"), " is not supported for this architecture: ", turning,
                      " of ", head_width, " components of a head would turn");
}

/// What Llama and the families built like it share: sizes, RMSNorm, rotary embedding, and a gated MLP.
inline void read_llama_like(config_reader& config, decoder_config& out) {
  read_sizes(config, out);
  out.norm_eps = config.real("rms_norm_eps", 1e-30, 1);
  require_whole_heads_turn(config, out.head_width);
  read_one_rope(config, out);
  out.activates = read_activation(config, "hidden_act", "silu");
}

}  // namespace strata::detail
