/// The s-Trace of one prompt: which part of the model's computation made the prediction, at every size.
///
///   prompt → recorded run → edge scores → edge order → nested subgraphs → masked runs → divergences → curve
///
/// Source: Kervadec et al., Tracing Computation Density in LLMs, arXiv 2605.27033.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/detail/product.hpp"
#include "strata/estimate.hpp"
#include "strata/evaluate.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/footprint.hpp"
#include "strata/forward/gradient_hooks.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"
#include "strata/masked_divergence.hpp"
#include "strata/measure/curve.hpp"
#include "strata/measure/faithfulness.hpp"
#include "strata/score/check_forward_pass.hpp"
#include "strata/score/l1.hpp"
#include "strata/score/long_recorder.hpp"
#include "strata/score/recorder.hpp"
#include "strata/score/rule.hpp"
#include "strata/search/nested_swap.hpp"
#include "strata/select.hpp"
#include "strata/trace_options.hpp"

namespace strata {

template <class T>
struct trace_result {
  graph edges;
  std::vector<token_id> tokens{};
  std::vector<T> logits{};      // of the plain run, last token: (vocabulary)
  double entropy = 0;           // of P, nats
  double self_check = 0;        // largest relative error of the recorded run
  std::vector<T> scores{};      // (E), if they were to be kept
  edge_order order{};           // as long as the largest size needs; empty where the selection makes none
  std::size_t evaluations = 0;  // of nested swap search, and what it found at each of its sizes
  std::vector<swap_step> swaps{};
  std::vector<edge_mask> masks{};  // (curve), where the traces are no prefixes of the order
  std::vector<trace_point> curve{};
  matrix<T> final_states{};  // (curve, width): what the unembedding reads at each size, if they were to be kept
  matrix<T> curve_logits{};  // (curve, vocabulary): of every size, if they were to be kept
  double density = 0;        // area under TV over log10(size)
  double tv_area = 0;        // the same from size 1e-3 on

  /// The first point of the curve whose value is below the bound; null if none is. By total variation:
  /// smallest_below(0.2, [](const auto& m) { return m.total_variation; })
  template <class Value>
  [[nodiscard]] const trace_point* smallest_below(double bound, Value value) const {
    for (const trace_point& point : curve)
      if (value(point.measured) < bound) return &point;
    return nullptr;
  }
};

namespace detail {

// The first tokens of the prompt for check_forward_pass, and one more where they are all the same.
[[nodiscard]] inline std::vector<token_id> tokens_to_check(const model_shape& shape, std::span<const token_id> prompt) {
  constexpr std::size_t most = 6;
  std::vector<token_id> tokens(prompt.begin(),
                               prompt.begin() + static_cast<std::ptrdiff_t>(std::min(most, prompt.size())));
  const auto other = static_cast<token_id>((static_cast<std::size_t>(tokens[0]) + 1) % shape.vocabulary);
  const bool all_equal =
      std::count(tokens.begin(), tokens.end(), tokens[0]) == static_cast<std::ptrdiff_t>(tokens.size());
  if (all_equal && (shape.context == 0 || tokens.size() < shape.context)) tokens.push_back(other);
  return tokens;
}

// Scores of which a best-first search gives the order back: every prefix of it is connected to the output.
[[nodiscard]] inline std::vector<double> falling_ranks(const edge_order& order) {
  std::vector<double> ranks(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) ranks[static_cast<std::size_t>(order[i])] = -static_cast<double>(i);
  return ranks;
}

template <class Model, class T, class Told>
[[nodiscard]] swap_result swapped(Model& model, std::span<const token_id> tokens, const trace_result<T>& plain,
                                  std::vector<T> scores, const trace_options& options, const ablation<T>& dropped,
                                  Told told) {
  if constexpr (differentiable_forward_pass<Model>) {
    swap_options swap = *options.swap;
    swap.progress = [told](std::size_t done, std::size_t total) {
      told(done, total);
      return true;
    };
    const masked_divergence<Model> evaluate(model, tokens, plain.logits, options.swap_objective, dropped);
    return nested_swap<T>(plain.edges, std::span<const T>(scores), evaluate, swap);
  } else {
    raise<option_error>(
        "nested swap search needs gradients, and this forward pass has none: it has to offer forward_backward() "
        "(forward/gradient_hooks.hpp)");
  }
}

}  // namespace detail

/// Records, scores, orders, evaluates. Where the scores of all edges would take more than options.max_memory, weights
/// are computed again for each node that the search reaches; the result is the same, to the bit.
/// dropped:  what dropped edges contribute; its attention mask is options.attention.
/// Throws:   strata::option_error for a prompt, target or sizes out of range, or a trace that takes more memory than it
///           may; strata::contract_error for a forward pass that breaks the contract or does not add up;
///           strata::numeric_error for NaN or infinity; strata::cancelled when progress says so.
/// Cost:     one recorded run, the search (with options.swap its evaluations, each a run forward and back), and one sweep
///           over the different numbers of edges, or a masked run for each where the model has no sweep; with `check`, up to seven runs of up to seven tokens before.
template <forward_pass Model, class Rule = l1>
[[nodiscard]] trace_result<typename Model::scalar> trace(Model& model, std::span<const token_id> tokens,
                                                         const trace_options& options = {}, const Rule& rule = Rule{},
                                                         ablation<typename Model::scalar> dropped = {}) {
  using T = typename Model::scalar;
  const model_shape shape = model.shape();
  check_prompt(shape, tokens);
  check_sizes(options.sizes);
  detail::check_threads(options.threads);
  std::vector<double> sizes;
  for (const double size : options.sizes)
    if (size <= options.max_size) sizes.push_back(size);
  if (sizes.empty()) raise<option_error>("the largest size wanted is ", options.max_size, ", below all of the sizes");
  if (options.target && (*options.target < 0 || static_cast<std::size_t>(*options.target) >= shape.vocabulary))
    raise<option_error>("the target is ", *options.target, ", outside the vocabulary of ", shape.vocabulary);
  dropped.attention = options.attention;
  dropped.require(shape, tokens.size());
  const bool minus_dropped = options.minus_dropped && (dropped.means != nullptr || dropped.mass != nullptr);
  const auto report = [&](std::string_view stage, std::size_t done, std::size_t total) {
    if (options.progress && !options.progress({stage, done, total})) raise<cancelled>("stopped at stage ", stage);
  };

  const memory_estimate plan = plan_memory(shape, footprint_of(model), tokens.size(), options,
                                           {recomputed_rule<Rule, T> && !minus_dropped, node_rule<Rule, T>}, sizeof(T));
  const graph edges(shape, tokens.size());
  if (options.swap && options.select.how != selection::best_first)
    raise<option_error>("nested swap search gives an order of its own, which a selection of ",
                        name_of(options.select.how), " does not use");
  if (options.swap && !options.select.frozen.empty())
    raise<option_error>("nested swap search tries masks without frozen components: it does not go with them");
  options.select.frozen.check(edges);
  trace_result<T> result{edges, {tokens.begin(), tokens.end()}};
  if (options.check) {
    report("check", 0, 1);
    static_cast<void>(check_forward_pass(model, detail::tokens_to_check(shape, tokens)));
  }

  std::vector<edge_id> counts;
  for (const double size : sizes) counts.push_back(edges_at_size(edges, size));
  selected_edges selected;
  const auto recorded = [&](auto&& record) -> auto& {
    report("record", 0, 1);
    result.logits = run(model, tokens, record);
    if (!record.finished()) raise<contract_error>("the forward pass did not call finish");
    result.self_check = record.largest_error();
    report("order", 0, 1);
    return record;
  };
  if (plan.recomputed) {
    if constexpr (recomputed_rule<Rule, T>) {
      long_recorder<T, Rule> record(edges, rule, 1e-4, options.threads);
      recorded(record);
      std::size_t asked = 0;
      const auto scores_of = [&](node n) {
        if (++asked % 1024 == 0) report("order", 0, 1);  // it may take long
        return record.scores_of(n);
      };
      selected = select_edges_by_node<T>(edges, scores_of, counts, options.select);
    }
  } else {
    std::vector<T> scores =
        recorded(recorder<T, Rule>(edges, rule, 1e-4, options.threads, minus_dropped ? dropped : ablation<T>()))
            .take_scores();
    if (options.keep_scores) result.scores = scores;
    if (options.swap) {
      const auto told = [&](std::size_t done, std::size_t total) { report("search", done, total); };
      swap_result found = detail::swapped(model, tokens, result, std::move(scores), options, dropped, told);
      result.evaluations = found.evaluations;
      result.swaps = std::move(found.steps);
      selected = select_edges<double>(edges, detail::falling_ranks(found.order), counts, options.select);
    } else {
      selected = select_edges<T>(edges, std::move(scores), counts, options.select);
    }
  }

  const std::optional<std::size_t> target = options.target ? std::optional<std::size_t>(*options.target) : std::nullopt;
  const faithfulness_to<T> measure(std::span<const T>(result.logits), target);
  result.entropy = measure.entropy();
  const auto told = [&](std::size_t done, std::size_t total) { report("evaluate", done, total); };
  matrix<T>* const states = options.keep_states ? &result.final_states : nullptr;
  matrix<T>* const logits = options.keep_logits ? &result.curve_logits : nullptr;
  if (selected.masks.empty())
    result.curve = evaluate(model, tokens, selected.order, selected.counts, measure, dropped,
                            {options.batch, options.threads}, told, states, logits);
  else
    result.curve = evaluate(model, tokens, selected.masks, measure, dropped, {options.batch, options.threads}, told,
                            states, logits);
  const bool one_for_each_size = options.select.how != selection::threshold && options.select.how != selection::nucleus;
  if (one_for_each_size)
    for (std::size_t i = 0; i < sizes.size(); ++i) result.curve[i].size = sizes[i];
  result.order = std::move(selected.order);
  result.masks = std::move(selected.masks);

  if (one_for_each_size) {  // a single trace has no area
    std::vector<double> variation;
    for (const trace_point& point : result.curve) variation.push_back(point.measured.total_variation);
    result.density = density(sizes, variation);
    result.tv_area = tv_area(sizes, variation);
  }
  report("evaluate", 1, 1);
  return result;
}

}  // namespace strata
