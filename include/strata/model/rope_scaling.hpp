/// The rotary embedding's settings as config.json spells them: "rope_theta" with "rope_scaling", or the later
/// "rope_parameters" that holds both.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/model/config_reader.hpp"
#include "strata/model/rope_settings.hpp"

namespace strata::detail {

inline constexpr double largest_rope_theta = 1e15;
inline constexpr double largest_rope_factor = 1e6;

/// What the settings of a rotary embedding refer to.
struct rope_frame {
  std::size_t rotary_width = 0;
  std::size_t context = 0;                        // "max_position_embeddings"
  std::optional<std::size_t> original_context{};  // "original_max_position_embeddings" beside it
  std::size_t head_width = 0;                     // 0: a share of it that is given again is not looked at
  double theta = 10000;                           // where the file does not say it
};

[[nodiscard]] inline std::string rope_type(config_reader& object) {
  const std::optional<std::string> older = object.optional_text("type");
  const std::optional<std::string> newer = object.optional_text("rope_type");
  if (older && newer && *older != *newer)
    raise<data_error>(object.place("type"), ", expected the same as \"rope_type\", ", in_quotes(*newer), ", found ",
                      in_quotes(*older));
  return newer.value_or(older.value_or("default"));
}

inline void read_llama3(config_reader& object, rope_scaling& scaling) {
  scaling.kind = rope_kind::llama3;
  scaling.factor = object.real("factor", 1, largest_rope_factor);
  scaling.low_frequency_factor = object.real("low_freq_factor", 1e-6, largest_rope_factor);
  scaling.high_frequency_factor = object.real("high_freq_factor", 1e-6, largest_rope_factor);
  scaling.original_context = object.count("original_max_position_embeddings");
  if (!(scaling.low_frequency_factor < scaling.high_frequency_factor))
    raise<data_error>(object.place("high_freq_factor"), ", expected more than low_freq_factor, ",
                      scaling.low_frequency_factor, ", found ", scaling.high_frequency_factor);
}

inline void read_yarn(config_reader& object, const rope_frame& frame, rope_scaling& scaling) {
  scaling.kind = rope_kind::yarn;
  scaling.factor = object.real("factor", 1, largest_rope_factor);
  scaling.original_context = object.optional_count("original_max_position_embeddings").value_or(frame.context);
  scaling.fast_turns = object.optional_real("beta_fast", 1e-6, largest_rope_factor).value_or(32);
  scaling.slow_turns = object.optional_real("beta_slow", 1e-6, largest_rope_factor).value_or(1);
  scaling.whole_components = object.optional_flag("truncate").value_or(true);
  const auto share = [&](double weight) { return 0.1 * weight * std::log(scaling.factor) + 1; };
  const double weight = object.optional_real("mscale", 0, largest_rope_factor).value_or(0);
  const double weight_of_all = object.optional_real("mscale_all_dim", 0, largest_rope_factor).value_or(0);
  scaling.attention_factor = weight != 0 && weight_of_all != 0 ? share(weight) / share(weight_of_all) : share(1);
  if (const auto given = object.optional_real("attention_factor", 1e-6, largest_rope_factor))
    scaling.attention_factor = *given;
}

inline void read_longrope(config_reader& object, const rope_frame& frame, rope_scaling& scaling) {
  scaling.kind = rope_kind::factors;
  const std::size_t angles = frame.rotary_width / 2;
  scaling.short_factors = object.reals("short_factor", angles, 1e-6, largest_rope_factor);
  scaling.long_factors = object.reals("long_factor", angles, 1e-6, largest_rope_factor);
  const std::optional<double> given_factor = object.optional_real("factor", 1e-6, largest_rope_factor);
  const std::optional<std::size_t> inner = object.optional_count("original_max_position_embeddings");
  const std::optional<std::size_t> original = frame.original_context ? frame.original_context : inner;
  scaling.original_context = original.value_or(frame.context);
  const double stretch = static_cast<double>(frame.context) / static_cast<double>(scaling.original_context);
  const double factor = original ? stretch : given_factor.value_or(1);
  if (factor > 1)
    scaling.attention_factor =
        std::sqrt(1 + std::log(factor) / std::log(static_cast<double>(scaling.original_context)));
  if (const auto given = object.optional_real("attention_factor", 1e-6, largest_rope_factor))
    scaling.attention_factor = *given;
}

/// Reads one of the objects "rope_scaling", "rope_parameters".
[[nodiscard]] inline rope_scaling read_rope_scaling(config_reader& object, const rope_frame& frame) {
  const std::string kind = rope_type(object);
  rope_scaling scaling;
  object.ignore({"original_max_position_embeddings"});  // where it matters it is read
  if (kind == "linear") {
    scaling.kind = rope_kind::linear;
    scaling.factor = object.real("factor", 1, largest_rope_factor);
  } else if (kind == "dynamic") {
    if (frame.rotary_width <= 2)
      raise<data_error>(object.place("rope_type"), ": \"dynamic\" needs more than two components that turn");
    scaling.kind = rope_kind::dynamic;
    scaling.factor = object.real("factor", 1, largest_rope_factor);
    scaling.original_context = frame.context;
  } else if (kind == "llama3") {
    read_llama3(object, scaling);
  } else if (kind == "yarn") {
    read_yarn(object, frame, scaling);
  } else if (kind == "longrope" || kind == "su") {  // its first name
    read_longrope(object, frame, scaling);
  } else if (kind != "default") {
    raise<data_error>(object.place(object.find("rope_type") != nullptr ? "rope_type" : "type"),
                      ", expected default, linear, dynamic, llama3, yarn or longrope, found ", in_quotes(kind));
  }
  return scaling;
}

/// The longest prompt: stretched positions reach beyond the context that config.json gives where that is the one of the
/// training.
[[nodiscard]] inline std::size_t stretched_context(const rope_settings& rope, std::size_t context) {
  const rope_scaling& scaling = rope.scaling;
  if (scaling.kind != rope_kind::dynamic && scaling.kind != rope_kind::yarn) return context;
  const double longest = scaling.factor * static_cast<double>(scaling.original_context);
  return std::max(context, static_cast<std::size_t>(std::min(longest, 1e12)));
}

/// Throws:   strata::data_error if the object says again which share of a head turns, and says it differently.
inline void require_same_share(config_reader& object, const rope_frame& frame) {
  const std::optional<double> share = object.optional_real("partial_rotary_factor", 0, 1);
  if (!share || frame.head_width == 0) return;
  if (static_cast<std::size_t>(*share * static_cast<double>(frame.head_width) + 1e-6) != frame.rotary_width)
    raise<data_error>(object.place("partial_rotary_factor"), ", expected the share of ", frame.rotary_width, " of ",
                      frame.head_width, " components, found ", *share);
}

/// The base and the scaling of the angles. `rope_parameters` of transformers 5 may hold one object for each kind of layer;
/// `layers` then names it: "full_attention".
[[nodiscard]] inline rope_settings read_rope(config_reader& config, const rope_frame& frame,
                                             std::vector<std::string>& warnings, const char* layers = nullptr) {
  const std::optional<double> outer_theta = config.optional_real("rope_theta", 1, largest_rope_theta);
  const nlohmann::json* const scaling = config.find("rope_scaling");
  const nlohmann::json* const parameters = config.find("rope_parameters");
  if (scaling != nullptr && parameters != nullptr && *scaling != *parameters)
    raise<data_error>(config.place("rope_scaling"), ", expected the same as \"rope_parameters\", ", shown(*parameters),
                      ", found ", shown(*scaling));

  rope_settings settings;
  std::optional<double> inner_theta;
  std::optional<config_reader> object =
      config.optional_object(parameters != nullptr ? "rope_parameters" : "rope_scaling");
  if (object && layers != nullptr && object->find(layers) != nullptr) {
    object->ignore({"full_attention", "sliding_attention"});
    if (std::string_view(layers) == "full_attention") object->warn_of_unknown_keys(warnings);  // once
    object = object->optional_object(layers);
  }
  if (object) {
    inner_theta = object->optional_real("rope_theta", 1, largest_rope_theta);
    settings.scaling = read_rope_scaling(*object, frame);
    object->require_neutral({{"full_attention", nullptr}, {"sliding_attention", nullptr}});
    require_same_share(*object, frame);
    object->warn_of_unknown_keys(warnings);
  }
  if (outer_theta && inner_theta && *outer_theta != *inner_theta)
    raise<data_error>(config.place("rope_theta"), ", expected the same as within the rope settings, ", *inner_theta,
                      ", found ", *outer_theta);
  settings.theta = inner_theta.value_or(outer_theta.value_or(frame.theta));
  return settings;
}

/// How many components of a head turn: the share "partial_rotary_factor" of them, 1 if nothing is said.
/// Throws:   strata::data_error if they are not an even number from 2 to head_width.
[[nodiscard]] inline std::size_t read_rotary_width(config_reader& config, std::size_t head_width,
                                                   std::optional<double> family_share = std::nullopt) {
  std::optional<double> share = config.optional_real("partial_rotary_factor", 0, 1);
  if (auto object = config.optional_object("rope_parameters"); object && !share)
    share = object->optional_real("partial_rotary_factor", 0, 1);
  if (family_share) share = family_share;
  const double whole = share.value_or(1) * static_cast<double>(head_width);
  const auto width = static_cast<std::size_t>(whole + 1e-6);  // 0.7 · 10 is 7
  if (width < 2 || width % 2 != 0)
    raise<data_error>(config.place(share ? "partial_rotary_factor" : "head_dim"),
                      ", expected an even number of rotary components, found ", width, " of ", head_width);
  return width;
}

}  // namespace strata::detail
