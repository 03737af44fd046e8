// Whether a search by gradients finds a much smaller trace than the greedy one: it is tried, and said if so.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "on_screen.hpp"
#include "strata/core/error.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/measure/curve.hpp"
#include "strata/model/decoder.hpp"
#include "strata/node_sensitivity.hpp"
#include "strata/score/sensitivity.hpp"
#include "strata/trace.hpp"

namespace cli {

// Takes up to 33 runs forward and back: only where the prompt is short and the model small, a few seconds at most.
inline void suggest_search(const arguments& given, const strata::decoder<float>& model,
                           const strata::trace_result<float>& greedy, strata::trace_options options,
                           const strata::ablation<float>& dropped) {
  constexpr std::size_t longest = 32;      // tokens
  constexpr double most_products = 2.5e9;  // of a plain run: SmolLM2-135M with 18 tokens
  constexpr double faithful = 0.2;
  const auto variation = [](const strata::faithfulness& m) { return m.total_variation; };
  if (given.search || given.score || given.published || given.inverse || given.freeze || given.select != "best_first" ||
      given.attention_mask || greedy.tokens.size() > longest || given.controls ||
      static_cast<double>(model.parameters() * greedy.tokens.size()) > most_products)
    return;
  const strata::trace_point* const found = greedy.smallest_below(faithful, variation);
  const double bound = (found == nullptr ? 1 : found->size) / 2;
  std::erase_if(options.sizes, [bound](double size) { return size > bound; });
  if (options.sizes.empty()) return;
  options.check = options.keep_scores = options.keep_states = options.keep_logits = false;
  options.minus_dropped = true;
  options.swap.emplace();
  // With the first size above the bound, from whose mask traces up to the bound are filled.
  std::vector<double>& swapped = options.swap->sizes;
  const auto above = std::upper_bound(swapped.begin(), swapped.end(), bound);
  if (above != swapped.end()) swapped.erase(above + 1, swapped.end());
  try {
    const strata::sensitivity rule{strata::node_sensitivities_of(model, greedy.tokens)};
    const auto better = strata::trace(model, std::span<const strata::token_id>(greedy.tokens), options, rule, dropped);
    if (const strata::trace_point* const smaller = better.smallest_below(faithful, variation))
      std::printf("\nA search by gradients finds a faithful trace of size %s%s: add --search nested-swap\n",
                  size_text(smaller->size).c_str(),
                  found == nullptr ? "" : (", where the greedy one needs " + size_text(found->size)).c_str());
  } catch (const strata::error&) {
    // It takes more memory than the greedy search may, or meets a number that is not finite: then there is nothing to
    // suggest. What was asked for is done.
  }
}

}  // namespace cli
