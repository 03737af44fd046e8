/// The choice of a next token: the most probable one, or one drawn from the distribution or its nucleus.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/random_numbers.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/nucleus.hpp"
#include "strata/measure/softmax.hpp"

namespace strata {

struct sampling_options {
  double temperature = 0;  // logits are divided by it; 0: always the most probable token
  double top_p = 1;        // only tokens of this nucleus (nucleus.hpp), at the temperature; 1: all
  std::uint64_t seed = 0;
};

/// Chooses one token after the other.
class sampler {
 public:
  /// Throws: strata::option_error if not temperature ≥ 0 and finite, or not 0 < top_p ≤ 1.
  explicit sampler(const sampling_options& options) : options_(options), random_(options.seed) {
    if (!(options.temperature >= 0 && std::isfinite(options.temperature)))
      raise<option_error>("the temperature is ", options.temperature, ", expected a number that is not negative");
    if (!(options.top_p > 0 && options.top_p <= 1))
      raise<option_error>("top-p is ", options.top_p, ", expected 0 < p <= 1");
  }

  /// The next token; of equally probable ones, the most probable is the one with the lowest id.
  /// Shape:    logits: (vocabulary).
  /// Throws:   numeric_error as ranking.
  /// Cost:     one uniform number, unless the temperature is 0; the ranking as far as the token that is drawn, or to the
  ///           end of the nucleus.
  template <class T, class Arch = detail::default_arch>
  [[nodiscard]] std::size_t next(std::span<const T> logits) {
    if (options_.temperature == 0) return ranking<T, Arch>(logits)[0];
    const double largest = detail::largest_logit<T, Arch>(logits, "the distribution");
    std::vector<double> heated;
    heated.reserve(logits.size());
    // From the largest, so that they stay finite or −∞ at any temperature.
    for (const T logit : logits) heated.push_back((static_cast<double>(logit) - largest) / options_.temperature);
    ranking<double, Arch> ranked(heated);
    return drawn<Arch>(ranked, heated);
  }

 private:
  template <class Arch>
  [[nodiscard]] std::size_t drawn(ranking<double, Arch>& ranked, std::span<const double> heated) {
    std::size_t size = heated.size();
    double weight = ranked.normalizer().weight;
    if (options_.top_p < 1) {
      size = ranked.nucleus_size(options_.top_p);
      weight = 0;
      for (const std::size_t token : ranked.first(size)) weight += std::exp(heated[token]);
    }
    const double wanted = random_.uniform() * weight;
    double sum = 0;
    std::size_t last = ranked[0];
    for (std::size_t i = 0; i < size; ++i) {
      const double more = std::exp(heated[ranked[i]]);
      if (more == 0) break;
      last = ranked[i];
      sum += more;
      if (sum > wanted) break;
    }
    return last;  // also where rounding leaves the sum below
  }

  sampling_options options_;
  random_numbers random_;
};

}  // namespace strata
