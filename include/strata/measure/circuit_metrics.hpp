/// How much of a task's metric m a subgraph keeps, as circuits are judged: 0 is the empty graph, 1 the full model.
/// Source: Mueller et al., MIB: A Mechanistic Interpretability Benchmark (2025).
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/curve.hpp"
#include "strata/measure/softmax.hpp"

namespace strata {

/// A number for the logits of the last token: the larger, the better the task is done.
template <class Metric, class T>
concept logit_metric = requires(const Metric& m, std::span<const T> logits) {
  { m(logits) } -> std::convertible_to<double>;
};

/// ln p of a token, nats; −∞ if its logit is.
/// Requires: token < vocabulary.
/// Throws:   as cross_entropy.
struct log_probability_of {
  std::size_t token = 0;

  template <class T, class Arch = detail::default_arch>
  [[nodiscard]] double operator()(std::span<const T> logits) const {
    return -cross_entropy<T, Arch>(logits, token);
  }
};

/// Logit of a minus logit of b = ln p_a − ln p_b, nats: of the right answer and of the wrong one.
/// Requires: a, b < vocabulary.
struct logit_difference {
  std::size_t a = 0;
  std::size_t b = 0;

  template <class T>
  [[nodiscard]] double operator()(std::span<const T> logits) const {
    STRATA_ASSERT(a < logits.size() && b < logits.size(), "logit_difference: no such token");
    return static_cast<double>(logits[a]) - static_cast<double>(logits[b]);
  }
};

/// Normalised faithfulness (m(trace) − m(∅)) / (m(full) − m(∅)). Over several prompts MIB takes it of the three means of
/// m, not as a mean of ratios.
/// Requires: finite m(∅) and m(full), for a number that means something.
/// Returns:  any number: below 0 the trace does worse than the empty graph, above 1 better than the model. Empty if
///           m(full) = m(∅): nothing is there to be recovered.
[[nodiscard]] inline std::optional<double> normalised_faithfulness(double of_trace, double of_empty, double of_full) {
  if (of_full == of_empty) return std::nullopt;
  return (of_trace - of_empty) / (of_full - of_empty);
}

/// The same of logits. Shape: trace, empty, full: (vocabulary).
template <class T, logit_metric<T> Metric, class Arch = detail::default_arch>
[[nodiscard]] std::optional<double> normalised_faithfulness(const Metric& m, std::span<const T> trace,
                                                            std::span<const T> empty, std::span<const T> full) {
  return normalised_faithfulness(m(trace), m(empty), m(full));
}

/// The sizes at which MIB measures: shares of all edges.
inline constexpr std::array<double, 10> mib_sizes = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0};

/// CPR, the integrated circuit performance ratio: the area under normalised faithfulness over the size, linear, by
/// trapezoids, from the first size to the last and nothing below the first. The larger, the better; 0.999 if
/// faithfulness is 1 at all of mib_sizes.
/// Shape:    sizes, faithfulness: (sizes).
/// Throws:   option_error for sizes that are not ascending in (0, 1].
/// Source:   so are the areas in four of five copies of the benchmark's code; in one they are over the natural logarithm
///           of the number of edges: area_over_log_size() of the shares of edges, times ln 10.
[[nodiscard]] inline double circuit_performance_ratio(std::span<const double> sizes,
                                                      std::span<const double> faithfulness) {
  return area_over_size(sizes, faithfulness);
}

/// CMD, the integrated circuit–model distance: the same area under |1 − faithfulness|, whose trapezoids have these
/// values at their corners, also where faithfulness crosses 1 in between. The smaller, the better; 0 at best.
[[nodiscard]] inline double circuit_model_distance(std::span<const double> sizes,
                                                   std::span<const double> faithfulness) {
  std::vector<double> distance;
  for (const double value : faithfulness) distance.push_back(std::abs(1.0 - value));
  return area_over_size(sizes, distance);
}

}  // namespace strata
