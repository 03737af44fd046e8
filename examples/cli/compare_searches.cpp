// strata compare-searches: how faithful the traces of several searches are, over the prompts of a file.
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "commands.hpp"
#include "comparison_table.hpp"
#include "dropped_edges.hpp"
#include "on_screen.hpp"
#include "on_stderr.hpp"
#include "open_model.hpp"
#include "prompt_file.hpp"
#include "sensitivities.hpp"
#include "strata/core/error.hpp"
#include "strata/core/version.hpp"
#include "strata/model/sensitivity_file.hpp"
#include "strata/report/json.hpp"
#include "strata/report/search_comparison_json.hpp"
#include "strata/score/sensitivity_table.hpp"
#include "strata/search_comparison.hpp"
#include "strata/search_controls.hpp"
#include "strata/search_trial.hpp"
#include "terminal.hpp"
#include "written_file.hpp"

namespace cli {

namespace {

// The searches of the list, greedy always the first.
std::vector<strata::search_method> searches_of(const arguments& given) {
  const std::string list = given.searches.value_or("sensitivity,share_sensitivity,nested-swap:4x3,nested-swap");
  std::vector<strata::search_method> methods{strata::method_named("greedy")};
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t comma = std::min(list.find(',', begin), list.size());
    strata::search_method method = strata::method_named(list.substr(begin, comma - begin));
    method.swap_objective = objective_of(given);
    if (method.base == strata::base_score::table && !given.sensitivity)
      strata::raise<strata::option_error>("the search table needs --sensitivity FILE, which strata calibrate writes");
    if (method.name != "greedy") methods.push_back(std::move(method));
    begin = comma + 1;
  }
  const auto any = [&](auto which) { return std::any_of(methods.begin(), methods.end(), which); };
  if (given.sensitivity && !any([](const auto& m) { return m.base == strata::base_score::table; }))
    strata::raise<strata::option_error>("--sensitivity goes with the search table: --searches table,…");
  if (given.objective && !any([](const auto& m) { return m.swap.has_value(); }))
    strata::raise<strata::option_error>("--objective goes with the searches nested-swap and trying-swaps");
  return methods;
}

void print(const strata::search_comparison& found, std::size_t prompts, std::size_t length, const arguments& given) {
  const palette colours(wants_colour(STDOUT_FILENO));
  std::printf("%zu prompts of %zu tokens, ablation %s%s%s\n", prompts, length, given.ablation.c_str(),
              given.frozen_pattern ? ", frozen pattern" : "", given.rescale_nodes ? ", rescaled nodes" : "");
  std::printf(
      "%sMean total variation between the model and traces of these sizes (0 is the same), and the area under it over "
      "log10(size)%s\n\n",
      colours.dim, colours.off);
  const comparison_table table(found.sizes, colours);
  const auto variation = [&](const strata::compared& of) {
    std::vector<double> means;
    for (std::size_t s = 0; s < found.sizes.size(); ++s) means.push_back(of.mean_variation(s));
    return means;
  };
  table.head("search", true);
  for (std::size_t i = 0; i < found.searches.size(); ++i) {
    const strata::compared& of = found.searches[i];
    std::optional<strata::mean_and_error> difference;
    if (i > 0) difference = found.difference(i);
    table.row(of.name, variation(of), of.mean_area(), difference, of.plain_passes);
  }
  std::printf("%spasses: time of a search in plain runs of the model%s\n", colours.dim, colours.off);
  if (found.controls.empty()) return;
  std::printf("\n");
  table.head("control", false);
  for (const strata::compared& of : found.controls) table.row(of.name, variation(of), of.mean_area());
  std::printf("%sof %s; docs/search.md says what each of them is and should be%s\n", colours.dim,
              found.searches.back().name.c_str(), colours.off);
}

}  // namespace

void compare_searches(const arguments& given) {
  check_ablation(given);
  if (given.ablation == "resample")
    strata::raise<strata::option_error>("--ablation resample is about one prompt: compare-searches does not take it");
  const prompt_choice choice(given);
  const std::size_t length = choice.length;
  strata::comparison_options compared;
  compared.searches = searches_of(given);
  compared.controls = !given.no_controls;
  strata::trace_options options = options_of(given);
  if (given.sizes) compared.sizes = options.sizes;
  compared.threads = options.threads;
  compared.seed = rule_settings_of(given).seed;
  static_cast<void>(memory_bound_of(given));
  written_file json(given.json);
  opened_model opened(given);
  const std::optional<strata::sensitivity_table> table =
      given.sensitivity ? std::optional(strata::read_sensitivities(*given.sensitivity, opened.shape())) : std::nullopt;
  if (table) compared.table = &*table;

  const chosen_prompts prompts(given, opened, choice);
  if (compared.controls && prompts.tokens.size() < 2)
    strata::raise<strata::option_error>("controls run a prompt's traces on another prompt: ", *given.prompts,
                                        " has to have two prompts, or give --no-controls");
  dropped_edges dropped(given, opened, length);
  options.scores = strata::score_storage::stored;
  options.max_size = 1;
  bool gradients = false;
  for (const strata::search_method& method : compared.searches) {
    if (method.swap) options.swap = method.swap;
    gradients = gradients || method.swap || method.base == strata::base_score::sensitivity ||
                method.base == strata::base_score::share_sensitivity;
  }
  const auto model = opened.load(given, length, options, dropped.bytes());
  if (gradients) require_gradient_memory(model, length, options.max_memory);
  if (isatty(STDERR_FILENO) != 0)
    compared.progress = [&](std::size_t done, std::size_t total) {
      const std::size_t each = total / prompts.tokens.size();
      show_line(
          done == total ? ""
          : done % each < compared.searches.size()
              ? strata::concat("prompt ", done / each + 1, " of ", prompts.tokens.size(), ", search ", done % each + 1)
              : strata::concat("prompt ", done / each + 1, " of ", prompts.tokens.size(), ", controls"));
      return true;
    };
  const strata::search_comparison found = strata::compare_searches(
      model, std::span(prompts.tokens), compared,
      [&](const std::vector<strata::token_id>& tokens) { return dropped.ablation(model, tokens, options); });
  if (json) {
    nlohmann::ordered_json all{{"schema", strata::json_schema}, {"version", strata::version}};
    all["model"] = {{"path", given.model}, {"parameters", model.parameters()}};
    all["model"].update(strata::detail::json_of(opened.shape()));
    all["options"] = {{"prompts", *given.prompts},
                      {"tokens", length},
                      {"sizes", found.sizes},
                      {"ablation", given.ablation},
                      {"attention_mask", strata::name_of(options.attention)},
                      {"frozen_pattern", given.frozen_pattern},
                      {"rescaled_nodes", given.rescale_nodes},
                      {"causal_mean", given.causal_mean},
                      {"objective", strata::name_of(objective_of(given))},
                      {"seed", compared.seed}};
    all["prompts"] = prompts.tokens.size();
    all["searches"] = strata::searches_json(found);
    all["controls"] = strata::controls_json(found);
    json.commit(strata::json_text(all));
  }
  print(found, prompts.tokens.size(), length, given);
  if (prompts.too_short > 0) std::printf("%zu shorter prompts were left out\n", prompts.too_short);
}

}  // namespace cli
