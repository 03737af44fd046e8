// strata trace: the trace of a prompt, on the screen and as files.
#include <unistd.h>

#include <vector>

#include "arguments.hpp"
#include "commands.hpp"
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
  strata::trace_options options = options_of(given);
  static_cast<void>(memory_bound_of(given));  // refused before anything is read
  if (given.tokens) static_cast<void>(numbers_of<strata::token_id>("--tokens", *given.tokens));
  written_file json(given.json);
  opened_model opened(given);
  const std::vector<strata::token_id> tokens = opened.prompt(given);
  const auto model = opened.load(given, tokens.size(), options);
  const strata::trace_description about = opened.about(model);

  if (isatty(STDERR_FILENO) != 0) options.progress = show_progress;
  const auto result = strata::trace(model, tokens, options);
  if (json) json.commit(strata::json_text(strata::to_json(result, options, about)));
  trace_printer(about, palette(wants_colour(STDOUT_FILENO)), line_columns(STDOUT_FILENO)).print(result, options.target);
}

}  // namespace cli
