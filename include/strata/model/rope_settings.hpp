/// The angles of the rotary position embedding: θᵢ = theta^(−2i/d), d the rotary width, and how they are stretched
/// beyond the context of the training.
///
///   none      θᵢ
///   linear    θᵢ / factor
///   dynamic   θᵢ of a larger base where the prompt of T tokens is longer than the context of the training, C:
///             theta · (factor·T/C − (factor − 1))^(d/(d − 2))
///   llama3    with turns = C·θᵢ/2π: θᵢ/factor below low_frequency_factor, θᵢ above high_frequency_factor, a linear
///             mixture between them
///   yarn      a mixture of θᵢ/factor and θᵢ, linear in i between the components that turn slow_turns and fast_turns
///             times within C
///   factors   θᵢ / short_factors[i] for prompts of up to C tokens, θᵢ / long_factors[i] for longer ones ("longrope";
///             Llama 3.1 in a GGUF file)
///
/// attention_factor multiplies cosines and sines, and so queries and keys.
/// Source:   Peng et al., YaRN (arXiv 2309.00071); Ding et al., LongRoPE (arXiv 2402.13753); the Llama 3.1 model card;
///           the reference implementations in transformers 4.57, modeling_rope_utils.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#include "strata/core/contract.hpp"

namespace strata {

enum class rope_kind : std::uint8_t { none, linear, dynamic, llama3, yarn, factors };

struct rope_scaling {
  rope_kind kind = rope_kind::none;
  double factor = 1;                                    // linear, dynamic, llama3, yarn
  std::size_t original_context = 0;                     // C: dynamic, llama3, yarn, factors
  double low_frequency_factor = 1;                      // llama3
  double high_frequency_factor = 4;                     // llama3
  double slow_turns = 1;                                // yarn
  double fast_turns = 32;                               // yarn
  bool whole_components = true;                         // yarn: the ends of the mixture are rounded outwards
  std::vector<double> short_factors{}, long_factors{};  // factors: (d/2)
  double attention_factor = 1;                          // yarn, factors
};

struct rope_settings {
  double theta = 10000;
  rope_scaling scaling;
};

namespace detail {

/// The component, a real number, that turns `turns` times within the context of the training.
[[nodiscard]] inline double yarn_component(double turns, const rope_settings& rope, double width) {
  const auto context = static_cast<double>(rope.scaling.original_context);
  return width * std::log(context / (turns * 2 * std::numbers::pi)) / (2 * std::log(rope.theta));
}

/// Share of each angle that stays as it is; the rest is divided by the factor.
[[nodiscard]] inline std::vector<double> yarn_kept(const rope_settings& rope, std::size_t rotary_width) {
  const auto width = static_cast<double>(rotary_width);
  double first = yarn_component(rope.scaling.fast_turns, rope, width);
  double last = yarn_component(rope.scaling.slow_turns, rope, width);
  if (rope.scaling.whole_components) first = std::floor(first), last = std::ceil(last);
  first = std::max(first, 0.0);
  last = std::min(last, width - 1);
  if (first == last) last += 0.001;  // as the reference implementation does
  std::vector<double> kept(rotary_width / 2);
  for (std::size_t i = 0; i < kept.size(); ++i)
    kept[i] = 1 - std::clamp((static_cast<double>(i) - first) / (last - first), 0.0, 1.0);
  return kept;
}

[[nodiscard]] inline double llama3_kept(const rope_scaling& scaling, double angle) {
  const double turns = static_cast<double>(scaling.original_context) * angle / (2 * std::numbers::pi);
  return std::clamp(
      (turns - scaling.low_frequency_factor) / (scaling.high_frequency_factor - scaling.low_frequency_factor), 0.0,
      1.0);
}

}  // namespace detail

/// θ₀ … θ_{rotary_width/2 − 1} in radians a token, for a prompt of `tokens` tokens.
[[nodiscard]] inline std::vector<double> rope_angles(const rope_settings& rope, std::size_t rotary_width,
                                                     std::size_t tokens) {
  const rope_scaling& scaling = rope.scaling;
  const auto width = static_cast<double>(rotary_width);
  const bool longer = tokens > scaling.original_context;
  double theta = rope.theta;
  if (scaling.kind == rope_kind::dynamic && longer) {
    const double stretch =
        scaling.factor * static_cast<double>(tokens) / static_cast<double>(scaling.original_context) -
        (scaling.factor - 1);
    theta *= std::pow(stretch, width / (width - 2));
  }
  const std::vector<double> kept =
      scaling.kind == rope_kind::yarn ? detail::yarn_kept(rope, rotary_width) : std::vector<double>{};
  const std::vector<double>& factors = longer ? scaling.long_factors : scaling.short_factors;
  STRATA_ASSERT(scaling.kind != rope_kind::factors || factors.size() == rotary_width / 2,
                "rope_angles: one factor for each angle");

  std::vector<double> angles(rotary_width / 2);
  for (std::size_t i = 0; i < angles.size(); ++i) {
    const double angle = std::pow(theta, -2 * static_cast<double>(i) / width);
    const auto mixed = [&](double share) { return share * angle + (1 - share) * angle / scaling.factor; };
    switch (scaling.kind) {
      case rope_kind::none:
      case rope_kind::dynamic:
        angles[i] = angle;
        break;
      case rope_kind::linear:
        angles[i] = angle / scaling.factor;
        break;
      case rope_kind::llama3:
        angles[i] = mixed(detail::llama3_kept(scaling, angle));
        break;
      case rope_kind::yarn:
        angles[i] = mixed(kept[i]);
        break;
      case rope_kind::factors:
        angles[i] = angle / factors[i];
        break;
    }
  }
  return angles;
}

}  // namespace strata
