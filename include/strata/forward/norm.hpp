/// The norms of transformers, and their linear part at the statistics of a given vector.
///
///   norm(x)_j = gain_j · (x_j − [layer] mean x) / √(mean square of the same + eps) + bias_j
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "strata/core/contract.hpp"

namespace strata {

/// rms: RMSNorm, without mean. layer: LayerNorm.
enum class norm_kind : std::uint8_t { rms, layer };

namespace detail {

/// Σ f(x_j) in double, eight partial sums side by side so that a compiler may use vectors; always added in the same
/// order.
template <class T, class F>
[[nodiscard]] double sum_over(std::span<const T> x, F f) {
  constexpr std::size_t lanes = 8;
  std::array<double, lanes> sums{};
  const std::size_t whole = x.size() - x.size() % lanes;
  for (std::size_t j = 0; j < whole; j += lanes)
    for (std::size_t k = 0; k < lanes; ++k) sums[k] += f(static_cast<double>(x[j + k]));
  for (const T value : x.subspan(whole)) sums[0] += f(static_cast<double>(value));
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

}  // namespace detail

/// A norm and its weights, which it does not own.
template <class T>
struct norm {
  norm_kind kind = norm_kind::rms;
  std::span<const T> gain;  // (width): the factor as applied (Gemma: 1 + weight)
  std::span<const T> bias;  // (width), or empty
  double eps = 0;

  /// What is subtracted from every component: the mean for LayerNorm, 0 for RMSNorm.
  [[nodiscard]] T mean(std::span<const T> x) const {
    if (kind == norm_kind::rms) return T{0};
    return static_cast<T>(detail::sum_over(x, [](double v) { return v; }) / static_cast<double>(x.size()));
  }

  /// 1/rms of x, for LayerNorm 1/σ (biased variance); eps inside the root.
  [[nodiscard]] T inverse(std::span<const T> x) const {
    const auto centre = static_cast<double>(mean(x));
    const double squares = detail::sum_over(x, [centre](double v) { return (v - centre) * (v - centre); });
    return static_cast<T>(1 / std::sqrt(squares / static_cast<double>(x.size()) + eps));
  }

  /// The linear part at a given 1/rms: c ← gain · (c − [layer] mean c) · inverse. No bias.
  void apply_linear(std::span<T> c, T inverse_at) const {
    STRATA_ASSERT(c.size() == gain.size(), "norm: the gain has another width than the vector");
    const T centre = mean(c);
    for (std::size_t j = 0; j < c.size(); ++j) c[j] = gain[j] * ((c[j] - centre) * inverse_at);
  }

  /// x ← norm(x).
  void apply(std::span<T> x) const {
    apply_linear(x, inverse(x));
    STRATA_ASSERT(bias.empty() || bias.size() == x.size(), "norm: the bias has another width than the vector");
    for (std::size_t j = 0; j < bias.size(); ++j) x[j] += bias[j];
  }

  /// The reverse: g ← (∂norm(x)/∂x)ᵀ · g, the statistics' part included. g: at norm(x) → at x. Huge where x is nearly 0.
  void back(std::span<const T> x, std::span<T> g) const {
    STRATA_ASSERT(g.size() == gain.size() && x.size() == g.size(), "norm: the gain has another width than the vectors");
    const auto centre = static_cast<double>(mean(x));
    const auto scale = static_cast<double>(inverse(x));
    double along = 0, sum = 0;
    for (std::size_t j = 0; j < g.size(); ++j) {
      const double u = static_cast<double>(gain[j]) * static_cast<double>(g[j]);
      along += u * (static_cast<double>(x[j]) - centre) * scale;
      sum += u;
    }
    const auto width = static_cast<double>(g.size());
    const double shift = kind == norm_kind::layer ? sum / width : 0;
    for (std::size_t j = 0; j < g.size(); ++j) {
      const double u = static_cast<double>(gain[j]) * static_cast<double>(g[j]);
      const double hat = (static_cast<double>(x[j]) - centre) * scale;
      g[j] = static_cast<T>((u - hat * (along / width) - shift) * scale);
    }
  }
};

}  // namespace strata
