/// A layer's attention weights once more: what a long prompt's weights are read from instead of being stored.
#pragma once

#include <concepts>
#include <cstddef>

#include "strata/core/matrix_view.hpp"

namespace strata {

/// Gives the weights of one layer of one prompt that attend got, again, bit for bit; from queries and keys, say. It owns
/// what it reads.
template <class T>
class attention_source {
 public:
  attention_source() = default;
  attention_source(const attention_source&) = delete;
  attention_source& operator=(const attention_source&) = delete;
  virtual ~attention_source() = default;

  /// The weights of a head's rows row0, row0 + 1, … that attend got, later sources 0; several threads may ask at once.
  /// Shape:    weights: (rows, sources), sources ≥ row0 + rows, components side by side.
  virtual void weights(std::size_t head, std::size_t row0, matrix_view<T> weights) const = 0;
};

/// Whether hooks ask for attention_parts::source; those that do not say so do not.
template <class Hooks>
[[nodiscard]] bool wants_attention_source(const Hooks& hooks) {
  if constexpr (requires {
                  { hooks.wants_attention_source() } -> std::convertible_to<bool>;
                })
    return hooks.wants_attention_source();
  else
    return false;
}

}  // namespace strata
