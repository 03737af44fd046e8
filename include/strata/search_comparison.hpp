/// Searches compared on the same prompts: how far their traces are from the model, what they take, and their controls.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/shape.hpp"
#include "strata/measure/curve.hpp"
#include "strata/measure/paired_difference.hpp"
#include "strata/score/check_forward_pass.hpp"
#include "strata/score/sensitivity_table.hpp"
#include "strata/search_controls.hpp"
#include "strata/search_trial.hpp"
#include "strata/trace.hpp"

namespace strata {

struct comparison_options {
  std::vector<search_method> searches;  // the first is what the others are compared with
  std::vector<double> sizes{comparison_sizes.begin(), comparison_sizes.end()};  // rising, in (0, 1]
  bool check = true;                         // check_forward_pass on a few tokens before anything is searched
  bool controls = true;                      // of the last search, on the next prompt as the other one
  std::uint64_t seed = 0;                    // of random traces and permutations
  std::size_t threads = 1;                   // as trace_options::threads
  const sensitivity_table* table = nullptr;  // of searches that need one
  std::function<bool(std::size_t done, std::size_t total)> progress;  // by prompts and searches. false: stop
};

/// One search, or one control.
struct compared {
  std::string name;
  matrix<double> variation;   // total variation: (prompts, sizes)
  std::vector<double> areas;  // under it over log10(size) from 1e-3 on: (prompts)
  double plain_passes = 0;  // time of the search without measuring its traces, in plain runs, medians; 0: not measured

  [[nodiscard]] double mean_area() const { return mean_with_error(areas).mean; }
  [[nodiscard]] double mean_variation(std::size_t size) const {
    double sum = 0;
    for (std::size_t i = 0; i < variation.rows(); ++i) sum += variation(i, size);
    return sum / static_cast<double>(variation.rows());
  }
};

struct search_comparison {
  std::vector<double> sizes;
  std::vector<compared> searches;
  std::vector<compared> controls;  // control_names, or none

  /// How much larger the area of search i is than that of the first, prompt by prompt.
  [[nodiscard]] mean_and_error difference(std::size_t i) const {
    return paired_difference(searches[i].areas, searches[0].areas);
  }
};

namespace detail {

[[nodiscard]] inline compared nothing_compared(std::string name, std::size_t prompts, std::size_t sizes) {
  return {std::move(name), matrix<double>(prompts, sizes), std::vector<double>(prompts), 0};
}

inline void put(compared& into, std::size_t prompt, std::span<const double> sizes, std::span<const double> variation) {
  std::copy(variation.begin(), variation.end(), into.variation.row(prompt).begin());
  into.areas[prompt] = tv_area(sizes, variation);
}

[[nodiscard]] inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

template <class F>
[[nodiscard]] double seconds_of(F f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace detail

/// prompts:    at least one, with controls two or more, all of the same length.
/// dropped_of: dropped_of(tokens) is what dropped edges contribute in that prompt, as ablation<T>; what it points to has
///             to live until the next call.
/// Times are wall times, each search's beside a plain run of the same prompt.
/// Throws:     strata::option_error for no searches, or prompts that do not go together; strata::cancelled when progress
///             says so, which is asked before each search and each evaluation of one; what the searches throw.
template <forward_pass Model, class Dropped>
[[nodiscard]] search_comparison compare_searches(Model& model, std::span<const std::vector<token_id>> prompts,
                                                 const comparison_options& options, Dropped dropped_of) {
  const std::size_t count = prompts.size(), searches = options.searches.size();
  if (searches == 0) raise<option_error>("there is no search to compare");
  if (count == 0) raise<option_error>("searches are compared on one prompt or more");
  if (options.controls && count < 2)
    raise<option_error>("controls run a prompt's traces on another prompt: they take two prompts or more");
  for (const std::vector<token_id>& tokens : prompts) {
    check_prompt(model.shape(), tokens);
    if (tokens.size() != prompts[0].size())
      raise<option_error>("prompts of ", prompts[0].size(), " and of ", tokens.size(),
                          " tokens; they must be equally long");
  }

  check_sizes(options.sizes);
  if (std::count_if(options.sizes.begin(), options.sizes.end(), [](double size) { return size >= 1e-3; }) < 2)
    raise<option_error>("searches are compared by an area: over two sizes or more from 0.001 on");
  if (options.check) static_cast<void>(check_forward_pass(model, detail::tokens_to_check(model.shape(), prompts[0])));

  search_comparison result{options.sizes, {}, {}};
  for (const search_method& method : options.searches)
    result.searches.push_back(detail::nothing_compared(method.name, count, options.sizes.size()));
  if (options.controls)
    for (const std::string_view name : control_names)
      result.controls.push_back(detail::nothing_compared(std::string(name), count, options.sizes.size()));
  const std::size_t steps = searches + (options.controls ? 2 : 0), total = count * steps;
  const auto told = [&](std::size_t done) {
    if (options.progress && !options.progress(done, total)) raise<cancelled>("stopped at step ", done, " of ", total);
  };
  std::size_t done = 0;
  std::vector<search_method> methods = options.searches;
  for (search_method& method : methods)
    if (method.swap) method.swap->progress = [&](std::size_t, std::size_t) { return told(done), true; };
  static_cast<void>(run(model, std::span(prompts[0])));  // so that the first time is not of a cold machine
  std::vector<std::vector<double>> taken(searches);
  std::vector<double> plain;
  for (std::size_t i = 0; i < count; ++i) {
    const search_trial<Model> trial(model, prompts[i], options.sizes, dropped_of(prompts[i]), options.threads);
    edge_order last;
    for (std::size_t k = 0; k < searches; ++k) {
      told(done = i * steps + k);
      plain.push_back(detail::seconds_of([&] { static_cast<void>(run(model, std::span(prompts[i]))); }));
      taken[k].push_back(detail::seconds_of([&] { last = trial.find(methods[k], trial.logits(), options.table); }));
      detail::put(result.searches[k], i, options.sizes, trial.variation(last));
    }
    if (!options.controls) continue;
    told(done = i * steps + searches);
    const matrix<double> controls =
        controls_of(trial, methods.back(), last, prompts[(i + 1) % count], options.seed + i, options.table);
    for (std::size_t c = 0; c < controls.rows(); ++c)
      detail::put(result.controls[c], i, options.sizes, controls.row(c));
  }
  told(total);
  for (std::size_t k = 0; k < searches; ++k)
    result.searches[k].plain_passes = detail::median(taken[k]) / detail::median(plain);
  return result;
}

}  // namespace strata
