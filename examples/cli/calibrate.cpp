// strata calibrate: sensitivities of nodes averaged over prompts, as a file for --sensitivity.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <tuple>
#include <vector>

#include "arguments.hpp"
#include "commands.hpp"
#include "on_screen.hpp"
#include "on_stderr.hpp"
#include "open_model.hpp"
#include "prompt_file.hpp"
#include "sensitivities.hpp"
#include "strata/core/error.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/model/sensitivity_file.hpp"
#include "strata/node_sensitivity.hpp"
#include "strata/score/sensitivity_table.hpp"
#include "written_file.hpp"

namespace cli {

void calibrate(const arguments& given) {
  prompt_choice choice(given);
  choice.whole_length = false;
  const strata::sensitivity_options functions = sensitivity_options_of(given);
  strata::trace_options options = options_of(given);
  static_cast<void>(memory_bound_of(given));
  written_file out(given.out);
  opened_model opened(given);

  const chosen_prompts chosen(given, opened, choice);
  const std::vector<std::vector<strata::token_id>>& prompts = chosen.tokens;
  std::size_t longest = 1;
  for (const std::vector<strata::token_id>& tokens : prompts) longest = std::max(longest, tokens.size());

  options.max_size = 1e-5;  // nothing is traced
  const auto model = opened.load(given, longest, options);
  require_gradient_memory(model, longest, options.max_memory);
  strata::sensitivity_average average(model.shape());
  const bool shows = isatty(STDERR_FILENO) != 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (shows) show_line(strata::concat("prompt ", i + 1, " of ", prompts.size()));
    static_cast<void>(average.add(*strata::node_sensitivities_of(model, prompts[i], functions)));
  }
  if (shows) show_line("");
  const strata::sensitivity_table table = average.table();
  out.commit(strata::sensitivity_text(table));
  std::printf("sensitivities of %zu levels over %zu prompts: %s\n", table.cells.rows(), table.prompts,
              on_one_line(*given.out).c_str());
  if (table.prompts < prompts.size())
    std::printf("%zu prompts say nothing and were left out\n", prompts.size() - table.prompts);
}

}  // namespace cli
