/// What stands for the dropped edges of a prompt without any reference prompts: its own attention weights, mean outputs
/// of heads and norms of nodes (forward/ablation.hpp: pattern, mass, norms), from one recorded plain run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/finite.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/full_pattern.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/mass_means.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/forward/node_norms.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/graph.hpp"
#include "strata/score/attention_record.hpp"
#include "strata/score/call_checks.hpp"

namespace strata {

/// Hooks of one plain run.
/// Throws:   from its calls, strata::contract_error for a pass that breaks the contract.
/// Memory:   the pattern, layers · tokens · heads · head_width numbers, and one layer's attention weights.
template <class T>
class replacement_recorder {
 public:
  /// keeps_pattern: false: there is none to be taken, and none takes memory.
  replacement_recorder(const model_shape& shape, std::size_t tokens, bool keeps_pattern = true)
      : shape_(shape),
        graph_(shape, tokens),
        of_layer_(shape.heads, tokens),
        outputs_(shape.layers),
        keeps_pattern_(keeps_pattern),
        pattern_(shape, keeps_pattern ? tokens : 0),
        norms_(shape, tokens) {}

  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<T> weights) {
    of_layer_.take(layer, head, row0, weights);
  }

  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list rows = {}) {
    detail::check_shapes<T>(graph_, layer, x, out, rows);
    detail::check_parts<T>(graph_, layer, x, parts);
    const std::vector<std::size_t> tokens = detail::tokens_of(rows, x.rows);
    of_layer_.require(layer, tokens);
    for (std::size_t h = 0; h < shape_.heads && keeps_pattern_; ++h)
      for (const std::size_t t : tokens)
        std::copy_n(of_layer_.head(h).row(t).begin(), t + 1, pattern_.row(layer, h, t).begin());
    if (tokens.size() == graph_.tokens()) take_outputs(layer, parts);
    of_layer_.clear();
    if (layer == 0) take_norms(0, tokens, x);
    no_hooks<T>{}.join_attention(layer, x, out, parts);
    if (!graph_.parallel()) take_norms(graph_.attention_level(layer), tokens, x);
  }

  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list rows = {}) {
    detail::check_shapes<T>(graph_, layer, x, out, rows);
    no_hooks<T>{}.join_mlp(layer, x, out);
    take_norms(graph_.mlp_level(layer), detail::tokens_of(rows, x.rows), x);
  }

  void finish(matrix_view<T> x, const norm<T>& final_norm) { no_hooks<T>{}.finish(x, final_norm); }

  [[nodiscard]] full_pattern<T> take_pattern() { return std::move(pattern_); }
  [[nodiscard]] const node_norms<T>& norms() const { return norms_; }

  /// Throws:   strata::contract_error for a pass that leaves out rows of the last layer; strata::numeric_error for a mean
  ///           that is not finite.
  [[nodiscard]] mass_means<T> means(head_mean which) const {
    const std::size_t tokens = graph_.tokens(), targets = which == head_mean::causal ? tokens : 1;
    const std::size_t columns = outputs_.front().cols();
    matrix<T> means(shape_.layers * targets, columns);
    std::vector<double> sum(columns);
    for (std::size_t l = 0; l < shape_.layers; ++l) {
      if (outputs_[l].rows() != tokens || outputs_[l].cols() != columns)
        raise<contract_error>("layer ", l, ": the mean outputs of heads need the rows of all ", tokens,
                              " tokens; a pass that leaves some out may give them by logits(tokens, hooks)");
      for (std::size_t target = 0; target < targets; ++target) {
        const auto [first, last] = tokens_of_head_mean(which, tokens, target);
        std::fill(sum.begin(), sum.end(), 0.0);
        for (std::size_t t = first; t < last; ++t)
          for (std::size_t j = 0; j < columns; ++j) sum[j] += static_cast<double>(outputs_[l](t, j));
        const std::span<T> mean = means.row(l * targets + target);
        for (std::size_t j = 0; j < columns; ++j) mean[j] = static_cast<T>(sum[j] / static_cast<double>(last - first));
      }
    }
    if (!detail::all_finite<T>(means.values()))
      raise<numeric_error>("a mean output of a head is not finite; do the weights hold NaN or infinity?");
    return mass_means<T>(shape_, std::move(means));
  }

 private:
  void take_outputs(std::size_t layer, const attention_parts<T>& parts) {
    const std::size_t head_width = parts.output.rows / shape_.heads;
    outputs_[layer].resize_uninitialised(graph_.tokens(), parts.output.rows);
    for (std::size_t h = 0; h < shape_.heads; ++h)
      detail::product<T>(of_layer_.head(h), detail::values_of(parts, shape_.heads, h),
                         outputs_[layer].view().col_range(h * head_width, head_width));
  }

  void take_norms(std::size_t level, std::span<const std::size_t> tokens, matrix_view<const T> x) {
    for (std::size_t r = 0; r < tokens.size(); ++r) norms_.set({level, tokens[r]}, x.row(r));
  }

  model_shape shape_;
  graph graph_;
  detail::attention_pattern<T> of_layer_;
  std::vector<matrix<T>> outputs_;  // of each layer: (tokens, heads · head_width)
  bool keeps_pattern_;
  full_pattern<T> pattern_;
  node_norms<T> norms_;
};

/// Of one prompt; ablation<T> takes the parts that are wanted.
template <class T>
struct replacement {
  full_pattern<T> pattern;
  mass_means<T> mass;
  node_norms<T> norms;
};

namespace detail {

// One plain run, with every row of the last layer where the model gives them.
template <class Model>
[[nodiscard]] replacement_recorder<typename Model::scalar> recorded_replacement(Model& model,
                                                                                std::span<const token_id> tokens,
                                                                                bool keeps_pattern = true) {
  check_prompt(model.shape(), tokens);
  replacement_recorder<typename Model::scalar> record(model.shape(), tokens.size(), keeps_pattern);
  if constexpr (requires { model.logits(tokens, record); })
    static_cast<void>(model.logits(tokens, record));
  else
    static_cast<void>(run(model, tokens, record));
  return record;
}

}  // namespace detail

/// Throws:   strata::option_error for a prompt that check_prompt() refuses; as replacement_recorder.
/// Cost:     one run.
template <forward_pass Model>
[[nodiscard]] replacement<typename Model::scalar> replacement_of(Model& model, std::span<const token_id> tokens,
                                                                 head_mean which = head_mean::prompt) {
  auto record = detail::recorded_replacement(model, tokens);
  auto mass = record.means(which);
  return {record.take_pattern(), std::move(mass), record.norms()};
}

/// The pattern alone, which a pass that leaves out rows of the last layer gives too.
template <forward_pass Model>
[[nodiscard]] full_pattern<typename Model::scalar> full_pattern_of(Model& model, std::span<const token_id> tokens) {
  return detail::recorded_replacement(model, tokens).take_pattern();
}

/// The mean outputs of heads alone; takes no memory for the pattern.
template <forward_pass Model>
[[nodiscard]] mass_means<typename Model::scalar> mass_means_of(Model& model, std::span<const token_id> tokens,
                                                               head_mean which = head_mean::prompt) {
  return detail::recorded_replacement(model, tokens, false).means(which);
}

/// Mean outputs of heads over reference prompts, for any prompt: the mean of theirs, each over tokens 1 … T − 2 of its own.
/// Throws:   strata::option_error for no prompts; as replacement_of().
/// Cost:     one run a prompt.
template <forward_pass Model>
[[nodiscard]] mass_means<typename Model::scalar> mass_means_over(Model& model,
                                                                 std::span<const std::vector<token_id>> prompts) {
  using T = typename Model::scalar;
  if (prompts.empty()) raise<option_error>("mean outputs of heads need at least one reference prompt");
  std::vector<double> sum;
  matrix<T> means;
  for (const std::vector<token_id>& prompt : prompts) {
    means = mass_means_of(model, std::span<const token_id>(prompt)).values();
    sum.resize(means.values().size());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(means.values()[i]);
  }
  for (std::size_t i = 0; i < sum.size(); ++i)
    means.values()[i] = static_cast<T>(sum[i] / static_cast<double>(prompts.size()));
  return mass_means<T>(model.shape(), std::move(means));
}

}  // namespace strata
