/// The s-Trace of one prompt: which part of the model's computation made the prediction, at every size.
///
///   prompt → recorded run → edge scores → edge order → nested subgraphs → masked runs → divergences → curve
///
/// Source: Kervadec et al., Tracing Computation Density in LLMs, arXiv 2605.27033.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
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
#include "strata/score/recorded_calls.hpp"
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
  std::size_t evaluations = 0;  // of nested swap search, its trials (search/swap_options.hpp), and what it found
  std::size_t trials = 0;
  std::vector<swap_step> swaps{};  // (its sizes)
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

// What trace() does around the scores: nothing in it depends on the rule.
template <forward_pass Model>
class tracing {
 public:
  using T = typename Model::scalar;

  // Refuses what cannot be traced.
  tracing(Model& model, std::span<const token_id> tokens, const trace_options& options, ablation<T> dropped,
          rule_footprint rule)
      : model_(model), tokens_(tokens), options_(options), dropped_(dropped), edges_(checked_graph()) {
    for (const double size : options.sizes)
      if (size <= options.max_size) sizes_.push_back(size);
    if (sizes_.empty())
      raise<option_error>("the largest size wanted is ", options.max_size, ", below all of the sizes");
    for (const double size : sizes_) counts_.push_back(edges_at_size(edges_, size));
    dropped_.attention = options.attention;
    dropped_.require(model.shape(), tokens.size());
    rule.recomputed = rule.recomputed && !minus_dropped();
    recomputed_ = plan_memory(model.shape(), footprint_of(model), tokens.size(), options, rule, sizeof(T)).recomputed;
    if (options.swap && options.select.how != selection::best_first)
      raise<option_error>("nested swap search gives an order of its own, which a selection of ",
                          name_of(options.select.how), " does not use");
    if (options.swap && !options.select.frozen.empty())
      raise<option_error>("nested swap search tries masks without frozen components: it does not go with them");
    if (options.swap) {
      check_swap_options(*options.swap);
      if constexpr (!differentiable_forward_pass<Model>)
        raise<option_error>(
            "nested swap search needs gradients, and this forward pass has none: it has to offer forward_backward() "
            "(forward/gradient_hooks.hpp)");
    }
    options.select.frozen.check(edges_);
  }

  [[nodiscard]] const graph& edges() const { return edges_; }
  [[nodiscard]] bool recomputed() const { return recomputed_; }  // the scores do not fit
  [[nodiscard]] ablation<T> minus() const { return minus_dropped() ? dropped_ : ablation<T>(); }

  void record(recorded_calls<T>& record) {
    if (options_.check) {
      report("check", 0, 1);
      static_cast<void>(check_forward_pass(model_, tokens_to_check(model_.shape(), tokens_)));
    }
    report("record", 0, 1);
    result_.logits = run(model_, tokens_, record);
    if (!record.finished()) raise<contract_error>("the forward pass did not call finish");
    result_.self_check = record.largest_error();
    report("order", 0, 1);
  }

  void select(const std::function<std::span<const T>(node)>& scores_of) {
    std::size_t asked = 0;
    const std::function<std::span<const T>(node)> told = [&](node n) {
      if (++asked % 1024 == 0) report("order", 0, 1);  // it may take long
      return scores_of(n);
    };
    selected_ = select_edges_by_node<T>(edges_, told, counts_, options_.select);
  }

  void select(std::vector<T> scores) {
    if (options_.keep_scores) result_.scores = scores;
    if (options_.swap) {
      swap_result found = swapped(scores);
      result_.evaluations = found.evaluations;
      result_.trials = found.trials;
      result_.swaps = std::move(found.steps);
      selected_ = select_prefixes(edges_, std::move(found.order), counts_, options_.select);
    } else {
      selected_ = select_edges<T>(edges_, std::move(scores), counts_, options_.select);
    }
  }

  [[nodiscard]] trace_result<T> evaluated() {
    const std::optional<std::size_t> target =
        options_.target ? std::optional<std::size_t>(*options_.target) : std::nullopt;
    const faithfulness_to<T> measure(std::span<const T>(result_.logits), target);
    result_.entropy = measure.entropy();
    const auto told = [&](std::size_t done, std::size_t total) { report("evaluate", done, total); };
    const masked_run_options how{options_.batch, options_.threads};
    matrix<T>* const states = options_.keep_states ? &result_.final_states : nullptr;
    matrix<T>* const logits = options_.keep_logits ? &result_.curve_logits : nullptr;
    result_.curve =
        selected_.masks.empty()
            ? evaluate(model_, tokens_, selected_.order, selected_.counts, measure, dropped_, how, told, states, logits)
            : evaluate(model_, tokens_, selected_.masks, measure, dropped_, how, told, states, logits);
    result_.order = std::move(selected_.order);
    result_.masks = std::move(selected_.masks);
    if (options_.select.how != selection::threshold && options_.select.how != selection::nucleus) measure_areas();
    report("evaluate", 1, 1);
    return std::move(result_);
  }

 private:
  [[nodiscard]] graph checked_graph() const {
    const model_shape shape = model_.shape();
    check_prompt(shape, tokens_);
    check_sizes(options_.sizes);
    check_threads(options_.threads);
    if (options_.target && (*options_.target < 0 || static_cast<std::size_t>(*options_.target) >= shape.vocabulary))
      raise<option_error>("the target is ", *options_.target, ", outside the vocabulary of ", shape.vocabulary);
    return {shape, tokens_.size()};
  }

  [[nodiscard]] bool minus_dropped() const {
    return options_.minus_dropped && (dropped_.means != nullptr || dropped_.mass != nullptr);
  }

  void report(std::string_view stage, std::size_t done, std::size_t total) const {
    if (options_.progress && !options_.progress({stage, done, total})) raise<cancelled>("stopped at stage ", stage);
  }

  [[nodiscard]] swap_result swapped(std::span<const T> scores) const {
    if constexpr (differentiable_forward_pass<Model>) {
      swap_options swap = *options_.swap;
      swap.progress = [this](std::size_t done, std::size_t total) {
        report("search", done, total);
        return true;
      };
      const masked_divergence<Model> evaluate(model_, tokens_, result_.logits, options_.swap_objective, dropped_);
      return nested_swap<T>(edges_, scores, evaluate, swap);
    }
    return {};  // refused by the constructor
  }

  // Of one trace for each size; a single trace has no area.
  void measure_areas() {
    std::vector<double> variation;
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      result_.curve[i].size = sizes_[i];
      variation.push_back(result_.curve[i].measured.total_variation);
    }
    result_.density = density(sizes_, variation);
    result_.tv_area = tv_area(sizes_, variation);
  }

  Model& model_;
  std::span<const token_id> tokens_;
  const trace_options& options_;
  ablation<T> dropped_;
  graph edges_;
  std::vector<double> sizes_;
  std::vector<edge_id> counts_;
  bool recomputed_ = false;
  selected_edges selected_;
  trace_result<T> result_{edges_, {tokens_.begin(), tokens_.end()}};
};

}  // namespace detail

/// Records, scores, orders, evaluates. Where the scores of all edges would take more than options.max_memory, weights
/// are computed again for each node that the search reaches; the result is the same, to the bit.
/// dropped:  what dropped edges contribute; its attention mask is options.attention.
/// Throws:   strata::option_error for a prompt, target or sizes out of range, or a trace that takes more memory than it
///           may; strata::contract_error for a forward pass that breaks the contract or does not add up;
///           strata::numeric_error for NaN or infinity; strata::cancelled when progress says so.
/// Cost:     one recorded run, the search (with options.swap its evaluations, most of them a run forward and back, and
///           its trials, masked runs), and one sweep over the different numbers of edges, or a masked run for each where
///           the model has no sweep; with `check`, up to seven runs of up to seven tokens before.
template <forward_pass Model, class Rule = l1>
[[nodiscard]] trace_result<typename Model::scalar> trace(Model& model, std::span<const token_id> tokens,
                                                         const trace_options& options = {}, const Rule& rule = Rule{},
                                                         ablation<typename Model::scalar> dropped = {}) {
  using T = typename Model::scalar;
  constexpr double tolerance = 1e-4;
  detail::tracing<Model> tracing(model, tokens, options, dropped, {recomputed_rule<Rule, T>, node_rule<Rule, T>});
  if (tracing.recomputed()) {
    if constexpr (recomputed_rule<Rule, T>) {
      long_recorder<T, Rule> record(tracing.edges(), rule, tolerance, options.threads);
      tracing.record(record);
      tracing.select([&](node n) { return record.scores_of(n); });
    }
  } else {
    const auto scores = [&] {
      recorder<T, Rule> record(tracing.edges(), rule, tolerance, options.threads, tracing.minus());
      tracing.record(record);
      return record.take_scores();
    };
    tracing.select(scores());
  }
  return tracing.evaluated();
}

}  // namespace strata
