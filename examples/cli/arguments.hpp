// What the command line says, and what its texts mean.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/machine_memory.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/generate.hpp"
#include "strata/graph/shape.hpp"
#include "strata/measure/circuit_metrics.hpp"
#include "strata/measure/curve.hpp"
#include "strata/measure/sampling.hpp"
#include "strata/model/json_text.hpp"
#include "strata/report/json.hpp"
#include "strata/score/any_rule.hpp"
#include "strata/select.hpp"
#include "strata/trace_options.hpp"

namespace cli {

struct arguments {
  std::string model = STRATA_DEFAULT_MODEL;
  std::optional<std::string> text, file, tokens;  // the prompt, in one of three ways
  std::optional<std::string> sizes, target, json;
  std::optional<std::string> attention_mask;
  std::optional<std::string> max_memory, max_size, threads;
  std::string select = "best_first";
  std::optional<std::string> score;
  std::optional<std::string> leverage_k, seed, tau, freeze;
  std::optional<std::string> search, budget, objective;
  std::optional<std::string> sensitivity, sensitivity_of;
  bool minus_dropped = false;
  bool inverse = false, published = false, states = false, components = false;
  std::optional<std::string> metric;
  std::string ablation = "zero";
  std::optional<std::string> reference, resample_text, resample_tokens;  // what dropped edges contribute
  bool frozen_pattern = false, rescale_nodes = false, causal_mean = false;
  bool bos = false, no_bos = false;
  std::optional<std::string> edges, dot, graphml, drawn, masks;  // files of the graph
  std::optional<std::string> mask, noise;                        // evaluate
  std::optional<std::string> prompt_length;                      // info and those with --prompts
  std::optional<std::string> length, every, temperature, top_p;  // generate
  std::optional<std::string> prompts, out;                       // reference, calibrate, compare-searches
  std::optional<std::string> skip, limit;                        // those with --prompts
  std::optional<std::string> searches;                           // compare-searches
  bool no_controls = false;
  bool controls = false;  // trace
  std::optional<std::string> control_text;
  bool mass_mean = false;
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

inline std::size_t threads_of(const arguments& given) {
  if (!given.threads) return strata::detail::default_threads();
  const auto threads = number_of<std::size_t>("--threads", *given.threads);
  strata::detail::check_threads(threads);
  return threads;
}

// "8G", "8GB", "8GiB" → 8 · 2³⁰ bytes; K, M, G and T count by 1,024.
inline std::size_t memory_bound_of(const arguments& given) {
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

// Whether the search goes by what the prediction depends on.
inline bool searches_by_gradient(const arguments& given) { return given.search.value_or("greedy") != "greedy"; }

// Whether it swaps edges, too.
inline bool swaps(const arguments& given) { return given.search == "nested-swap" || given.search == "trying-swaps"; }

inline std::string score_of(const arguments& given) {
  return given.score.value_or(searches_by_gradient(given) ? "sensitivity" : "l1");
}

// Refuses options that do not go together.
inline void check_search(const arguments& given) {
  using strata::option_error;
  using strata::raise;
  const std::string search = given.search.value_or("greedy");
  for (const auto& [option, is_given] :
       {std::pair("--budget", given.budget.has_value()), std::pair("--objective", given.objective.has_value())})
    if (is_given && !swaps(given)) raise<option_error>(option, " goes with --search nested-swap and trying-swaps");
  if (search == "greedy") return;
  if (search == "sensitivity" && !strata::needs_sensitivities(score_of(given)))
    raise<option_error>("--search sensitivity goes with --score sensitivity and share_sensitivity, not ",
                        score_of(given));
  if (given.select != "best_first" && (swaps(given) || given.select == "random_connected"))
    raise<option_error>("--search ", search, " gives an order of edges, which --select ", given.select,
                        " does not use");
  if (given.published) raise<option_error>("--published is about the greedy search");
  if (swaps(given) && given.freeze)
    raise<option_error>("nested swap search tries masks without frozen components: it does not go with --freeze");
}

inline std::optional<strata::swap_options> swap_of(const arguments& given) {
  if (!swaps(given)) return std::nullopt;
  strata::swap_options swap = given.search == "trying-swaps" ? strata::trying_swaps() : strata::swap_options();
  if (given.budget) {
    swap.budget = number_of<std::size_t>("--budget", *given.budget);
    if (swap.budget < 2)
      strata::raise<strata::option_error>("--budget: ", swap.budget,
                                          ", expected at least 2: a gradient, and a try of what it says");
  }
  return swap;
}

inline strata::objective objective_of(const arguments& given) {
  for (std::size_t i = 0; i < strata::objective_names.size(); ++i)
    if (given.objective == strata::objective_names[i]) return static_cast<strata::objective>(i);
  return strata::objective::kl;
}

inline strata::rule_settings rule_settings_of(const arguments& given) {
  strata::rule_settings settings;
  if (given.leverage_k) settings.k = number_of<std::size_t>("--leverage-k", *given.leverage_k);
  if (given.seed) settings.seed = number_of<std::uint64_t>("--seed", *given.seed);
  return settings;
}

inline strata::selection_options selection_of(const arguments& given) {
  strata::selection_options select;
  for (std::size_t i = 0; i < strata::selection_names.size(); ++i)
    if (given.select == strata::selection_names[i]) select.how = static_cast<strata::selection>(i);
  const bool has_tau = select.how == strata::selection::threshold || select.how == strata::selection::nucleus;
  if (has_tau != given.tau.has_value())
    strata::raise<strata::option_error>(has_tau ? "--select " + given.select + " needs --tau"
                                                : "--tau goes with --select threshold and --select nucleus");
  if (given.tau) select.tau = number_of<double>("--tau", *given.tau);
  if (select.tau != select.tau) strata::raise<strata::option_error>("--tau: is not a number");
  const auto useless = [&](bool is_given, const char* option, const char* without) {
    if (is_given) strata::raise<strata::option_error>(option, " does nothing with --select ", given.select, without);
  };
  useless(has_tau && given.sizes, "--sizes", ", which gives one trace");
  useless(has_tau && given.max_size, "--max-size", ", which gives one trace");
  const bool random = select.how == strata::selection::random_connected;
  useless(random && given.score, "--score", "");
  useless(random && given.freeze, "--freeze", "");
  useless(given.leverage_k && score_of(given) != "leverage", "--leverage-k", " but with --score leverage");
  if (given.seed) select.seed = rule_settings_of(given).seed;
  if (given.freeze) select.frozen = strata::components::parse(*given.freeze);
  select.inverse = given.inverse;
  select.count_frozen = select.keep_residuals = select.published_ways = select.round_to_half = given.published;
  return select;
}

// What a trace is to do: log_probability:TOKEN, or logit_difference:TOKEN:TOKEN of two.
struct chosen_metric {
  std::string name;
  bool difference = false;
  std::size_t a = 0, b = 0;

  chosen_metric(std::string text, std::size_t vocabulary) : name(std::move(text)) {
    const std::size_t first = name.find(':'), second = first == std::string::npos ? first : name.find(':', first + 1);
    const std::string_view kind = std::string_view(name).substr(0, first);
    difference = kind == "logit_difference";
    if ((!difference && kind != "log_probability") || first == std::string::npos ||
        difference != (second != std::string::npos))
      strata::raise<strata::option_error>("--metric: ", strata::detail::in_quotes(name),
                                          ", expected log_probability:TOKEN or logit_difference:TOKEN:TOKEN");
    const auto token = [&](std::string_view id) {
      const auto read = number_of<std::size_t>("--metric", id);
      if (read >= vocabulary)
        strata::raise<strata::option_error>("--metric: token ", read, ", outside the vocabulary of ", vocabulary);
      return read;
    };
    a = token(std::string_view(name).substr(first + 1, difference ? second - first - 1 : std::string::npos));
    if (difference) b = token(std::string_view(name).substr(second + 1));
  }

  [[nodiscard]] double operator()(std::span<const float> logits) const {
    return difference ? strata::logit_difference{a, b}(logits) : strata::log_probability_of{a}(logits);
  }
};

inline strata::attention_mask attention_mask_of(const arguments& given) {
  using variant = strata::attention_mask;
  if (!given.attention_mask) return given.published ? variant::ignored : variant::after_softmax;
  for (const auto named : {variant::before_softmax, variant::ignored})
    if (*given.attention_mask == strata::name_of(named)) return named;
  return variant::after_softmax;
}

inline strata::trace_options options_of(const arguments& given) {
  strata::trace_options options;
  if (given.sizes && *given.sizes == "mib")
    options.sizes.assign(strata::mib_sizes.begin(), strata::mib_sizes.end());
  else if (given.sizes)
    options.sizes = numbers_of<double>("--sizes", *given.sizes);
  strata::check_sizes(options.sizes);
  if (given.max_size) options.max_size = number_of<double>("--max-size", *given.max_size);
  options.threads = threads_of(given);
  if (given.target) options.target = number_of<strata::token_id>("--target", *given.target);
  options.attention = attention_mask_of(given);
  options.select = selection_of(given);
  options.minus_dropped = given.minus_dropped || (searches_by_gradient(given) && given.ablation != "zero");
  options.swap = swap_of(given);
  options.swap_objective = objective_of(given);
  return options;
}

// Greedy, unless something is said about sampling.
inline strata::generation_options generation_of(const arguments& given) {
  strata::generation_options options;
  if (given.length) options.length = number_of<std::size_t>("--length", *given.length);
  if (given.top_p || given.seed) options.sampling.temperature = 1;
  if (given.temperature) options.sampling.temperature = number_of<double>("--temperature", *given.temperature);
  if (given.top_p) options.sampling.top_p = number_of<double>("--top-p", *given.top_p);
  if (given.seed) options.sampling.seed = number_of<std::uint64_t>("--seed", *given.seed);
  static_cast<void>(strata::sampler(options.sampling));  // refuses what cannot be
  return options;
}

}  // namespace cli
