// The program strata: traces a prompt, and tells about a model.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interrupt.hpp"
#include "strata/model/decoder.hpp"
#include "strata/report/json.hpp"
#include "strata/report/output_file.hpp"
#include "strata/strata.hpp"
#include "strata/text/tokenizer.hpp"
#include "terminal.hpp"

namespace {

struct arguments {
  std::string model = STRATA_DEFAULT_MODEL;
  std::string text, file, json;
  std::vector<strata::token_id> tokens;
  std::size_t prompt_length = 0;  // info
  strata::trace_options options;
};

std::string text_of(const std::string& file) {
  std::string text;
  if (file == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream in(file, std::ios::binary);
    if (in) text.assign(std::istreambuf_iterator<char>(in), {});
    if (!in && !in.eof()) strata::raise<strata::data_error>(file, ": cannot be read");
  }
  // The newline that ends a text file is not part of the prompt.
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
  return text;
}

bool show_progress(const strata::trace_progress& progress) {
  if (progress.stage == "evaluate" && progress.done == progress.total) {
    std::fprintf(stderr, "\r\033[K");
  } else if (progress.stage == "evaluate") {
    std::fprintf(stderr, "\r\033[Kevaluating size %zu of %zu", progress.done + 1, progress.total);
  } else {
    std::fprintf(stderr, "\r\033[K%s",
                 progress.stage == "check"    ? "checking the forward pass"
                 : progress.stage == "record" ? "recording"
                                              : "ordering the edges");
  }
  return true;
}

void trace(arguments& given) {
  std::unique_ptr<strata::output_file> output;
  if (!given.json.empty()) {
    output = std::make_unique<strata::output_file>(given.json);
    cli::remove_on_interrupt(output->part());
  }
  const auto model = strata::decoder<float>::load(given.model);
  for (const std::string& warning : model.config().warnings)
    std::fprintf(stderr, "strata: warning: %s\n", warning.c_str());

  strata::trace_description about{given.model, model.parameters(), model.shape(), {}};
  const std::string tokenizer_file = given.model + "/tokenizer.json";
  std::optional<strata::tokenizer> tokenizer;
  std::vector<strata::token_id> tokens = given.tokens;
  if (tokens.empty()) {
    tokenizer = strata::tokenizer::from_file(tokenizer_file);
    tokens = tokenizer->encode(given.file.empty() ? given.text : text_of(given.file));
  } else if (std::ifstream(tokenizer_file)) {
    tokenizer = strata::tokenizer::from_file(tokenizer_file);
  }
  if (tokenizer)
    about.piece = [&](strata::token_id token) {
      return static_cast<std::size_t>(token) < tokenizer->vocabulary() ? tokenizer->piece(token) : std::string("?");
    };

  if (isatty(STDERR_FILENO) != 0) given.options.progress = show_progress;
  const auto result = strata::trace(model, tokens, given.options);
  if (output) {
    output->commit(strata::json_text(strata::to_json(result, given.options, about)));
    cli::remove_on_interrupt("");
  }
  cli::trace_printer(about, cli::palette(cli::wants_colour(STDOUT_FILENO))).print(result);
}

void info(const arguments& given) {
  const auto model = strata::decoder<float>::load(given.model);
  const strata::llama_config& config = model.config();
  const std::size_t tokens = given.prompt_length == 0 ? config.context : given.prompt_length;
  std::printf("model        %s\n", given.model.c_str());
  std::printf("architecture llama, %s blocks\n",
              model.shape().block == strata::block_kind::parallel ? "parallel" : "sequential");
  std::printf("layers       %zu\n", config.layers);
  std::printf("heads        %zu (%zu for keys and values) of width %zu\n", config.heads, config.kv_heads,
              config.head_width);
  std::printf("width        %zu (MLP %zu)\n", config.width, config.mlp_width);
  std::printf("vocabulary   %zu\n", config.vocabulary);
  std::printf("context      %zu tokens\n", config.context);
  std::printf("parameters   %s\n", cli::grouped(model.parameters()).c_str());
  std::printf("edges        %s for a prompt of %zu tokens%s\n",
              cli::grouped(strata::graph(model.shape(), tokens).edge_count()).c_str(), tokens,
              given.prompt_length == 0 ? " (the whole context; --tokens N for another length)" : "");
}

void define(CLI::App& app, arguments& given) {
  app.set_version_flag("--version", std::string("strata ") + strata::version);
  app.require_subcommand(1);

  CLI::App* trace =
      app.add_subcommand("trace", "Find the part of the model's computation that made its next-token prediction");
  trace->add_option("--model", given.model,
                    "Folder with config.json, model.safetensors, tokenizer.json (default: the bundled model)");
  auto* prompt = trace->add_option_group("prompt", "The prompt, in one of three ways");
  prompt->add_option("--text", given.text, "The prompt");
  prompt->add_option("--file", given.file, "A file with the prompt; - is standard input");
  prompt->add_option("--tokens", given.tokens, "Token ids: 1,2,3")->delimiter(',');
  prompt->require_option(1);
  trace->add_option("--target", given.options.target, "A token whose cross-entropy and rank go into the JSON");
  trace
      ->add_option("--sizes", given.options.sizes,
                   "Sizes as shares of all edges, rising, in (0, 1]: 0.001,0.01,0.1 (default: the published 27)")
      ->delimiter(',');
  const std::map<std::string, strata::attention_mask> variants{
      {"after_softmax", strata::attention_mask::after_softmax},
      {"before_softmax", strata::attention_mask::before_softmax},
      {"ignored", strata::attention_mask::ignored}};
  trace
      ->add_option("--attention-mask", given.options.attention,
                   "What dropping an attention edge does: after_softmax (default), before_softmax, ignored")
      ->transform(CLI::Transformer(variants))
      ->check(CLI::IsMember({strata::attention_mask::after_softmax, strata::attention_mask::before_softmax,
                             strata::attention_mask::ignored}));
  trace->add_option("--json", given.json, "Also write everything to this file");

  CLI::App* info = app.add_subcommand("info", "Shape, parameters and number of edges of a model");
  info->add_option("--model", given.model, "Folder of the model (default: the bundled model)");
  info->add_option("--tokens", given.prompt_length,
                   "Length of the prompt whose edges are counted (default: the context)")
      ->check(CLI::PositiveNumber);
}

int fail(int code, const std::string& what) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K");
  std::fprintf(stderr, "strata: %s\n", what.c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int failed = 1, wrong_use = 2;
  cli::leave_on_interrupt();
  arguments given;
  CLI::App app("strata: which part of a language model's computation made a prediction", "strata");
  define(app, given);
  try {
    app.parse(argc, argv);
    app.got_subcommand("trace") ? trace(given) : info(given);
    if (std::fflush(stdout) != 0) return fail(failed, "the output could not be written");
    return 0;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    return fail(wrong_use, std::string(e.what()) + " (strata --help tells more)");
  } catch (const strata::option_error& e) {
    return fail(wrong_use, e.what());
  } catch (const std::exception& e) {
    return fail(failed, e.what());
  }
}
