/// What the position of a token does to its queries and keys: norms of the heads, rotation, scale.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>

#include "strata/forward/norm.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_parts.hpp"
#include "strata/model/layer_weights.hpp"
#include "strata/model/rope.hpp"
#include "strata/model/rope_settings.hpp"

namespace strata::detail {

/// Whether a token is placed in the same way in prompts of two lengths: some rope scalings follow the length.
[[nodiscard]] inline bool placed_alike(const decoder_config& config, std::size_t tokens, std::size_t more_tokens) {
  for (const std::optional<rope_settings>* rope : {&config.rope, &config.sliding_rope})
    if (*rope &&
        rope_angles(**rope, config.rotary_width, tokens) != rope_angles(**rope, config.rotary_width, more_tokens))
      return false;
  return true;
}

/// Of one prompt from token `first` on, for all layers. The configuration must outlive it.
template <class T>
class token_positions {
 public:
  token_positions(const decoder_config& config, std::size_t tokens, std::size_t first = 0) : config_(&config) {
    if (config.rope) rope_.emplace(*config.rope, config.rotary_width, config.head_width, tokens, first);
    if (config.sliding_rope)
      sliding_.emplace(*config.sliding_rope, config.rotary_width, config.head_width, tokens, first);
  }

  /// Shape:    queries: (heads · head_width) of one token.
  void place_queries(std::size_t layer, const layer_weights<T>& w, std::span<T> queries, std::size_t position) const {
    place(layer, w.query_norm, queries, position);
    const T scale = static_cast<T>(config_->attention_scale);
    for (T& value : queries) value *= scale;
  }

  /// Shape:    keys: (kv_heads · head_width) of one token.
  void place_keys(std::size_t layer, const layer_weights<T>& w, std::span<T> keys, std::size_t position) const {
    place(layer, w.key_norm, keys, position);
  }

  // The reverse: gradients at what was placed become those at what was given to be placed, which a norm of queries and
  // keys needs (`before`; empty without one).

  void queries_back(std::size_t layer, const layer_weights<T>& w, std::span<const T> before, std::span<T> gradient,
                    std::size_t position) const {
    const T scale = static_cast<T>(config_->attention_scale);
    for (T& value : gradient) value *= scale;
    place_back(layer, w.query_norm, before, gradient, position);
  }

  void keys_back(std::size_t layer, const layer_weights<T>& w, std::span<const T> before, std::span<T> gradient,
                 std::size_t position) const {
    place_back(layer, w.key_norm, before, gradient, position);
  }

 private:
  [[nodiscard]] const std::optional<rope_table<T>>& table_of(std::size_t layer) const {
    return config_->windows[layer] != 0 && sliding_.has_value() ? sliding_ : rope_;
  }

  void place(std::size_t layer, const norm_weights<T>& weights, std::span<T> heads, std::size_t position) const {
    if (!weights.gain.empty()) {
      const norm<T> n = norm_of(weights, *config_);
      for (std::size_t first = 0; first < heads.size(); first += weights.gain.size())
        n.apply(heads.subspan(first, weights.gain.size()));
    }
    if (const std::optional<rope_table<T>>& table = table_of(layer)) table->turn(heads, position);
  }

  void place_back(std::size_t layer, const norm_weights<T>& weights, std::span<const T> before, std::span<T> heads,
                  std::size_t position) const {
    if (const std::optional<rope_table<T>>& table = table_of(layer)) table->turn_back(heads, position);
    if (weights.gain.empty()) return;
    const norm<T> n = norm_of(weights, *config_);
    for (std::size_t first = 0; first < heads.size(); first += weights.gain.size())
      n.back(before.subspan(first, weights.gain.size()), heads.subspan(first, weights.gain.size()));
  }

  const decoder_config* config_;
  std::optional<rope_table<T>> rope_, sliding_;
};

}  // namespace strata::detail
