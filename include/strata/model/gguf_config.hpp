/// The settings of a model from the metadata of a GGUF file. They are written down under the names that config.json gives
/// them, and then read like one; messages call them as the GGUF file does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/gguf.hpp"
#include "strata/model/architecture.hpp"
#include "strata/model/architectures.hpp"
#include "strata/model/config_json.hpp"
#include "strata/model/config_reader.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/tensor_view.hpp"
#include "strata/model/weight_files.hpp"

namespace strata::detail {

/// Metadata that architectures share; an empty name of config.json: it changes nothing.
/// Source:   the GGUF specification, "Standardized key-value pairs", and the constants of the Python package gguf.
inline constexpr gguf_key common_gguf_keys[] = {
    {"block_count", "num_hidden_layers"},
    {"context_length", "max_position_embeddings"},
    {"embedding_length", "hidden_size"},
    {"feed_forward_length", "intermediate_size"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads"},
    {"attention.key_length", "head_dim"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
    {"attention.sliding_window", "sliding_window"},
    {"attn_logit_softcapping", "attn_logit_softcapping"},
    {"final_logit_softcapping", "final_logit_softcapping"},
    {"expert_count", "num_experts"},
    {"expert_used_count", "num_experts_per_tok"},
    {"attention.causal", "attention_causal"},
    {"attention.clamp_kqv", "clip_qkv"},
    {"attention.max_alibi_bias", "max_alibi_bias"},
    {"attention.scale", "attention_multiplier"},
    {"embedding_scale", "embedding_multiplier"},
    {"residual_scale", "residual_multiplier"},
    {"logit_scale", "logit_scale"},
    {"tensor_data_layout", ""},
    {"vocab_size", "vocab_size"},
    {"rope.freq_base", "rope_theta"},
    {"rope.scaling.type", "rope_scaling.rope_type"},
    {"rope.scaling.factor", "rope_scaling.factor"},
    {"rope.scaling.original_context_length", "rope_scaling.original_max_position_embeddings"},
    {"rope.scaling.attn_factor", "rope_scaling.attention_factor"},
    {"rope.scaling.yarn_beta_fast", "rope_scaling.beta_fast"},
    {"rope.scaling.yarn_beta_slow", "rope_scaling.beta_slow"},
    {"rope.scaling.yarn_ext_factor", "yarn_ext_factor"},
    {"rope.scaling.yarn_attn_factor", "yarn_attn_factor"},
    {"rope.scaling.yarn_log_multiplier", "yarn_log_multiplier"},
    {"rope.scaling.finetuned", ""},
    {"rope.scale_linear", "rope_scaling.factor"},  // its first name
    {"rope.dimension_sections", "rope_dimension_sections"},
};

/// Whether 0 says the same as a key that is not there.
[[nodiscard]] constexpr bool zero_means_none(std::string_view config_key) {
  for (const std::string_view key :
       {"num_experts", "num_experts_per_tok", "sliding_window", "clip_qkv", "max_alibi_bias", "attention_multiplier",
        "embedding_multiplier", "residual_multiplier", "logit_scale", "yarn_log_multiplier", "attn_logit_softcapping",
        "final_logit_softcapping", "rope_scaling.factor"})
    if (key == config_key) return true;
  return false;
}

/// One value for all layers, or a list with one for each.
[[nodiscard]] inline std::optional<nlohmann::json> as_json(const gguf_value& value) {
  if (const auto flag = value.as_flag()) return nlohmann::json(*flag);
  if (const auto integer = value.as_integer()) {
    if (*integer >= 0) return nlohmann::json(static_cast<std::uint64_t>(*integer));
    return nlohmann::json(*integer);
  }
  if (const auto real = value.as_real()) return nlohmann::json(*real);
  if (const auto text = value.as_text()) return nlohmann::json(*text);
  if (const auto integers = value.as_integers()) return nlohmann::json(*integers);
  if (const auto flags = value.as_flags()) return nlohmann::json(*flags);
  return std::nullopt;
}

/// Throws:   strata::data_error unless "general.architecture" names a supported family.
[[nodiscard]] inline const architecture& read_gguf_architecture(const gguf_file& file) {
  const gguf_value* const value = file.find("general.architecture");
  const auto name = value == nullptr ? std::optional<std::string_view>() : value->as_text();
  if (!name) raise<data_error>(file.file(), ": \"general.architecture\", expected a text, found none");
  for (const architecture* family : architectures)
    if (!family->gguf_name.empty() && *name == family->gguf_name) return *family;
  raise<data_error>(file.file(), ": \"general.architecture\", expected one of ",
                    supported_list(&architecture::gguf_name), ", found ", in_quotes(*name));
}

class gguf_settings {
 public:
  explicit gguf_settings(const architecture& family, const weight_files& files)
      : family_(&family), files_(&files), prefix_(std::string(family.gguf_name) + ".") {
    for (const std::span<const gguf_key> table : tables())
      for (const gguf_key& entry : table) names_.emplace(entry.config, prefix_ + std::string(entry.gguf));
    names_.emplace("partial_rotary_factor", prefix_ + "rope.dimension_count");
    names_.emplace("layer_types", prefix_ + "attention.sliding_window_pattern");
    for (const auto& [key, value] : files.gguf()->metadata())
      if (key.starts_with(prefix_)) add(key, value);
    check_lengths();
    add_rope();
    if (!config_.contains("vocab_size")) add_vocabulary();
    config_["tie_word_embeddings"] = !files.contains(std::string(family.gguf.unembedding) + ".weight");
    if (family.complete != nullptr) family.complete(files, config_);
  }

  [[nodiscard]] decoder_config read() const {
    config_reader reader(config_, files_->file(), "", &names_);
    decoder_config out = read_config(*family_, reader);
    out.warnings.insert(out.warnings.begin(), warnings_.begin(), warnings_.end());
    return out;
  }

 private:
  [[nodiscard]] const gguf_value* find(std::string_view key) const {
    return files_->gguf()->find(prefix_ + std::string(key));
  }

  [[nodiscard]] std::array<std::span<const gguf_key>, 2> tables() const {
    return {family_->gguf_keys, std::span<const gguf_key>(common_gguf_keys)};
  }

  [[nodiscard]] std::optional<std::string_view> name_of(std::string_view key) const {
    for (const std::span<const gguf_key> table : tables())
      for (const gguf_key& entry : table)
        if (entry.gguf == key) return entry.config;
    return std::nullopt;
  }

  void add(const std::string& key, const gguf_value& value) {
    const std::string_view bare = std::string_view(key).substr(prefix_.size());
    if (bare == "attention.value_length" || bare == "rope.dimension_count") return;  // read below
    const std::optional<std::string_view> name = name_of(bare);
    const std::optional<nlohmann::json> json =
        value.is_array() && value.size() > most_layers ? std::nullopt : as_json(value);
    if (name && !json)
      raise<data_error>(files_->file(), ": ", in_quotes(key),
                        ", expected a number, a flag, a text or a short list, found ", value.shown());
    if (!name || !json) {
      warnings_.push_back(concat(files_->file(), ": unknown key ", in_quotes(key), " with value ",
                                 json ? shown(*json) : value.shown(),
                                 " is ignored; the model may compute something else with it"));
      return;
    }
    if (name->empty() || (*json == 0 && zero_means_none(*name))) return;
    if (name->starts_with("rope_scaling.")) {
      config_["rope_scaling"][std::string(name->substr(13))] = *json;
    } else {
      config_[std::string(*name)] = *json;
    }
  }

  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const {
    const gguf_value* const value = find(key);
    return value == nullptr ? std::nullopt : value->as_integer();
  }

  // width / heads where the file does not say it
  [[nodiscard]] std::optional<std::int64_t> head_width() const {
    if (find("attention.key_length") != nullptr) return integer("attention.key_length");
    const auto heads = integer("attention.head_count");
    const auto width = integer("embedding_length");
    if (!heads || !width || *heads < 1) return std::nullopt;
    return *width / *heads;
  }

  void check_lengths() const {
    const gguf_value* const values = find("attention.value_length");
    const auto keys = head_width();
    if (values != nullptr && keys && values->as_integer() != keys)
      raise<data_error>(files_->file(), ": \"", prefix_, "attention.value_length\", expected the width of the keys, ",
                        *keys, ", found ", values->shown());
  }

  // The factor means something else there: it is applied beside the one that yarn itself has.
  void check_yarn() const {
    const gguf_value* const factor = find("rope.scaling.attn_factor");
    if (factor == nullptr || factor->as_real() == 1.0) return;
    if (const gguf_value* const type = find("rope.scaling.type"); type != nullptr && type->as_text() == "yarn")
      raise<data_error>(files_->file(), ": \"", prefix_,
                        "rope.scaling.attn_factor\", expected 1 with the scaling \"yarn\", found ",
                        shown(as_json(*factor).value_or(nullptr)));
  }

  void add_rope() {
    const auto turning = integer("rope.dimension_count");
    const auto all = head_width();
    if (find("rope.dimension_count") != nullptr && !(turning && *turning > 0))
      raise<data_error>(files_->file(), ": \"", prefix_,
                        "rope.dimension_count\", expected a whole number from 1 on, found ",
                        find("rope.dimension_count")->shown());
    if (turning && all && *all > 0 && *turning >= 0) {
      config_["partial_rotary_factor"] = static_cast<double>(*turning) / static_cast<double>(*all);
    }
    check_yarn();
    if (config_.contains("rope_scaling")) {
      nlohmann::json& type = config_["rope_scaling"]["rope_type"];
      if (type.is_null()) type = config_["rope_scaling"].contains("factor") ? "linear" : "default";
      if (type == "none") type = "default";
      if (type == "yarn") config_["rope_scaling"].erase("attention_factor");
    }
    add_rope_factors();
  }

  // What each angle is divided by: Llama 3.1 has one list, Phi-3 one for short prompts and one for long ones.
  void add_rope_factors() {
    const bool one = files_->contains("rope_freqs.weight");
    if (!one && !files_->contains("rope_factors_long.weight")) return;
    nlohmann::json& scaling = config_["rope_scaling"];
    const nlohmann::json& given = scaling["rope_type"];
    if (!given.is_null() && given != "default" && given != "longrope" && given != "su")
      raise<data_error>(files_->file(), ": \"", prefix_,
                        "rope.scaling.type\", expected none or longrope beside a tensor of rope factors, found ",
                        shown(given));
    scaling["rope_type"] = "longrope";
    scaling["short_factor"] = numbers_of(one ? "rope_freqs.weight" : "rope_factors_short.weight");
    scaling["long_factor"] = numbers_of(one ? "rope_freqs.weight" : "rope_factors_long.weight");
    if (one) scaling["attention_factor"] = 1.0;
  }

  [[nodiscard]] nlohmann::json numbers_of(const char* name) const {
    const tensor_view& tensor = files_->tensor(name);
    constexpr std::size_t most = 65536;
    if (tensor.shape.size() != 1 || tensor.elements() > most)
      raise<data_error>(tensor.where, " has shape ", shape_text(tensor.shape), ", expected one factor for each angle");
    std::vector<double> numbers(tensor.elements());
    expand(tensor, std::span<double>(numbers));
    return numbers;
  }

  void add_vocabulary() {
    const tensor_view& embedding = files_->tensor(std::string(family_->gguf.embedding) + ".weight");
    if (embedding.shape.size() == 2) config_["vocab_size"] = embedding.shape[0];
  }

  const architecture* family_;
  const weight_files* files_;
  std::string prefix_;  // "llama."
  nlohmann::json config_ = nlohmann::json::object();
  setting_names names_;
  std::vector<std::string> warnings_;
};

/// Throws:   strata::data_error for metadata that is missing, malformed or asks for something that the decoder does not
///           compute.
[[nodiscard]] inline decoder_config read_gguf_config(const architecture& family, const weight_files& files) {
  return gguf_settings(family, files).read();
}

}  // namespace strata::detail
