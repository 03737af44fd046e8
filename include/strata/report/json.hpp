/// A trace as JSON. docs/json.md says what every key means.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/version.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/graph/edge.hpp"
#include "strata/graph/shape.hpp"
#include "strata/measure/nucleus.hpp"
#include "strata/measure/recovery.hpp"
#include "strata/measure/softmax.hpp"
#include "strata/score/any_rule.hpp"
#include "strata/select.hpp"
#include "strata/trace.hpp"

namespace strata {

/// Number of the JSON's form; it changes when a reader of the old form would misread the new one.
inline constexpr int json_schema = 1;

[[nodiscard]] constexpr std::string_view name_of(attention_mask variant) {
  switch (variant) {
    case attention_mask::before_softmax:
      return "before_softmax";
    case attention_mask::ignored:
      return "ignored";
    default:
      return "after_softmax";
  }
}

/// A token and its probability.
struct token_probability {
  token_id token = 0;
  double probability = 0;
};

/// The most probable tokens, best first.
template <class T>
[[nodiscard]] std::vector<token_probability> top_tokens(std::span<const T> logits, std::size_t count) {
  std::vector<token_probability> top;
  const double normaliser = log_sum_exp<T>(logits);
  ranking<T> ranked(logits);
  for (const std::size_t token : ranked.first(std::min(count, logits.size())))
    top.push_back({static_cast<token_id>(token), std::exp(static_cast<double>(logits[token]) - normaliser)});
  return top;
}

/// What a report says of a trace beside its result.
struct trace_description {
  std::string model;           // where it came from
  std::size_t parameters = 0;  // 0: not known
  model_shape shape;
  std::function<std::optional<std::string>(token_id)> piece;  // the bytes of a token, if known; empty: no tokenizer
  std::string score = "l1";                                   // the rule that the trace was made with
  rule_settings settings{};                                   // of leverage and random
  std::string masks{};            // the file that the masks come from; empty: they were found
  std::string ablation = "zero";  // what dropped edges contribute: "zero", "mean", "resample", "mass-mean"
  bool frozen_pattern = false;    // whether masked runs used the plain run's attention weights,
  bool rescaled_nodes = false;    // and gave nodes their norms there
  bool causal_mean = false;       // whether mass means were over the tokens up to each target
  std::string sensitivity{};      // where the sensitivities of nodes come from; empty: the score needs none
};

namespace detail {

/// The bytes in hex if they are not UTF-8 by themselves (a part of a character), otherwise nothing.
[[nodiscard]] inline std::string hex_unless_utf8(const std::string& bytes) {
  using json = nlohmann::json;
  const std::string strict = json(bytes).dump(-1, ' ', false, json::error_handler_t::ignore);
  const std::string replaced = json(bytes).dump(-1, ' ', false, json::error_handler_t::replace);
  std::string hex;
  if (strict == replaced) return hex;
  for (const char c : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    hex += digits[static_cast<unsigned char>(c) / 16];
    hex += digits[static_cast<unsigned char>(c) % 16];
  }
  return hex;
}

/// A token's piece as text, and its bytes in hex where they are not UTF-8 by themselves; null where there is none.
struct json_piece {
  nlohmann::ordered_json text, bytes;

  json_piece(const trace_description& description, token_id token) {
    const std::optional<std::string> piece = description.piece ? description.piece(token) : std::nullopt;
    if (!piece) return;
    text = *piece;
    if (const std::string hex = hex_unless_utf8(*piece); !hex.empty()) bytes = hex;
  }
};

[[nodiscard]] inline nlohmann::ordered_json json_of(const model_shape& shape) {
  return {{"layers", shape.layers},   {"heads", shape.heads},
          {"width", shape.width},     {"vocabulary", shape.vocabulary},
          {"context", shape.context}, {"block", shape.block == block_kind::parallel ? "parallel" : "sequential"}};
}

[[nodiscard]] inline nlohmann::ordered_json json_of(const trace_point& point, const trace_description& description) {
  const faithfulness& m = point.measured;
  nlohmann::ordered_json made_of;
  for (std::size_t k = 0; k < edge_kind_names.size(); ++k)
    made_of[std::string(edge_kind_names[k])] = point.made_of.kinds[k];
  made_of["depth_quartiles"] = point.made_of.quartiles;
  nlohmann::ordered_json out{{"size", point.size},
                             {"edges", point.edges},
                             {"kl", m.kl},
                             {"tv", m.total_variation},
                             {"js", m.jensen_shannon},
                             {"top1", m.top1},
                             {"nucleus", m.nucleus},
                             {"nucleus_size", m.nucleus_size},
                             {"entropy", m.entropy},
                             {"cross_entropy", nullptr},
                             {"rank", nullptr},
                             {"top_token", m.top_token},
                             {"top_piece", nullptr},
                             {"first_tokens", m.first_five},
                             {"reaches_input", point.made_of.reaches_input},
                             {"composition", std::move(made_of)}};
  if (m.cross_entropy) out["cross_entropy"] = *m.cross_entropy;
  if (m.rank) out["rank"] = *m.rank;
  const json_piece top(description, static_cast<token_id>(m.top_token));
  out["top_piece"] = top.text;
  if (!top.bytes.is_null()) out["top_bytes"] = top.bytes;
  return out;
}

/// What nested swap search was to do, and what it found.
[[nodiscard]] inline nlohmann::ordered_json json_of(const swap_options& swap, objective which) {
  return {{"objective", name_of(which)},
          {"sizes", swap.sizes},
          {"rounds", swap.rounds},
          {"swapped", swap.swapped},
          {"widen", swap.widen},
          {"narrow", swap.narrow},
          {"tried", swap.tried},
          {"grow", swap.grow},
          {"budget", swap.budget == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(swap.budget)}};
}
[[nodiscard]] inline nlohmann::ordered_json json_of(const std::vector<swap_step>& steps, std::size_t evaluations,
                                                    std::size_t trials) {
  nlohmann::ordered_json out{
      {"evaluations", evaluations}, {"trials", trials}, {"steps", nlohmann::ordered_json::array()}};
  for (const swap_step& step : steps) {
    nlohmann::ordered_json found{
        {"size", step.size}, {"edges", step.edges}, {"first", nullptr}, {"last", nullptr}, {"accepted", step.accepted}};
    if (step.first == step.first) {  // not NaN: evaluated
      found["first"] = step.first;
      found["last"] = step.last;
    }
    out["steps"].push_back(std::move(found));
  }
  return out;
}

/// First sizes at which a measure is below 0.5, 0.2, 0.1, 0.05; null where it never is, and of an inverse.
template <class T, class Value>
[[nodiscard]] nlohmann::ordered_json smallest_of(const trace_result<T>& result, bool inverse, Value value) {
  nlohmann::ordered_json out;
  const std::pair<const char*, double> bounds[] = {{"0.5", 0.5}, {"0.2", 0.2}, {"0.1", 0.1}, {"0.05", 0.05}};
  for (const auto& [name, bound] : bounds) {
    const trace_point* point = inverse ? nullptr : result.smallest_below(bound, value);
    out[name] = point == nullptr ? nlohmann::ordered_json() : nlohmann::ordered_json(point->size);
  }
  return out;
}

/// What a document says of the model.
[[nodiscard]] inline nlohmann::ordered_json model_json(const trace_description& description) {
  nlohmann::ordered_json model = json_of(description.shape);
  model["path"] = description.model;
  model["parameters"] =
      description.parameters == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(description.parameters);
  return model;
}

}  // namespace detail

/// Everything of a trace but its single edges.
template <class T>
[[nodiscard]] nlohmann::ordered_json to_json(const trace_result<T>& result, const trace_options& options,
                                             const trace_description& description) {
  using json = nlohmann::ordered_json;
  json out;
  out["schema"] = json_schema;
  out["version"] = version;
  out["model"] = detail::model_json(description);
  std::vector<double> sizes;
  for (const trace_point& point : result.curve) sizes.push_back(point.size);
  out["options"] = {{"sizes", sizes},
                    {"attention_mask", name_of(options.attention)},
                    {"score", description.score},
                    {"ablation", description.ablation},
                    {"frozen_pattern", description.frozen_pattern},
                    {"rescaled_nodes", description.rescaled_nodes},
                    {"causal_mean", description.causal_mean},
                    {"target", options.target ? json(*options.target) : json()},
                    {"check", options.check}};
  out["options"]["leverage_k"] = description.score == "leverage" ? json(description.settings.k) : json();
  out["options"]["sensitivity"] = description.sensitivity.empty() ? json() : json(description.sensitivity);
  out["options"]["minus_dropped"] = options.minus_dropped;
  const selection_options& select = options.select;
  out["options"]["selection"] = name_of(select.how);
  out["options"]["tau"] =
      select.how == selection::threshold || select.how == selection::nucleus ? json(select.tau) : json();
  out["options"]["seed"] = select.how == selection::random_connected ? json(select.seed)
                           : description.score == "random"           ? json(description.settings.seed)
                                                                     : json();
  out["options"]["frozen"] = select.frozen.text();
  out["options"]["inverse"] = select.inverse;
  out["options"]["masks"] = description.masks.empty() ? json() : json(description.masks);
  if (!description.masks.empty()) out["options"]["selection"] = out["options"]["score"] = nullptr;
  out["options"]["published"] = {{"count_frozen", select.count_frozen},
                                 {"keep_residuals", select.keep_residuals},
                                 {"published_ways", select.published_ways},
                                 {"round_to_half", select.round_to_half}};
  out["options"]["swap"] = options.swap ? detail::json_of(*options.swap, options.swap_objective) : json();
  out["tokens"] = result.tokens;
  if (description.piece) {
    json pieces = json::array();
    json bytes = json::array();
    for (const token_id token : result.tokens) {
      detail::json_piece piece(description, token);
      pieces.push_back(std::move(piece.text));
      bytes.push_back(std::move(piece.bytes));
    }
    out["pieces"] = std::move(pieces);
    if (std::any_of(bytes.begin(), bytes.end(), [](const json& hex) { return !hex.is_null(); }))
      out["bytes"] = std::move(bytes);
  } else {
    out["pieces"] = nullptr;
  }
  out["edges_total"] = result.edges.edge_count();
  out["self_check"] = result.self_check;
  out["entropy"] = result.entropy;
  out["density"] = result.density;
  out["tv_area"] = result.tv_area;
  out["top"] = json::array();
  for (const token_probability& top : top_tokens<T>(result.logits, 10)) {
    const detail::json_piece piece(description, top.token);
    json entry{{"token", top.token}, {"piece", piece.text}, {"probability", top.probability}};
    if (!piece.bytes.is_null()) entry["bytes"] = piece.bytes;
    out["top"].push_back(std::move(entry));
  }
  out["smallest"] = {
      {"tv", detail::smallest_of(result, select.inverse, [](const faithfulness& m) { return m.total_variation; })},
      {"kl", detail::smallest_of(result, select.inverse, [](const faithfulness& m) { return m.kl; })}};
  std::vector<faithfulness> measured;
  std::vector<double> measured_sizes;
  for (const trace_point& point : result.curve)
    if (point.size > 0 && (measured_sizes.empty() || point.size > measured_sizes.back())) {
      measured.push_back(point.measured);
      measured_sizes.push_back(point.size);
    }
  std::array<std::optional<double>, recovered_percents.size()> recovered;
  if (!measured.empty() && !options.select.inverse) recovered = recovery(measured_sizes, measured);
  for (std::size_t k = 0; k < recovered.size(); ++k)
    out["smallest"]["nucleus"][std::to_string(recovered_percents[k])] = recovered[k] ? json(*recovered[k]) : json();
  out["swap"] = options.swap ? detail::json_of(result.swaps, result.evaluations, result.trials) : json();
  out["curve"] = json::array();
  for (const trace_point& point : result.curve) out["curve"].push_back(detail::json_of(point, description));
  return out;
}

/// The text of a JSON document: +∞ becomes null, bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] inline std::string json_text(const nlohmann::ordered_json& document) {
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace strata
