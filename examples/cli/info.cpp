// strata info: a model's shape, and what a trace takes.
#include <cstdio>
#include <string>
#include <utility>

#include "about_model.hpp"
#include "arguments.hpp"
#include "commands.hpp"
#include "memory_shares.hpp"
#include "on_stderr.hpp"
#include "strata/estimate.hpp"
#include "strata/forward/edge_means.hpp"
#include "strata/forward/footprint.hpp"
#include "strata/model/decoder.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/model_description.hpp"

namespace cli {

void info(const arguments& given) {
  std::size_t tokens = 0;
  if (given.prompt_length) tokens = number_of<std::size_t>("--tokens", *given.prompt_length);
  if (given.prompt_length && tokens == 0) strata::raise<strata::option_error>("--tokens: 0, expected at least 1");
  const std::size_t bound = memory_bound_of(given);
  strata::model_description described = strata::describe_model(given.model);
  const std::string stored = stored_text(*described.weights);
  strata::trace_options options = options_of(given);
  const strata::decoder<float> model(std::move(described),
                                     {.max_memory = 0, .threads = options.threads});  // looks at all, expands none
  const strata::decoder_config& config = model.config();
  print_warnings(config);
  if (!given.prompt_length) tokens = config.context;
  if (tokens > config.context)
    strata::raise<strata::option_error>("--tokens: ", tokens, ", the model's context is ", config.context);
  const auto line = [](const char* word, const std::string& value) { std::printf("%-13s%s\n", word, value.c_str()); };
  line("model", given.model);
  line("architecture",
       strata::concat(config.architecture, ", ",
                      config.block == strata::block_kind::parallel ? "parallel" : "sequential", " blocks"));
  line("layers", std::to_string(config.layers));
  line("heads",
       strata::concat(config.heads, " (", config.kv_heads, " for keys and values) of width ", config.head_width));
  line("width", strata::concat(config.width, " (MLP ", config.mlp_width, ")"));
  line("vocabulary", grouped(config.vocabulary));
  line("context", strata::concat(config.context, config.context == 1 ? " token" : " tokens"));
  line("parameters", grouped(model.parameters()));
  const double expanded = static_cast<double>(model.parameters()) * sizeof(float);
  line("weights", strata::concat(stored, "; ", memory_text(expanded), " when expanded"));

  const memory_shares shares(bound, config, expanded, tokens, options);
  options.max_memory = shares.trace;
  const strata::pass_footprint pass = model.footprint();
  const auto least = strata::likely_memory(config.shape(), pass, tokens, options, {}, sizeof(float));
  line("edges", strata::concat(edges_text(least.edges), " for a prompt of ", tokens, tokens == 1 ? " token" : " tokens",
                               given.prompt_length ? "" : " (the whole context; --tokens N for another length)"));
  std::string memory = strata::concat(
      "at most ", memory_text(least.total), " for a trace and ",
      shares.weights > 0 ? memory_text(expanded) + " for expanded weights" : "weights expanded layer by layer",
      "; scores are ", least.recomputed ? "computed again where they are needed" : "stored");
  if (least.total > static_cast<double>(shares.trace))
    memory += "; above the bound of " + memory_text(static_cast<double>(bound)) + ", it would be refused";
  line("memory", memory);
  const auto means = strata::edge_mean_tables<float>::count(config.shape(), config.head_width, tokens);
  line("means", strata::concat(memory_text(static_cast<double>(means * sizeof(float))),
                               " more for mean ablation (strata reference), in a mapped file"));
  const auto time = strata::estimate_time(config.shape(), pass, tokens, options, least.recomputed);
  line("time", strata::concat(number("%.3g", time.total), " plain runs at most: ", number("%.2g", time.record),
                              " to record, about ", number("%.2g", time.order), " to order, up to ",
                              number("%.3g", time.sweep), " with masks"));
}

}  // namespace cli
