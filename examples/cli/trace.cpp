// strata trace: the trace of a prompt, on the screen and as files.
#include <unistd.h>

#include <vector>

#include "arguments.hpp"
#include "commands.hpp"
#include "dropped_edges.hpp"
#include "graph_files.hpp"
#include "on_stderr.hpp"
#include "open_model.hpp"
#include "prompt.hpp"
#include "strata/report/json.hpp"
#include "strata/strata.hpp"
#include "terminal.hpp"
#include "written_file.hpp"

namespace cli {

void trace(const arguments& given) {
  require_one_prompt(given);
  check_ablation(given);
  strata::trace_options options = options_of(given);
  static_cast<void>(memory_bound_of(given));  // refused before anything is read
  if (given.tokens) static_cast<void>(numbers_of<strata::token_id>("--tokens", *given.tokens));
  written_file json(given.json);
  graph_files files(given);
  options.keep_scores = files.want_scores();
  opened_model opened(given);
  const std::vector<strata::token_id> tokens = opened.prompt(given);
  dropped_edges dropped(given, opened, tokens.size());
  const auto model = opened.load(given, tokens.size(), options, dropped.bytes());
  const strata::edge_means<float>* const means = dropped.means(model, options.threads);
  strata::trace_description about = opened.about(model);
  about.ablation = given.ablation;
  about.score = given.score;

  if (isatty(STDERR_FILENO) != 0) options.progress = show_progress;
  const auto result = strata::with_rule(given.score, rule_settings_of(given), [&](const auto& rule) {
    return strata::trace(model, tokens, options, rule, means);
  });
  if (json) json.commit(strata::json_text(strata::to_json(result, options, about)));
  files.write(result, about);
  trace_printer(about, palette(wants_colour(STDOUT_FILENO)), line_columns(STDOUT_FILENO)).print(result, options.target);
}

}  // namespace cli
