/// What nested swap search (search/nested_swap.hpp) is asked, told, and gives.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// What the search is told about a mask.
template <class T>
struct scored_mask {
  double value = 0;         // to be made small, as KL(P‖Q); +∞ is allowed
  std::vector<T> gradient;  // (E): ∂value/∂mask of every edge; empty where it was not asked for
};

/// Called as evaluate(mask, with_gradient).
template <class F, class T>
concept mask_objective = requires(F evaluate, const edge_mask& mask) {
  { evaluate(mask, true) } -> std::same_as<scored_mask<T>>;
};

/// `count` sizes from `first` to `last`, each the same multiple of the one before.
/// Requires: count ≥ 2, 0 < first < last.
[[nodiscard]] inline std::vector<double> geometric_sizes(double first, double last, std::size_t count) {
  STRATA_ASSERT(count >= 2 && first > 0 && first < last, "geometric_sizes: two sizes or more, rising");
  std::vector<double> sizes(count, last);
  for (std::size_t i = 0; i + 1 < count; ++i)
    sizes[i] = first * std::pow(last / first, static_cast<double>(i) / static_cast<double>(count - 1));
  return sizes;
}

struct swap_options {
  std::vector<double> sizes = geometric_sizes(2e-3, 0.2, 8);  // rising, in (0, 1]
  std::size_t rounds = 3;                                     // of swaps at each size
  double swapped = 0.15;      // of the edges of a size, how many the first round takes in
  double widen = 1.2;         // that number is multiplied by this after a swap that stays
  double narrow = 0.4;        // and by this after one that does not
  std::vector<double> tried;  // if any: a round tries each of these multiples of that number, and takes the best
  bool grow = false;          // a size may also start from where the gradient at the mask before leads
  std::size_t budget = 0;     // largest number of evaluations; 0: no bound. At most sizes · (1 + rounds) are made
  std::function<bool(std::size_t done, std::size_t total)> progress;  // before each evaluation. false: stop
};

/// Fewer gradients, more masked runs, and about the time of the default; on SmolLM2-135M it finds better traces
/// (docs/search.md). Of 8 sizes, half below 0.02.
[[nodiscard]] inline swap_options trying_swaps() {
  swap_options options;
  options.sizes = {0.003, 0.006, 0.01, 0.018, 0.03, 0.055, 0.1, 0.2};
  options.swapped = 0.3;
  options.tried = {1, 1.0 / 3, 0.1};
  options.widen = 1;
  options.narrow = 0.1;
  options.grow = true;
  return options;
}

/// What was found at one size. The values are NaN where nothing was evaluated.
struct swap_step {
  double size = 0;
  edge_id edges = 0;         // of the mask; may be below ⌊size·E⌋ (search/top_connected.hpp)
  double first = not_known;  // value at the mask that the size started with
  double last = not_known;   // and at the one that was kept
  std::size_t accepted = 0;  // swaps that stayed

  static constexpr double not_known = std::numeric_limits<double>::quiet_NaN();
};

struct swap_result {
  edge_order order;              // every edge that best_first takes
  std::size_t evaluations = 0;   // in the budget, most of them with a gradient
  std::size_t trials = 0;        // not in the budget: masks of which only the value was asked for, to choose one
  std::vector<swap_step> steps;  // one for each size
};

namespace detail {

inline void check_swap_options(const swap_options& options) {
  double before = 0;
  for (const double size : options.sizes) {
    if (!(size > before && size <= 1))
      raise<option_error>("size ", size, " after ", before, ", expected rising sizes in (0, 1]");
    before = size;
  }
  const auto positive = [](const char* what, double value) {
    if (!(value > 0 && value < std::numeric_limits<double>::infinity()))
      raise<option_error>(what, " is ", value, ", expected a positive number");
  };
  positive("the swapped share", options.swapped);
  positive("the factor after a swap that stays", options.widen);
  positive("the factor after a swap that does not", options.narrow);
  for (const double multiple : options.tried) positive("a multiple of the swapped share", multiple);
}

}  // namespace detail

}  // namespace strata
