// The program strata: traces a prompt, traces while generating, and tells about a model.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "arguments.hpp"
#include "commands.hpp"
#include "interrupt.hpp"
#include "on_screen.hpp"
#include "strata/core/error.hpp"
#include "strata/core/version.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/model/json_text.hpp"
#include "strata/report/json.hpp"

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
    option->check(CLI::Validator([](const std::string& text) { return text.empty() ? "the name is empty" : ""; }, ""));
  };

  const char* const memory =
      "Memory that the run may take, such as 500M or 8G (default: 80 % of the machine's): above it weights are "
      "expanded "
      "layer by layer and scores computed again";

  const auto add_model_and_prompt = [&](CLI::App* to) {
    named(add(
        to, "--model", given.model, "MODEL",
        "Folder with config.json, safetensors files and tokenizer.json, or a GGUF file (default: the bundled model)"));
    auto* prompt = to->add_option_group("Prompt", "one of:");
    add(prompt, "--text", given.text, "TEXT", "The prompt itself");
    named(add(prompt, "--file", given.file, "FILE", "A file with the prompt; - is standard input"));
    add(prompt, "--tokens", given.tokens, "IDS", "Token ids: 1,2,3");
    auto* with =
        to->add_flag("--bos", given.bos, "Put the begin-of-text token before the text, whatever the tokenizer says");
    to->add_flag("--no-bos", given.no_bos, "Do not put it there")->excludes(with);
  };
  const auto add_trace_options = [&](CLI::App* to) {
    add(to, "--sizes", given.sizes, "LIST",
        "Sizes as shares of all edges, rising, in (0, 1]: 0.001,0.01,0.1 (default: the published 27)");
    add(to, "--attention-mask", given.attention_mask, "HOW",
        "What dropping an attention edge does: after_softmax (default), before_softmax, ignored")
        ->check(CLI::Validator(
            [](const std::string& name) {
              for (const auto variant : {strata::attention_mask::after_softmax, strata::attention_mask::before_softmax,
                                         strata::attention_mask::ignored})
                if (name == strata::name_of(variant)) return std::string();
              return "expected after_softmax, before_softmax or ignored, found " + strata::detail::in_quotes(name);
            },
            ""));
    add(to, "--max-size", given.max_size, "SIZE", "Leave larger sizes out; the search ends there");
    add(to, "--threads", given.threads, "N",
        "Threads; the result is the same for any number (default: all processors, OMP_NUM_THREADS)");
    add(to, "--max-memory", given.max_memory, "SIZE", memory);
    named(add(to, "--json", given.json, "FILE", "Also write everything to this file (docs/json.md)"));
  };

  CLI::App* trace =
      app.add_subcommand("trace", "Find the part of the model's computation that made its next-token prediction");
  add_model_and_prompt(trace);
  add(trace, "--target", given.target, "ID", "Also measure this token: probability, cross-entropy, rank");
  add_trace_options(trace);

  CLI::App* generate = app.add_subcommand("generate", "Let the model go on with a text, and trace each of its tokens");
  add_model_and_prompt(generate);
  add(generate, "--length", given.length, "N", "Tokens to generate at most; end-of-text ends it (default: 20)");
  add(generate, "--every", given.every, "N", "Trace the first token and every N-th after it (default: 1; 0: none)");
  add(generate, "--temperature", given.temperature, "T",
      "Draw tokens, with logits divided by T (default: 1 with --top-p or --seed, otherwise 0: the most probable "
      "token)");
  add(generate, "--top-p", given.top_p, "P", "Draw from the nucleus of this probability, in (0, 1] (default: 1)");
  add(generate, "--seed", given.seed, "N", "Of the draws; the same seed draws the same tokens (default: 0)");
  add_trace_options(generate);

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
    app.got_subcommand("trace")      ? cli::trace(given)
    : app.got_subcommand("generate") ? cli::generate(given)
                                     : cli::info(given);
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
