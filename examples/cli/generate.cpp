// strata generate: a text that goes on, with the trace of each token.
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "about_model.hpp"
#include "arguments.hpp"
#include "commands.hpp"
#include "generation_terminal.hpp"
#include "on_stderr.hpp"
#include "open_model.hpp"
#include "prompt.hpp"
#include "strata/report/generation_json.hpp"
#include "strata/report/json.hpp"
#include "strata/strata.hpp"
#include "terminal.hpp"
#include "written_file.hpp"

namespace cli {

namespace {

// What a cached run of so many tokens takes: keys and values, in room that grows by doubling.
std::size_t cache_bytes(const arguments& given, const strata::decoder_config& config, std::size_t tokens) {
  const std::size_t bytes = 2 * 2 * config.layers * config.kv_heads * config.head_width * tokens * sizeof(float);
  const std::size_t bound = memory_bound_of(given);
  if (bytes >= bound)
    strata::raise<strata::option_error>("keys and values of ", tokens, tokens == 1 ? " token take " : " tokens take ",
                                        memory_text(static_cast<double>(bytes)), ", the bound for all is ",
                                        memory_text(static_cast<double>(bound)));
  return bytes;
}

}  // namespace

void generate(const arguments& given) {
  require_one_prompt(given);
  strata::trace_options options = options_of(given);
  strata::generation_options generation = generation_of(given);
  const std::size_t every = given.every ? number_of<std::size_t>("--every", *given.every) : 1;
  static_cast<void>(memory_bound_of(given));  // refused before anything is read
  if (given.tokens) static_cast<void>(numbers_of<strata::token_id>("--tokens", *given.tokens));
  written_file json(given.json);
  opened_model opened(given);
  const std::vector<strata::token_id> prompt = opened.prompt(given);
  if (opened.tokenizer() && opened.tokenizer()->end_of_text())
    generation.ends.push_back(*opened.tokenizer()->end_of_text());
  strata::check_generation(opened.shape(), prompt, generation);

  const std::size_t longest = every == 0 ? 1 : prompt.size() + (generation.length - 1) / every * every;  // to be traced
  const std::size_t cache = cache_bytes(given, opened.config(), prompt.size() + generation.length);
  const auto model = opened.load(given, longest, options, cache);
  const strata::trace_description about = opened.about(model);

  if (isatty(STDERR_FILENO) != 0) options.progress = show_progress;
  strata::generation_json document(prompt, generation, options, every, about);
  generation_printer printer(about, generation.ends, wants_colour(STDOUT_FILENO));
  printer.begin(prompt, every != 0);
  strata::generate(model, prompt, generation, [&](const strata::generated_token<float>& step) {
    std::optional<strata::trace_result<float>> traced;
    if (every != 0 && step.number % every == 0) {
      traced = strata::trace(model, step.prompt, options);
      options.check = false;  // once is enough
    }
    printer.add(step, traced ? &*traced : nullptr);
    if (json) document.add(step, traced ? &*traced : nullptr);
    return true;
  });
  if (json) json.commit(strata::json_text(document.document()));
  printer.print_text();
}

}  // namespace cli
