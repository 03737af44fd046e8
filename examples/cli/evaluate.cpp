// strata evaluate: masks from a file, run on a prompt of their length, also on another one than they were made of.
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "commands.hpp"
#include "dropped_edges.hpp"
#include "on_stderr.hpp"
#include "open_model.hpp"
#include "prompt.hpp"
#include "strata/report/json.hpp"
#include "strata/report/mask_file.hpp"
#include "strata/strata.hpp"
#include "terminal.hpp"
#include "written_file.hpp"

namespace cli {

void evaluate(const arguments& given) {
  require_one_prompt(given);
  check_ablation(given);
  strata::trace_options options = options_of(given);
  static_cast<void>(memory_bound_of(given));
  std::vector<std::size_t> noisy;
  if (given.noise) noisy = numbers_of<std::size_t>("--noise", *given.noise);
  if (given.seed && noisy.empty()) strata::raise<strata::option_error>("--seed goes with --noise");
  written_file json(given.json);
  opened_model opened(given);
  std::vector<strata::token_id> tokens = opened.prompt(given);
  tokens = strata::with_noise(tokens, noisy, opened.shape().vocabulary, rule_settings_of(given).seed);
  const strata::graph edges(opened.shape(), tokens.size());
  const strata::nested_masks masks = strata::read_masks(*given.mask, edges);
  options.sizes.clear();
  for (const std::size_t count : masks.sizes) {
    const double size = static_cast<double>(count) / static_cast<double>(edges.edge_count());
    if (size > 0 && (options.sizes.empty() || size > options.sizes.back())) options.sizes.push_back(size);
  }
  if (options.sizes.empty()) options.sizes = {1};
  dropped_edges dropped(given, opened, tokens.size());
  const auto model = opened.load(given, tokens.size(), options, dropped.bytes());
  strata::trace_description about = opened.about(model);
  about.ablation = given.ablation;
  about.frozen_pattern = given.frozen_pattern;
  about.rescaled_nodes = given.rescale_nodes;
  about.causal_mean = given.causal_mean;
  about.masks = *given.mask;
  options.check = false;

  const bool shows = isatty(STDERR_FILENO) != 0;
  strata::trace_result<float> result{edges, tokens};
  result.logits = strata::run(model, tokens);
  const strata::ablation<float> ablated = dropped.ablation(model, tokens, options);
  const std::optional<std::size_t> target = options.target ? std::optional<std::size_t>(*options.target) : std::nullopt;
  const strata::faithfulness_to<float> measure(std::span<const float>(result.logits), target);
  result.entropy = measure.entropy();
  result.curve = strata::evaluate(model, tokens, masks.order, masks.sizes, measure, ablated, {1, options.threads},
                                  [&](std::size_t done, std::size_t total) {
                                    if (shows) show_progress({"evaluate", done, total});
                                  });
  if (shows) show_line("");
  std::vector<double> sizes, variation;
  for (const strata::trace_point& point : result.curve)
    if (point.size > 0 && (sizes.empty() || point.size > sizes.back())) {
      sizes.push_back(point.size);
      variation.push_back(point.measured.total_variation);
    }
  if (!sizes.empty()) {
    result.density = strata::density(sizes, variation);
    result.tv_area = strata::tv_area(sizes, variation);
  }
  if (json) json.commit(strata::json_text(strata::to_json(result, options, about)));
  trace_printer(about, palette(wants_colour(STDOUT_FILENO)), line_columns(STDOUT_FILENO)).print(result, options.target);
}

}  // namespace cli
