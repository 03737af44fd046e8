/// The settings of a model of the Llama family, from the config.json that lies beside its weights.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/mapped_file.hpp"
#include "strata/model/architecture.hpp"
#include "strata/model/config_reader.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/known_settings.hpp"
#include "strata/model/rope_scaling.hpp"

namespace strata {

struct llama_config {
  std::size_t layers = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;    // divides heads
  std::size_t head_width = 0;  // even
  std::size_t width = 0;
  std::size_t mlp_width = 0;
  std::size_t vocabulary = 0;
  std::size_t context = 0;  // tokens
  double norm_eps = 0;
  rope_settings rope;
  bool attention_bias = false;
  bool mlp_bias = false;
  std::optional<bool> tie_word_embeddings;  // none: the file does not say
  std::vector<std::string> warnings;        // sentences about keys that are not known

  /// Whether the unembedding is the embedding. Where config.json does not say, it is if the weights have no
  /// unembedding.
  [[nodiscard]] bool tied(bool weights_have_unembedding) const {
    return tie_word_embeddings.value_or(!weights_have_unembedding);
  }
};

namespace detail {

inline void read_sizes(config_reader& config, llama_config& out) {
  constexpr std::size_t most_layers = 4096;
  constexpr std::size_t most_heads = 4096;
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
  if (out.head_width % 2 != 0)
    raise<data_error>(config.place("head_dim"), ", expected an even number for the rotary embedding, found ",
                      out.head_width);
}

}  // namespace detail

/// Reads the text of a config.json; `file` stands for it in messages.
/// Throws:   strata::data_error at anything but a Llama model whose every known setting the decoder computes.
[[nodiscard]] inline llama_config parse_llama_config(std::string_view text, const std::string& file = "config.json") {
  const nlohmann::json json = detail::parse_json(text, file);
  detail::config_reader config(json, file);
  detail::read_architecture(config, file);
  detail::refuse_unsupported_settings(config);
  llama_config out;
  detail::read_sizes(config, out);
  out.norm_eps = config.real("rms_norm_eps", 1e-30, 1);
  out.rope = detail::read_rope(config, file, out.warnings);
  out.attention_bias = config.optional_flag("attention_bias").value_or(false);
  out.mlp_bias = config.optional_flag("mlp_bias").value_or(false);
  out.tie_word_embeddings = config.optional_flag("tie_word_embeddings");
  detail::ignore_harmless_settings(config);
  config.warn_of_unknown_keys(out.warnings);
  return out;
}

[[nodiscard]] inline llama_config load_llama_config(const std::filesystem::path& path) {
  const mapped_file file(path);
  return parse_llama_config({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, path.string());
}

}  // namespace strata
