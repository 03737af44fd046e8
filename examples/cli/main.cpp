// The program strata: traces a prompt, and tells about a model.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
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
#include <utility>
#include <vector>

#include "about_model.hpp"
#include "interrupt.hpp"
#include "on_screen.hpp"
#include "strata/core/machine_memory.hpp"
#include "strata/detail/product.hpp"
#include "strata/estimate.hpp"
#include "strata/forward/footprint.hpp"
#include "strata/model/decoder.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_footprint.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/model_description.hpp"
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
  std::optional<std::string> max_memory, max_size, threads;
  bool bos = false, no_bos = false;
  std::optional<std::string> prompt_length;  // info
};

// One sentence on one line, whatever a name or a file has put into it.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return text;
}

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

std::size_t threads_of(const arguments& given) {
  if (!given.threads) return strata::detail::default_threads();
  const auto threads = number_of<std::size_t>("--threads", *given.threads);
  strata::detail::check_threads(threads);
  return threads;
}

// "8G", "8GB", "8GiB" → 8 · 2³⁰ bytes; K, M, G and T count by 1,024.
std::size_t memory_bound_of(const arguments& given) {
  if (!given.max_memory) return strata::machine_memory() / 5 * 4;
  const std::string& text = *given.max_memory;
  double bytes = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  std::string unit(static_cast<const char*>(end), text.data() + text.size());
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  constexpr std::string_view units = "KMGT";
  const std::size_t power = unit.empty() ? 0 : units.find(unit[0]) + 1;  // npos + 1 is 0
  const bool known = unit.empty() || unit == "B" ||
                     (power > 0 && (unit.size() == 1 || unit.substr(1) == "B" || unit.substr(1) == "IB"));
  bytes *= std::pow(1024.0, static_cast<double>(power));
  if (error != std::errc() || !known || !(bytes >= 0 && bytes < 1e18))
    strata::raise<strata::option_error>("--max-memory: ", strata::detail::in_quotes(text),
                                        ", expected a number of bytes such as 500M or 8G");
  return static_cast<std::size_t>(bytes);
}

strata::trace_options options_of(const arguments& given) {
  strata::trace_options options;
  if (given.sizes) options.sizes = numbers_of<double>("--sizes", *given.sizes);
  strata::check_sizes(options.sizes);
  if (given.max_size) options.max_size = number_of<double>("--max-size", *given.max_size);
  options.threads = threads_of(given);
  if (given.target) options.target = number_of<strata::token_id>("--target", *given.target);
  for (const auto variant : {strata::attention_mask::before_softmax, strata::attention_mask::ignored})
    if (given.attention_mask == strata::name_of(variant)) options.attention = variant;
  return options;
}

void require_one_prompt(const arguments& given) {
  if (given.tokens && (given.bos || given.no_bos))
    strata::raise<strata::option_error>("--bos and --no-bos are about a text; --tokens are taken as they are");
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

// Of a prompt of token ids the tokenizer only writes the tokens out: where there is none that works, it goes without.
std::optional<strata::tokenizer> tokenizer_of(const arguments& given) {
  if (!given.tokens) return strata::tokenizer::from_file(given.model);
  try {
    const std::filesystem::path path = given.model;
    if (!std::filesystem::is_directory(path) || std::filesystem::exists(path / "tokenizer.json"))
      return strata::tokenizer::from_file(path);
  } catch (const strata::data_error& e) {
    std::fprintf(stderr, "strata: warning: tokens are shown as ids: %s\n", one_line(e.what()).c_str());
  }
  return std::nullopt;
}

strata::special_tokens special_tokens_of(const arguments& given) {
  if (given.bos) return strata::special_tokens::with_begin_of_text;
  return given.no_bos ? strata::special_tokens::without_begin_of_text : strata::special_tokens::as_file_says;
}

bool show_progress(const strata::trace_progress& progress) {
  if (progress.stage == "evaluate" && progress.done == progress.total) {
    cli::detail::progress_shown = 0;
    std::fprintf(stderr, "\r\033[K");
    return true;
  }
  cli::detail::progress_shown = 1;
  if (progress.stage == "evaluate") {
    std::fprintf(stderr, "\r\033[Kevaluating %zu %%", 100 * progress.done / progress.total);
  } else {
    std::fprintf(stderr, "\r\033[K%s",
                 progress.stage == "check"    ? "checking the forward pass"
                 : progress.stage == "record" ? "recording"
                                              : "ordering the edges");
  }
  return true;
}

void print_warnings(const strata::decoder_config& config) {
  for (const std::string& warning : config.warnings)
    std::fprintf(stderr, "strata: warning: %s\n", one_line(warning).c_str());
}

// How a bound for all is shared. Weights are expanded where the trace, in the way that takes less, fits beside them.
struct memory_shares {
  std::size_t weights = 0;
  std::size_t trace = 0;

  // expanded: bytes of the weights when they are expanded.
  memory_shares(std::size_t bound, const strata::decoder_config& config, double expanded, std::size_t tokens,
                strata::trace_options options) {
    options.max_memory = 0;
    const strata::memory_estimate least = strata::likely_memory(
        config.shape(), strata::decoder_footprint(config, options.threads), tokens, options, true, sizeof(float));
    const auto all = static_cast<double>(bound);
    const bool expands = expanded <= 0.75 * all && expanded + least.total <= all;
    if (expands) weights = static_cast<std::size_t>(expanded);
    trace = bound - weights;
  }
};

void trace(const arguments& given) {
  require_one_prompt(given);
  strata::trace_options options = options_of(given);
  static_cast<void>(memory_bound_of(given));  // refused before anything is read
  std::vector<strata::token_id> tokens;
  if (given.tokens) tokens = numbers_of<strata::token_id>("--tokens", *given.tokens);

  std::unique_ptr<strata::output_file> output;
  if (given.json) {
    const cli::interrupts_wait together;
    output = std::make_unique<strata::output_file>(*given.json);
    cli::remove_on_interrupt(output->part());
  }
  // All that is quickly refused goes before the weights are expanded.
  strata::model_description described = strata::describe_model(given.model);
  print_warnings(described.config);
  const std::optional<strata::tokenizer> tokenizer = tokenizer_of(given);
  if (!given.tokens)
    tokens = tokenizer->encode(given.file ? text_of(*given.file) : *given.text, special_tokens_of(given));
  strata::check_prompt(described.config.shape(), tokens);
  // How many weights there are shows a model that expands none.
  const auto parameters = strata::decoder<float>(described, {.max_memory = 0}).parameters();
  const memory_shares shares(memory_bound_of(given), described.config, static_cast<double>(parameters * sizeof(float)),
                             tokens.size(), options);
  options.max_memory = shares.trace;
  static_cast<void>(strata::plan_memory(described.config.shape(),
                                        strata::decoder_footprint(described.config, options.threads), tokens.size(),
                                        options, true, sizeof(float)));
  const strata::decoder<float> model(std::move(described), {.max_memory = shares.weights, .threads = options.threads});

  strata::trace_description about{given.model, model.parameters(), model.shape(), {}};
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
  const std::size_t bound = memory_bound_of(given);
  strata::model_description described = strata::describe_model(given.model);
  const std::string stored = cli::stored_text(*described.weights);
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
  line("vocabulary", cli::grouped(config.vocabulary));
  line("context", strata::concat(config.context, config.context == 1 ? " token" : " tokens"));
  line("parameters", cli::grouped(model.parameters()));
  const double expanded = static_cast<double>(model.parameters()) * sizeof(float);
  line("weights", strata::concat(stored, "; ", cli::memory_text(expanded), " when expanded"));

  const memory_shares shares(bound, config, expanded, tokens, options);
  options.max_memory = shares.trace;
  const strata::pass_footprint pass = model.footprint();
  const auto least = strata::likely_memory(config.shape(), pass, tokens, options, true, sizeof(float));
  line("edges",
       strata::concat(cli::edges_text(least.edges), " for a prompt of ", tokens, tokens == 1 ? " token" : " tokens",
                      given.prompt_length ? "" : " (the whole context; --tokens N for another length)"));
  std::string memory = strata::concat(
      "at most ", cli::memory_text(least.total), " for a trace and ",
      shares.weights > 0 ? cli::memory_text(expanded) + " for expanded weights" : "weights expanded layer by layer",
      "; scores are ", least.recomputed ? "computed again where they are needed" : "stored");
  if (least.total > static_cast<double>(shares.trace))
    memory += "; above the bound of " + cli::memory_text(static_cast<double>(bound)) + ", it would be refused";
  line("memory", memory);
  const auto time = strata::estimate_time(config.shape(), pass, tokens, options, least.recomputed);
  line("time", strata::concat(cli::number("%.3g", time.total), " plain runs at most: ",
                              cli::number("%.2g", time.record), " to record, about ", cli::number("%.2g", time.order),
                              " to order, up to ", cli::number("%.3g", time.sweep), " with masks"));
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
      ->check(CLI::Validator(
          [](const std::string& name) {
            for (const auto variant : {strata::attention_mask::after_softmax, strata::attention_mask::before_softmax,
                                       strata::attention_mask::ignored})
              if (name == strata::name_of(variant)) return std::string();
            return "expected after_softmax, before_softmax or ignored, found " + strata::detail::in_quotes(name);
          },
          ""));
  add(trace, "--max-size", given.max_size, "SIZE", "Leave larger sizes out; the search ends there");
  add(trace, "--threads", given.threads, "N",
      "Threads; the result is the same for any number (default: all processors, OMP_NUM_THREADS)");
  const char* const memory =
      "Memory that the run may take, such as 500M or 8G (default: 80 % of the machine's): above it weights are "
      "expanded "
      "layer by layer and scores computed again";
  add(trace, "--max-memory", given.max_memory, "SIZE", memory);
  named(add(trace, "--json", given.json, "FILE", "Also write everything to this file (docs/json.md)"));

  CLI::App* info = app.add_subcommand("info", "Shape, parameters and number of edges of a model; what a trace takes");
  named(add(info, "--model", given.model, "MODEL", "Folder or GGUF file (default: the bundled model)"));
  add(info, "--tokens", given.prompt_length, "N", "Length of the prompt that is to be traced (default: the context)");
  add(info, "--max-size", given.max_size, "SIZE", "The largest size of the trace (default: 1)");
  add(info, "--max-memory", given.max_memory, "SIZE", memory);
  add(info, "--threads", given.threads, "N", "Threads of the trace (default: all processors, OMP_NUM_THREADS)");
}

int fail(int code, std::string what) {
  std::fprintf(stderr, "%sstrata: %s\n", cli::detail::progress_shown != 0 ? "\r\033[K" : "",
               one_line(std::move(what)).c_str());
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
