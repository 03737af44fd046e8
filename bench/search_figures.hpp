// Searches by gradients on one core, in processor time, against a plain pass.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "figure.hpp"
#include "interleaved.hpp"
#include "one_core_figures.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/measure/curve.hpp"
#include "strata/model/decoder.hpp"
#include "strata/node_sensitivity.hpp"
#include "strata/search_trial.hpp"
#include "traced_prompt.hpp"

namespace bench {

// A run forward and back at the mask of all edges, and nested swap search over 3 sizes with 3 rounds: one gradient for the
// scores, a recorded run, and up to 12 tries. That it searches is checked: its traces are closer than the greedy ones.
inline std::vector<figure> search_figures(const strata::decoder<float>& model, const traced_prompt& prompt,
                                          std::size_t repeats) {
  const std::size_t count = prompt.tokens.size();
  const strata::search_method swap = strata::method_named("nested-swap:3x3");
  const std::vector<double> sizes(strata::comparison_sizes.begin(), strata::comparison_sizes.end());
  const strata::search_trial trial(model, prompt.tokens, sizes);
  std::vector<float> plain;
  strata::node_sensitivities of_nodes, first;
  strata::edge_order found;
  const double greedy = strata::tv_area(sizes, trial.variation(prompt.order));
  const auto check = [&] {
    if (first == nullptr) first = of_nodes;
    require(plain == prompt.logits && std::ranges::equal(of_nodes->values(), first->values()),
            "runs give the same values each time");
    require(strata::tv_area(sizes, trial.variation(found)) < greedy,
            "the search finds better traces than the greedy one");
  };
  const auto t = in_turn(repeats,
                         {[&] { plain = strata::run(model, prompt.tokens); },
                          [&] { of_nodes = strata::node_sensitivities_of(model, prompt.tokens); },
                          [&] { found = trial.find(swap, trial.logits()); }},
                         {.check = check});
  return {
      ratio_figure("one gradient / plain pass", count, t[1], t[0], {bound::at_most, 2.5}),
      ratio_figure("nested swap search, 3 sizes of 3 rounds / plain pass", count, t[2], t[0], {bound::at_most, 33})};
}

}  // namespace bench
