// The program strata: traces a prompt, and tells about a model.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include "interrupt.hpp"
#include "on_screen.hpp"
#include "strata/model/decoder.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/model_files.hpp"
#include "strata/model/weight_files.hpp"
#include "strata/report/json.hpp"
#include "strata/report/output_file.hpp"
#include "strata/strata.hpp"
#include "strata/text/tokenizer.hpp"
#include "terminal.hpp"

namespace {

struct arguments {
  std::string model = STRATA_DEFAULT_MODEL;
  std::optional<std::string> text, file, tokens;  // the prompt, in one of three ways
  std::optional<std::string> sizes, target, json;
  std::string attention_mask = "after_softmax";
  std::optional<std::string> prompt_length;  // info
};

// "0.1" → 0.1; the whole text must be a number.
template <class Number>
Number number_of(const char* option, std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    strata::raise<strata::option_error>(option, ": ", strata::detail::in_quotes(text), " is not ",
                                        std::is_integral_v<Number> ? "a whole number that fits" : "a number");
  return value;
}

// "1,2,3" → {1, 2, 3}
template <class Number>
std::vector<Number> numbers_of(const char* option, std::string_view text) {
  std::vector<Number> values;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    values.push_back(number_of<Number>(option, text.substr(begin, comma - begin)));
    begin = comma + 1;
  }
  return values;
}

strata::trace_options options_of(const arguments& given) {
  strata::trace_options options;
  if (given.sizes) options.sizes = numbers_of<double>("--sizes", *given.sizes);
  strata::check_sizes(options.sizes);
  if (given.target) options.target = number_of<strata::token_id>("--target", *given.target);
  for (const auto variant : {strata::attention_mask::before_softmax, strata::attention_mask::ignored})
    if (given.attention_mask == strata::name_of(variant)) options.attention = variant;
  return options;
}

void require_one_prompt(const arguments& given) {
  if (given.text.has_value() + given.file.has_value() + given.tokens.has_value() != 1)
    strata::raise<strata::option_error>(
        "give the prompt in one of three ways: --text \"Once upon a time there was a\", --file FILE, --tokens 1,2,3");
}

std::string text_of(const std::string& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    strata::raise<strata::data_error>(file, ": is a folder, expected a file with the prompt");
  std::string text;
  if (file == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream in(file, std::ios::binary);
    if (!in) strata::raise<strata::data_error>(file, ": cannot be read");
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  // The newline that ends a text file is not part of the prompt.
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
  return text;
}

bool show_progress(const strata::trace_progress& progress) {
  if (progress.stage == "evaluate" && progress.done == progress.total) {
    cli::detail::progress_shown = 0;
    std::fprintf(stderr, "\r\033[K");
    return true;
  }
  cli::detail::progress_shown = 1;
  if (progress.stage == "evaluate") {
    std::fprintf(stderr, "\r\033[Kevaluating size %zu of %zu", progress.done + 1, progress.total);
  } else {
    std::fprintf(stderr, "\r\033[K%s",
                 progress.stage == "check"    ? "checking the forward pass"
                 : progress.stage == "record" ? "recording"
                                              : "ordering the edges");
  }
  return true;
}

void trace(const arguments& given) {
  require_one_prompt(given);
  strata::trace_options options = options_of(given);
  std::vector<strata::token_id> tokens;
  if (given.tokens) tokens = numbers_of<strata::token_id>("--tokens", *given.tokens);

  std::unique_ptr<strata::output_file> output;
  if (given.json) {
    const cli::interrupts_wait together;
    output = std::make_unique<strata::output_file>(*given.json);
    cli::remove_on_interrupt(output->part());
  }
  const auto model = strata::decoder<float>::load(given.model);
  for (const std::string& warning : model.config().warnings)
    std::fprintf(stderr, "strata: warning: %s\n", warning.c_str());

  strata::trace_description about{given.model, model.parameters(), model.shape(), {}};
  const std::string tokenizer_file = given.model + "/tokenizer.json";
  std::optional<strata::tokenizer> tokenizer;
  if (!given.tokens || std::filesystem::exists(tokenizer_file))
    tokenizer = strata::tokenizer::from_file(tokenizer_file);
  if (!given.tokens) tokens = tokenizer->encode(given.file ? text_of(*given.file) : *given.text);
  if (tokenizer)
    about.piece = [&](strata::token_id token) -> std::optional<std::string> {
      if (static_cast<std::size_t>(token) >= tokenizer->vocabulary()) return std::nullopt;
      return tokenizer->piece(token);
    };

  if (isatty(STDERR_FILENO) != 0) options.progress = show_progress;
  const auto result = strata::trace(model, tokens, options);
  if (output) {
    const cli::interrupts_wait together;
    output->commit(strata::json_text(strata::to_json(result, options, about)));
    cli::remove_on_interrupt("");
  }
  cli::trace_printer(about, cli::palette(cli::wants_colour(STDOUT_FILENO)), cli::line_columns(STDOUT_FILENO))
      .print(result, options.target);
}

void info(const arguments& given) {
  std::size_t tokens = 0;
  if (given.prompt_length) tokens = number_of<std::size_t>("--tokens", *given.prompt_length);
  if (given.prompt_length && tokens == 0) strata::raise<strata::option_error>("--tokens: 0, expected at least 1");
  const strata::model_files files = strata::open_model_files(given.model);
  if (files.config.empty())
    strata::raise<strata::data_error>(files.weights.string(), ": settings in a GGUF file, expected a config.json");
  const strata::llama_config config = strata::load_llama_config(files.config);
  const strata::weight_files weights = strata::load_weight_files(files);  // only its table of tensors is read
  std::size_t parameters = 0;
  for (const std::string& name : weights.names()) parameters += weights.tensor(name).elements();
  const strata::model_shape shape{config.layers, config.heads, config.width, config.vocabulary, config.context};
  if (!given.prompt_length) tokens = config.context;
  if (tokens > config.context)
    strata::raise<strata::option_error>("--tokens: ", tokens, ", the model's context is ", config.context);
  const auto line = [](const char* word, const std::string& value) { std::printf("%-13s%s\n", word, value.c_str()); };
  line("model", given.model);
  line("architecture", "llama, sequential blocks");
  line("layers", std::to_string(config.layers));
  line("heads",
       strata::concat(config.heads, " (", config.kv_heads, " for keys and values) of width ", config.head_width));
  line("width", strata::concat(config.width, " (MLP ", config.mlp_width, ")"));
  line("vocabulary", cli::grouped(config.vocabulary));
  line("context", strata::concat(config.context, config.context == 1 ? " token" : " tokens"));
  line("parameters", cli::grouped(parameters));
  line("edges", strata::concat(cli::grouped(strata::graph(shape, tokens).edge_count()), " for a prompt of ", tokens,
                               tokens == 1 ? " token" : " tokens",
                               given.prompt_length ? "" : " (the whole context; --tokens N for another length)"));
}

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

  CLI::App* trace =
      app.add_subcommand("trace", "Find the part of the model's computation that made its next-token prediction");
  named(add(trace, "--model", given.model, "DIR",
            "Folder with config.json, model.safetensors, tokenizer.json (default: the bundled model)"));
  auto* prompt = trace->add_option_group("Prompt", "one of:");
  add(prompt, "--text", given.text, "TEXT", "The prompt itself");
  named(add(prompt, "--file", given.file, "FILE", "A file with the prompt; - is standard input"));
  add(prompt, "--tokens", given.tokens, "IDS", "Token ids: 1,2,3");
  add(trace, "--target", given.target, "ID", "Also measure this token: probability, cross-entropy, rank");
  add(trace, "--sizes", given.sizes, "LIST",
      "Sizes as shares of all edges, rising, in (0, 1]: 0.001,0.01,0.1 (default: the published 27)");
  add(trace, "--attention-mask", given.attention_mask, "HOW",
      "What dropping an attention edge does: after_softmax (default), before_softmax, ignored")
      ->check(CLI::Validator(
          [](const std::string& name) {
            for (const auto variant : {strata::attention_mask::after_softmax, strata::attention_mask::before_softmax,
                                       strata::attention_mask::ignored})
              if (name == strata::name_of(variant)) return std::string();
            return "expected after_softmax, before_softmax or ignored, found " + strata::detail::in_quotes(name);
          },
          ""));
  named(add(trace, "--json", given.json, "FILE", "Also write everything to this file (docs/json.md)"));

  CLI::App* info = app.add_subcommand("info", "Shape, parameters and number of edges of a model");
  named(add(info, "--model", given.model, "DIR", "Folder of the model (default: the bundled model)"));
  add(info, "--tokens", given.prompt_length, "N",
      "Length of the prompt whose edges are counted (default: the context)");
}

// One sentence on one line, whatever a name or a file has put into it.
int fail(int code, std::string what) {
  std::replace_if(
      what.begin(), what.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  std::fprintf(stderr, "%sstrata: %s\n", cli::detail::progress_shown != 0 ? "\r\033[K" : "", what.c_str());
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
