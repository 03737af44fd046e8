// strata trace --controls: what the trace says of another prompt, and what the search finds where there is nothing to find.
#include "controls.hpp"

#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "comparison_table.hpp"
#include "strata/core/error.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/measure/curve.hpp"
#include "strata/report/search_comparison_json.hpp"
#include "strata/search_controls.hpp"
#include "strata/search_trial.hpp"
#include "terminal.hpp"

namespace cli {

void check_controls(const arguments& given) {
  using strata::option_error;
  using strata::raise;
  if (given.control_text && !given.controls) raise<option_error>("--control-text goes with --controls");
  if (!given.controls) return;
  for (const auto& [option, is_given] :
       {std::pair("--score", given.score.has_value()), std::pair("--sensitivity-of", given.sensitivity_of.has_value()),
        std::pair("--minus-dropped", given.minus_dropped), std::pair("--freeze", given.freeze.has_value()),
        std::pair("--inverse", given.inverse), std::pair("--published", given.published),
        std::pair("--select", given.select != "best_first")})
    if (is_given) raise<option_error>("--controls goes with --search as it is, not with ", option);
}

std::vector<double> control_sizes(const strata::trace_options& options) {
  double largest = 0;  // beyond it the trace's order does not go
  for (const double size : options.sizes)
    if (size <= options.max_size) largest = size;
  std::vector<double> sizes;
  for (const double size : strata::comparison_sizes)
    if (size <= largest) sizes.push_back(size);
  if (sizes.size() < 2)
    strata::raise<strata::option_error>("--controls compares traces of sizes up to the largest one, which is ", largest,
                                        "; it has to be ", strata::comparison_sizes[1], " or more");
  return sizes;
}

trace_controls controls_of_trace(const arguments& given, const opened_model& opened,
                                 const strata::decoder<float>& model, const strata::trace_result<float>& found,
                                 const strata::trace_options& options, const strata::ablation<float>& dropped,
                                 const strata::sensitivity_table* table) {
  using strata::option_error;
  using strata::raise;
  const std::size_t length = found.tokens.size();
  std::vector<strata::token_id> other;
  if (given.control_text) {
    other = opened.tokens_of_text(*given.control_text, given);
    if (other.size() < length)
      raise<option_error>("--control-text has ", other.size(), " tokens, the prompt ", length,
                          "; it has to be as long or longer");
    other.resize(length);
  } else {
    std::vector<std::size_t> places(length - (length > 1 ? 1 : 0));
    std::iota(places.begin(), places.end(), length > 1 ? 1 : 0);
    other = strata::with_noise(found.tokens, places, model.shape().vocabulary, rule_settings_of(given).seed);
  }
  trace_controls made;
  made.sizes = control_sizes(options);
  strata::search_method method{given.search.value_or("greedy")};
  if (searches_by_gradient(given))
    method.base = table != nullptr ? strata::base_score::table : strata::base_score::sensitivity;
  method.swap = options.swap;
  if (method.swap && options.progress)
    method.swap->progress = [&](std::size_t done, std::size_t total) {
      return options.progress({"controls", done, total});
    };
  method.swap_objective = options.swap_objective;
  const strata::search_trial<const strata::decoder<float>> trial(model, found.tokens, made.sizes, dropped,
                                                                 options.threads);
  made.own = trial.variation(found.order);
  made.controls = strata::controls_of(trial, method, found.order, other, rule_settings_of(given).seed, table);
  if (options.progress) static_cast<void>(options.progress({"evaluate", 1, 1}));  // takes the line away
  return made;
}

nlohmann::ordered_json trace_controls::json() const { return strata::controls_json(sizes, controls.view()); }

void trace_controls::print() const {
  const palette colours(wants_colour(STDOUT_FILENO));
  std::printf("\n%sControls%s (TV by size; docs/search.md says what each of them is and should be)\n", colours.bold,
              colours.off);
  const comparison_table table(sizes, colours);
  table.head("", false);
  table.row("this trace", own, strata::tv_area(sizes, own));
  for (std::size_t c = 0; c < controls.rows(); ++c) {
    const std::vector<double> values(controls.row(c).begin(), controls.row(c).end());
    table.row(std::string(strata::control_names[c]), values, strata::tv_area(sizes, values));
  }
}

}  // namespace cli
