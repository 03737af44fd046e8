/// Rotary position embedding in its half-split form: component i of a head turns together with component i +
/// head_width/2 by the angle position · θᵢ, θᵢ = theta^(−2i/head_width), scaled as model/rope_scaling.hpp says.
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix.hpp"
#include "strata/model/rope_scaling.hpp"

namespace strata {

/// θ₀ … θ_{head_width/2 − 1} in radians a token.
[[nodiscard]] inline std::vector<double> rope_angles(const rope_settings& rope, std::size_t head_width) {
  std::vector<double> angles(head_width / 2);
  const rope_scaling& scaling = rope.scaling;
  for (std::size_t i = 0; i < angles.size(); ++i) {
    const double angle = std::pow(rope.theta, -2 * static_cast<double>(i) / static_cast<double>(head_width));
    double kept = scaling.kind == rope_kind::none ? 1.0 : 0.0;  // share of the angle that is not divided
    if (scaling.kind == rope_kind::llama3) {
      const double turns = static_cast<double>(scaling.original_context) * angle / (2 * std::numbers::pi);
      const double s =
          (turns - scaling.low_frequency_factor) / (scaling.high_frequency_factor - scaling.low_frequency_factor);
      kept = s < 0 ? 0 : s > 1 ? 1 : s;
    }
    angles[i] = kept * angle + (1 - kept) * angle / scaling.factor;
  }
  return angles;
}

/// cos and sin of all angles at the positions of a prompt.
template <class T>
class rope_table {
 public:
  rope_table(std::span<const double> angles, std::size_t positions)
      : cos_(positions, angles.size()), sin_(positions, angles.size()) {
    for (std::size_t p = 0; p < positions; ++p)
      for (std::size_t i = 0; i < angles.size(); ++i) {
        const double angle = static_cast<double>(p) * angles[i];
        cos_(p, i) = static_cast<T>(std::cos(angle));
        sin_(p, i) = static_cast<T>(std::sin(angle));
      }
  }

  /// Turns every head in a row of queries or keys: (heads · head_width).
  void turn(std::span<T> row, std::size_t position) const {
    const std::size_t half = cos_.cols();
    STRATA_ASSERT(half > 0 && row.size() % (2 * half) == 0, "rope: the row does not hold whole heads");
    const std::span<const T> c = cos_.row(position);
    const std::span<const T> s = sin_.row(position);
    for (std::size_t head = 0; head < row.size(); head += 2 * half)
      for (std::size_t i = 0; i < half; ++i) {
        const T a = row[head + i];
        const T b = row[head + half + i];
        row[head + i] = a * c[i] - b * s[i];
        row[head + half + i] = b * c[i] + a * s[i];
      }
  }

 private:
  matrix<T> cos_, sin_;  // (positions, head_width / 2)
};

}  // namespace strata
