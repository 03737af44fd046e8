/// The settings in a config.json that the library does not use: those that would change what a model computes, and
/// those that change nothing.
#pragma once

#include <nlohmann/json.hpp>

#include "strata/model/config_reader.hpp"

namespace strata::detail {

/// Settings that another model of the same family name may have, and that the decoder does not compute.
inline void refuse_unsupported_settings(config_reader& config) {
  static const neutral_setting settings[] = {
      {"hidden_act", "silu"},
      {"pretraining_tp", 1},
      {"partial_rotary_factor", 1},
      {"quantization_config", nullptr},
      {"compression_config", nullptr},
      {"sliding_window", nullptr},
      {"use_sliding_window", false},
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
      {"pruned_heads", nlohmann::json::object()},
  };
  config.require_neutral(settings);
}

inline void ignore_harmless_settings(config_reader& config) {
  // the file and the precision it was saved in
  config.ignore({"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_bfloat16", "torchscript"});
  // training
  config.ignore({"initializer_range", "attention_dropout", "hidden_dropout", "finetuning_task", "problem_type"});
  // how a forward pass is run
  config.ignore({"use_cache", "_attn_implementation", "_attn_implementation_autoset", "chunk_size_feed_forward",
                 "is_decoder", "output_attentions", "output_hidden_states", "return_dict"});
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

}  // namespace strata::detail
