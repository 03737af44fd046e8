/// Rotary position embedding in its half-split form: of the first d components of a head, d the rotary width, component
/// i turns together with component i + d/2 by the angle position · θᵢ.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix.hpp"
#include "strata/model/rope_settings.hpp"

namespace strata {

/// cos and sin of all angles at the positions of a prompt from `first` on, times the attention factor.
template <class T>
class rope_table {
 public:
  /// Requires: rotary_width even, at most head_width; first ≤ tokens.
  rope_table(const rope_settings& rope, std::size_t rotary_width, std::size_t head_width, std::size_t tokens,
             std::size_t first = 0)
      : head_width_(head_width),
        first_(first),
        cos_(tokens - first, rotary_width / 2),
        sin_(tokens - first, rotary_width / 2) {
    STRATA_ASSERT(rotary_width % 2 == 0 && rotary_width <= head_width, "rope_table: no such rotary width");
    const std::vector<double> angles = rope_angles(rope, rotary_width, tokens);
    const double factor = rope.scaling.attention_factor;
    for (std::size_t r = 0; r < cos_.rows(); ++r)
      for (std::size_t i = 0; i < angles.size(); ++i) {
        const double angle = static_cast<double>(first + r) * angles[i];
        cos_(r, i) = static_cast<T>(factor * std::cos(angle));
        sin_(r, i) = static_cast<T>(factor * std::sin(angle));
      }
  }

  /// Turns every head in a row of queries or keys: (heads · head_width).
  void turn(std::span<T> row, std::size_t position) const { turn(row, position, T{1}); }

  /// The reverse: a gradient at what turn() gives becomes the one at what it was given.
  void turn_back(std::span<T> row, std::size_t position) const { turn(row, position, T{-1}); }

 private:
  void turn(std::span<T> row, std::size_t position, T sign) const {
    STRATA_ASSERT(head_width_ > 0 && row.size() % head_width_ == 0, "rope: the row does not hold whole heads");
    const std::size_t half = cos_.cols();
    const std::span<const T> c = cos_.row(position - first_);
    const std::span<const T> s = sin_.row(position - first_);
    for (std::size_t head = 0; head < row.size(); head += head_width_)
      for (std::size_t i = 0; i < half; ++i) {
        const T a = row[head + i];
        const T b = row[head + half + i];
        row[head + i] = a * c[i] - b * (sign * s[i]);
        row[head + half + i] = b * c[i] + a * (sign * s[i]);
      }
  }

  std::size_t head_width_, first_;
  matrix<T> cos_, sin_;  // (tokens - first, rotary_width / 2)
};

}  // namespace strata
