// The program strata: traces a prompt, and tells about a model.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "commands.hpp"
#include "interrupt.hpp"
#include "on_screen.hpp"
#include "strata/core/error.hpp"
#include "strata/core/version.hpp"
#include "strata/model/json_text.hpp"
#include "strata/score/any_rule.hpp"
#include "strata/select.hpp"

namespace {

using cli::arguments;

void define(CLI::App& app, arguments& given) {
  app.set_version_flag("--version", std::string("strata ") + strata::version);
  app.require_subcommand(1);

  const auto add = [](CLI::App* to, const char* name, auto& value, const char* value_name, const char* what) {
    return to
        ->add_option_function<std::string>(
            name, [&value](const std::string& text) { value = text; }, what)
        ->type_name(value_name);
  };
  const auto named = [](CLI::Option* option) {
    return option->check(
        CLI::Validator([](const std::string& text) { return text.empty() ? "the name is empty" : ""; }, ""));
  };
  const auto one_of = [](std::vector<std::string> names) {
    return CLI::Validator(
        [names = std::move(names)](const std::string& name) {
          if (std::find(names.begin(), names.end(), name) != names.end()) return std::string();
          std::string expected;
          for (std::size_t i = 0; i < names.size(); ++i)
            expected += (i == 0 ? "" : i + 1 < names.size() ? ", " : " or ") + names[i];
          return "expected " + expected + ", found " + strata::detail::in_quotes(name);
        },
        "");
  };

  CLI::App* trace =
      app.add_subcommand("trace", "Find the part of the model's computation that made its next-token prediction");
  named(add(
      trace, "--model", given.model, "MODEL",
      "Folder with config.json, safetensors files and tokenizer.json, or a GGUF file (default: the bundled model)"));
  auto* prompt = trace->add_option_group("Prompt", "one of:");
  add(prompt, "--text", given.text, "TEXT", "The prompt itself");
  named(add(prompt, "--file", given.file, "FILE", "A file with the prompt; - is standard input"));
  add(prompt, "--tokens", given.tokens, "IDS", "Token ids: 1,2,3");
  auto* with =
      trace->add_flag("--bos", given.bos, "Put the begin-of-text token before the text, whatever the tokenizer says");
  trace->add_flag("--no-bos", given.no_bos, "Do not put it there")->excludes(with);
  add(trace, "--target", given.target, "ID", "Also measure this token: probability, cross-entropy, rank");
  add(trace, "--sizes", given.sizes, "LIST",
      "Sizes as shares of all edges, rising, in (0, 1]: 0.001,0.01,0.1 (default: the published 27)");
  add(trace, "--attention-mask", given.attention_mask, "HOW",
      "What dropping an attention edge does: after_softmax (default), before_softmax, ignored")
      ->check(one_of({"after_softmax", "before_softmax", "ignored"}));
  add(trace, "--max-size", given.max_size, "SIZE", "Leave larger sizes out; the search ends there");
  add(trace, "--threads", given.threads, "N",
      "Threads; the result is the same for any number (default: all processors, OMP_NUM_THREADS)");
  const char* const memory =
      "Memory that the run may take, such as 500M or 8G (default: 80 % of the machine's): above it weights are "
      "expanded "
      "layer by layer and scores computed again";
  add(trace, "--max-memory", given.max_memory, "SIZE", memory);
  named(add(trace, "--json", given.json, "FILE", "Also write everything to this file (docs/json.md)"));

  const auto texts = [](const auto& names) { return std::vector<std::string>(names.begin(), names.end()); };
  add(trace, "--score", given.score, "RULE",
      "How edges are ranked: l1 (default), l2, l1_over_node, proximity, proximity_shifted, cosine, leverage, random")
      ->check(one_of(texts(strata::rule_names)));
  add(trace, "--leverage-k", given.leverage_k, "K", "For --score leverage: so many singular vectors (default: 3)");
  add(trace, "--select", given.select, "HOW",
      "How traces are taken: best_first (default), random_connected, top_scores; threshold or nucleus with --tau: one "
      "trace")
      ->check(one_of(texts(strata::selection_names)));
  add(trace, "--tau", given.tau, "T",
      "Scores above it (threshold), or best scores of each node that add up to it (nucleus)");
  add(trace, "--seed", given.seed, "N", "Of random scores and random traces (default: 0)");
  add(trace, "--freeze", given.freeze, "WHAT",
      "Keep these as soon as their targets are reached, without counting them: attention, mlp, L3, L3.H5, with commas");
  trace->add_flag("--inverse", given.inverse, "Run what the traces leave out, with all residual edges");
  trace->add_flag(
      "--published", given.published,
      "The ways of the published code: attention mask ignored, scores as halves, frozen edges counted, random "
      "traces with all residual edges");
  add(trace, "--ablation", given.ablation, "HOW",
      "What dropped edges contribute: zero (default), mean (of reference prompts), resample (of another prompt)")
      ->check(one_of({"zero", "mean", "resample"}));
  named(add(trace, "--reference", given.reference, "FILE", "For --ablation mean: what strata reference wrote"));
  add(trace, "--resample-text", given.resample_text, "TEXT",
      "For --ablation resample: a prompt with as many tokens, whose edges stand in");
  add(trace, "--resample-tokens", given.resample_tokens, "IDS", "The same as token ids");

  CLI::App* reference = app.add_subcommand(
      "reference", "Average what edges contribute over reference prompts, for trace --ablation mean");
  named(add(reference, "--model", given.model, "MODEL", "Folder or GGUF file (default: the bundled model)"));
  named(add(reference, "--prompts", given.prompts, "FILE",
            "One prompt a line, up to a tab; - is standard input. Shorter ones are left out"))
      ->required();
  add(reference, "--tokens", given.prompt_length, "N",
      "Tokens of each prompt that are used: the longest prompt to trace")
      ->required();
  named(add(reference, "--out", given.out, "FILE", "The file to write"))->required();
  reference->add_flag("--bos", given.bos, "Put the begin-of-text token before each prompt");
  reference->add_flag("--no-bos", given.no_bos, "Do not put it there");
  add(reference, "--threads", given.threads, "N", "Threads (default: all processors, OMP_NUM_THREADS)");
  add(reference, "--max-memory", given.max_memory, "SIZE", memory);

  CLI::App* info = app.add_subcommand("info", "Shape, parameters and number of edges of a model; what a trace takes");
  named(add(info, "--model", given.model, "MODEL", "Folder or GGUF file (default: the bundled model)"));
  add(info, "--tokens", given.prompt_length, "N", "Length of the prompt that is to be traced (default: the context)");
  add(info, "--max-size", given.max_size, "SIZE", "The largest size of the trace (default: 1)");
  add(info, "--max-memory", given.max_memory, "SIZE", memory);
  add(info, "--threads", given.threads, "N", "Threads of the trace (default: all processors, OMP_NUM_THREADS)");
}

int fail(int code, std::string what) {
  std::fprintf(stderr, "%sstrata: %s\n", cli::detail::progress_shown != 0 ? "\r\033[K" : "",
               cli::one_line(std::move(what)).c_str());
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
    const std::pair<const char*, void (*)(const arguments&)> commands[] = {
        {"trace", cli::trace}, {"info", cli::info}, {"reference", cli::reference}};
    for (const auto& [name, command] : commands)
      if (app.got_subcommand(name)) command(given);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return fail(failed, "the output could not be written");
    return 0;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    return fail(wrong_use, std::string(e.what()) + " (strata --help tells more)");
  } catch (const strata::option_error& e) {
    return fail(wrong_use, e.what());
  } catch (const std::bad_alloc&) {
    return fail(failed, "not enough memory");
  } catch (const std::exception& e) {
    return fail(failed, e.what());
  }
}
