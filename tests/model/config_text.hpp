// A small config.json, in which a test changes single keys.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "strata/model/config_json.hpp"

/// The keys of `changes` replace those of the example or are added to it; "remove me" removes one.
inline std::string llama_config_text(const nlohmann::json& changes = nlohmann::json::object()) {
  nlohmann::json config = nlohmann::json::parse(R"({
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 96,
    "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 97,
    "max_position_embeddings": 128, "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "hidden_act": "silu",
    "attention_bias": false, "mlp_bias": false, "tie_word_embeddings": false})");
  for (const auto& [key, value] : changes.items()) {
    if (value == "remove me") {
      config.erase(key);
    } else {
      config[key] = value;
    }
  }
  return config.dump();
}

inline strata::decoder_config changed_llama(const nlohmann::json& changes) {
  return strata::parse_config_json(llama_config_text(changes), "c");
}
