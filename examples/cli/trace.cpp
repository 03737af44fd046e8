// strata trace: the trace of a prompt, on the screen and as files.
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "arguments.hpp"
#include "better_search.hpp"
#include "commands.hpp"
#include "controls.hpp"
#include "dropped_edges.hpp"
#include "graph_files.hpp"
#include "on_stderr.hpp"
#include "open_model.hpp"
#include "prompt.hpp"
#include "sensitivities.hpp"
#include "strata/report/json.hpp"
#include "strata/report/method_json.hpp"
#include "strata/strata.hpp"
#include "terminal.hpp"
#include "written_file.hpp"

namespace cli {

void trace(const arguments& given) {
  require_one_prompt(given);
  check_ablation(given);
  check_search(given);
  check_sensitivity(given);
  check_controls(given);
  if (given.seed && score_of(given) != "random" && given.select != "random_connected" && !given.controls)
    strata::raise<strata::option_error>("--seed goes with --score random, --select random_connected and --controls");
  strata::trace_options options = options_of(given);
  if (given.controls) {
    static_cast<void>(control_sizes(options));
    options.scores = strata::score_storage::stored;  // the controls' searches store them
  }
  static_cast<void>(memory_bound_of(given));  // refused before anything is read
  if (given.tokens) static_cast<void>(numbers_of<strata::token_id>("--tokens", *given.tokens));
  written_file json(given.json);
  graph_files files(given);
  options.keep_scores = files.want_scores();
  options.keep_states = given.states;
  options.keep_logits = given.metric.has_value() || given.published;
  if ((given.states || given.components) && !json)
    strata::raise<strata::option_error>("--states and --components write to the JSON: give --json FILE too");
  opened_model opened(given);
  const std::vector<strata::token_id> tokens = opened.prompt(given);
  std::optional<chosen_metric> metric;
  if (given.metric) metric.emplace(*given.metric, opened.shape().vocabulary);
  dropped_edges dropped(given, opened, tokens.size());
  const sensitivities of_nodes(given, opened.shape());
  const auto model = opened.load(given, tokens.size(), options, dropped.bytes());
  const strata::ablation<float> ablated = dropped.ablation(model, tokens, options);
  strata::trace_description about = opened.about(model);
  about.ablation = given.ablation;
  about.frozen_pattern = given.frozen_pattern;
  about.rescaled_nodes = given.rescale_nodes;
  about.causal_mean = given.causal_mean;
  about.score = score_of(given);
  about.settings = rule_settings_of(given);
  about.sensitivity = of_nodes.source();

  if (isatty(STDERR_FILENO) != 0) options.progress = show_progress;
  about.settings.of_nodes = of_nodes.of(model, tokens, options.max_memory);
  const auto result = strata::with_rule(score_of(given), about.settings, [&](const auto& rule) {
    return strata::trace(model, tokens, options, rule, ablated);
  });
  std::optional<strata::circuit_curve> circuit;
  if (metric) circuit = strata::circuit_of(model, result, *metric, ablated);
  std::optional<trace_controls> controls;
  if (given.controls) controls = controls_of_trace(given, opened, model, result, options, ablated, of_nodes.table());
  if (json) {
    nlohmann::ordered_json all = strata::to_json(result, options, about);
    if (circuit) all["metric"] = strata::circuit_json(*circuit, metric->name);
    if (given.published) all["published"] = strata::published_json(result);
    if (given.states) all["states"] = strata::states_json(result);
    if (given.components) all["components"] = strata::components_json(result);
    if (controls) all["controls"] = controls->json();
    json.commit(strata::json_text(all));
  }
  files.write(result, about);
  const trace_printer print(about, palette(wants_colour(STDOUT_FILENO)), line_columns(STDOUT_FILENO));
  print.print(result, options.target, given.inverse);
  if (circuit) print.print_circuit(result, *circuit, metric->name);
  if (controls) controls->print();
  suggest_search(given, model, result, options, ablated);
}

}  // namespace cli
