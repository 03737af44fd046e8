/// Gemma 3, text only: scaled embeddings, norms before and behind attention and MLP, norms of each head's queries and
/// keys, GeGLU, and layers with a window that have a rotary embedding of their own.
#pragma once

#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>

#include "strata/model/architecture.hpp"
#include "strata/model/known_settings.hpp"

namespace strata::detail {

/// Without a list, all layers have a window but each "sliding_window_pattern"-th.
inline void read_gemma3_windows(config_reader& config, decoder_config& out) {
  const std::size_t window = config.count("sliding_window");
  config.ignore({"_sliding_window_pattern"});  // which layer_types repeats
  const std::size_t pattern = config.optional_count("sliding_window_pattern").value_or(6);
  if (read_layer_types(config, window, out.windows)) return;
  for (std::size_t l = 0; l < out.layers; ++l) out.windows[l] = (l + 1) % pattern == 0 ? 0 : window;
}

inline void read_gemma3_ropes(config_reader& config, decoder_config& out) {
  require_whole_heads_turn(config, out.head_width);
  out.rotary_width = out.head_width;
  const rope_frame frame{out.rotary_width, out.context, std::nullopt, out.head_width,
                         1e6};  // the family's default base
  out.rope = read_rope(config, frame, out.warnings, "full_attention");
  out.context = stretched_context(*out.rope, out.context);
  rope_settings sliding;  // without scaling, unless the newer spelling says so
  if (auto objects = config.optional_object("rope_parameters");
      objects && objects->find("sliding_attention") != nullptr) {
    sliding = read_rope(config, frame, out.warnings, "sliding_attention");
  } else {
    sliding.theta = config.real("rope_local_base_freq", 1, largest_rope_theta);
  }
  out.sliding_rope = sliding;
}

inline void read_gemma3(config_reader& config, decoder_config& out) {
  out.tie_word_embeddings = true;               // where the file does not say
  static_cast<void>(config.count("head_dim"));  // the family's default is not width / heads
  read_sizes(config, out);
  out.norm_eps = config.real("rms_norm_eps", 1e-30, 1);
  out.activates = read_activation(config, "hidden_activation", "gelu_pytorch_tanh");
  out.post_norms = true;
  out.qk_norm = query_key_norm::per_head;
  out.embedding_scale = std::sqrt(static_cast<double>(out.width));
  out.attention_scale = 1 / std::sqrt(config.optional_real("query_pre_attn_scalar", 1e-6, 1e6).value_or(256));
  out.qkv_bias = out.output_bias = config.optional_flag("attention_bias").value_or(false);
  read_gemma3_windows(config, out);
  read_gemma3_ropes(config, out);
  config.require_neutral({{"mlp_bias", false}});
}

/// What files of this architecture leave to the reader.
/// Source:   the model code of llama.cpp, and the published configurations of Gemma 3.
inline void complete_gemma3(const weight_files&, nlohmann::json& config) {
  constexpr int layers_of_27b = 62;  // the one size whose scale is not that of the head width
  const auto number = [&](const char* key) {
    return config.contains(key) && config[key].is_number() ? config[key].get<double>() : 0.0;
  };
  if (!config.contains("query_pre_attn_scalar"))
    config["query_pre_attn_scalar"] = number("num_hidden_layers") == layers_of_27b
                                          ? number("hidden_size") / number("num_attention_heads")
                                          : number("head_dim");
  if (!config.contains("rope_theta")) config["rope_theta"] = 10000;
  if (!config.contains("rope_local_base_freq")) config["rope_local_base_freq"] = 10000;
  nlohmann::json& pattern = config["sliding_window_pattern"];
  if (pattern.is_null()) pattern = std::size_t{6};
  if (!pattern.is_array()) return;
  for (const nlohmann::json& slides : pattern)  // one flag for each layer
    config["layer_types"].push_back(slides == true || slides == 1 ? "sliding_attention" : "full_attention");
  config.erase("sliding_window_pattern");
}

inline constexpr gguf_key gemma3_gguf_keys[] = {{"rope.freq_base_swa", "rope_local_base_freq"},
                                                {"attention.sliding_window_pattern", "sliding_window_pattern"}};

inline constexpr architecture gemma3{.model_type = "gemma3_text",
                                     .class_name = "Gemma3ForCausalLM",
                                     .gguf_name = "gemma3",
                                     .read = read_gemma3,
                                     .safetensors = {.attention_post_norm = "post_attention_layernorm",
                                                     .mlp_norm = "pre_feedforward_layernorm",
                                                     .mlp_post_norm = "post_feedforward_layernorm",
                                                     .gain_plus_one = true},
                                     .gguf = gguf_layout(),
                                     .gguf_keys = gemma3_gguf_keys,
                                     .complete = complete_gemma3};

}  // namespace strata::detail
