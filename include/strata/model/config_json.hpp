/// The settings of a model, from the config.json that lies beside its weights.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "strata/model/architecture.hpp"
#include "strata/model/architectures.hpp"
#include "strata/model/config_reader.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/known_settings.hpp"

namespace strata {

namespace detail {

/// Reads the settings of a family; what is neither used nor known becomes a warning.
[[nodiscard]] inline decoder_config read_config(const architecture& family, config_reader& config) {
  refuse_unsupported_settings(config);
  decoder_config out;
  out.architecture = family.model_type;
  family.read(config, out);
  if (const auto tied = config.optional_flag("tie_word_embeddings")) out.tie_word_embeddings = tied;
  ignore_harmless_settings(config);
  config.warn_of_unknown_keys(out.warnings);
  return out;
}

}  // namespace detail

/// Reads the text of a config.json; `file` stands for it in messages.
/// Throws:   strata::data_error at anything but a model of a supported family whose every known setting the decoder
///           computes.
[[nodiscard]] inline decoder_config parse_config_json(std::string_view text, const std::string& file = "config.json") {
  const nlohmann::json json = detail::parse_json(text, file);
  detail::config_reader config(json, file);
  return detail::read_config(detail::read_architecture(config), config);
}

}  // namespace strata
