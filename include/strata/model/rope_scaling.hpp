/// How the angles of the rotary position embedding are stretched beyond the context of the training, as config.json
/// says it. With base angles θᵢ = theta^(−2i/head_width) and wavelengths λᵢ = 2π/θᵢ:
///   none    θᵢ
///   linear  θᵢ / factor
///   llama3  θᵢ / factor where λᵢ > original_context / low_frequency_factor, θᵢ where λᵢ < original_context /
///           high_frequency_factor, and between them the mixture (1 − s)·θᵢ/factor + s·θᵢ with
///           s = (original_context/λᵢ − low_frequency_factor) / (high_frequency_factor − low_frequency_factor)
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/model/config_reader.hpp"

namespace strata {

enum class rope_kind { none, linear, llama3 };

struct rope_scaling {
  rope_kind kind = rope_kind::none;
  double factor = 1;                 // linear, llama3
  double low_frequency_factor = 1;   // llama3
  double high_frequency_factor = 4;  // llama3
  std::size_t original_context = 0;  // llama3
};

/// The base of the angles and their scaling.
struct rope_settings {
  double theta = 10000;
  rope_scaling scaling;
};

namespace detail {

inline constexpr double largest_rope_theta = 1e15;

/// Reads one of the objects "rope_scaling", "rope_parameters"; `theta` is filled in where the object contains it.
[[nodiscard]] inline rope_scaling read_rope_scaling(config_reader& object, std::optional<double>& theta) {
  theta = object.optional_real("rope_theta", 1, largest_rope_theta);
  const neutral_setting one_rule_for_all[] = {
      {"partial_rotary_factor", 1}, {"full_attention", nullptr}, {"sliding_attention", nullptr}};
  object.require_neutral(one_rule_for_all);

  const std::optional<std::string> older = object.optional_text("type");
  const std::optional<std::string> newer = object.optional_text("rope_type");
  if (older && newer && *older != *newer)
    raise<data_error>(object.place("type"), ", expected the same as \"rope_type\", ", in_quotes(*newer), ", found ",
                      in_quotes(*older));
  const std::string kind = newer.value_or(older.value_or("default"));

  constexpr double largest_factor = 1e6;
  rope_scaling scaling;
  if (kind == "linear") {
    scaling.kind = rope_kind::linear;
    scaling.factor = object.real("factor", 1, largest_factor);
  } else if (kind == "llama3") {
    scaling.kind = rope_kind::llama3;
    scaling.factor = object.real("factor", 1, largest_factor);
    scaling.low_frequency_factor = object.real("low_freq_factor", 1e-6, largest_factor);
    scaling.high_frequency_factor = object.real("high_freq_factor", 1e-6, largest_factor);
    scaling.original_context = object.count("original_max_position_embeddings");
    if (!(scaling.low_frequency_factor < scaling.high_frequency_factor))
      raise<data_error>(object.place("high_freq_factor"), ", expected more than low_freq_factor, ",
                        scaling.low_frequency_factor, ", found ", scaling.high_frequency_factor);
  } else if (kind != "default") {
    raise<data_error>(object.place(newer ? "rope_type" : "type"), ", expected default, linear or llama3, found ",
                      in_quotes(kind));
  }
  return scaling;
}

/// Reads "rope_theta" with "rope_scaling", or the later spelling "rope_parameters" that holds both.
[[nodiscard]] inline rope_settings read_rope(config_reader& config, const std::string& file,
                                             std::vector<std::string>& warnings) {
  const std::optional<double> outer_theta = config.optional_real("rope_theta", 1, largest_rope_theta);
  const nlohmann::json* const scaling = config.find("rope_scaling");
  const nlohmann::json* const parameters = config.find("rope_parameters");
  if (scaling != nullptr && parameters != nullptr && *scaling != *parameters)
    raise<data_error>(config.place("rope_scaling"), ", expected the same as \"rope_parameters\", ", shown(*parameters),
                      ", found ", shown(*scaling));

  rope_settings settings;
  std::optional<double> inner_theta;
  if (scaling != nullptr || parameters != nullptr) {
    const nlohmann::json& object = parameters != nullptr ? *parameters : *scaling;
    config_reader reader(object, file, parameters != nullptr ? "rope_parameters" : "rope_scaling");
    settings.scaling = read_rope_scaling(reader, inner_theta);
    reader.warn_of_unknown_keys(warnings);
  }
  if (outer_theta && inner_theta && *outer_theta != *inner_theta)
    raise<data_error>(config.place("rope_theta"), ", expected the same as within the rope settings, ", *inner_theta,
                      ", found ", *outer_theta);
  settings.theta = inner_theta.value_or(outer_theta.value_or(settings.theta));
  return settings;
}

}  // namespace detail

}  // namespace strata
