/// The means of what edges contribute over reference prompts (forward/edge_means.hpp), from one recorded run of each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/core/uninitialised_allocator.hpp"
#include "strata/detail/finite.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/forward/edge_means.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/graph.hpp"
#include "strata/score/attention_record.hpp"
#include "strata/score/call_checks.hpp"

namespace strata {

/// Hooks of plain runs, one after the other, of prompts of the same length. A mean of n prompts is kept as it runs, m ← m +
/// (c − m) / n, so that of a single prompt it is what the prompt's edge contributes, to the bit.
/// Memory:   edge_mean_tables::count() numbers, and one layer's attention weights.
template <class T>
class mean_recorder {
 public:
  mean_recorder(const model_shape& shape, std::size_t tokens, std::size_t threads = 1)
      : shape_(shape), graph_(shape, tokens), threads_(threads), pattern_(shape.heads, tokens) {}

  /// Before each prompt's run.
  void begin() { ++prompts_; }

  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<T> weights) {
    pattern_.take(layer, head, row0, weights);
  }

  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list rows = {}) {
    detail::check_shapes<T>(graph_, layer, x, out, rows);
    detail::check_parts<T>(graph_, layer, x, parts);
    STRATA_ASSERT(prompts_ > 0, "mean_recorder: begin() comes before each run");
    if (!tables_) make_tables(parts.output.rows / shape_.heads);
    const std::vector<std::size_t> tokens = detail::tokens_of(rows, x.rows);
    if (tokens.size() < graph_.tokens()) every_position_ = false;
    pattern_.require(layer, tokens);
    take_attention(layer, tokens, parts);
    pattern_.clear();
    take_rows(tables_->residual, graph_.attention_level(layer) - 1, tokens, x);
    no_hooks<T>{}.join_attention(layer, x, out, parts);
  }

  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list rows = {}) {
    detail::check_shapes<T>(graph_, layer, x, out, rows);
    const std::vector<std::size_t> tokens = detail::tokens_of(rows, x.rows);
    if (!graph_.parallel()) take_rows(tables_->residual, graph_.mlp_level(layer) - 1, tokens, x);
    take_rows(tables_->mlp, layer, tokens, out);
    no_hooks<T>{}.join_mlp(layer, x, out);
  }

  void finish(matrix_view<T> x, const norm<T>& final_norm) { no_hooks<T>{}.finish(x, final_norm); }

  /// The means so far; the recorder is used up.
  /// Throws:   strata::option_error where no prompt was run; strata::numeric_error for a mean that is not finite.
  [[nodiscard]] edge_means<T> take() {
    if (!tables_) raise<option_error>("means of dropped edges need at least one reference prompt");
    if (!detail::all_finite<T>(values_))
      raise<numeric_error>("a mean of what edges contribute is not finite; do the weights hold NaN or infinity?");
    tables_.reset();
    const auto values = std::make_shared<storage>(std::move(values_));
    const T* const data = values->data();
    return edge_means<T>(shape_, head_width_, graph_.tokens(), data, values, every_position_);
  }

 private:
  using storage = std::vector<T, detail::uninitialised_allocator<T>>;

  void make_tables(std::size_t head_width) {
    head_width_ = head_width;
    values_.assign(edge_mean_tables<T>::count(shape_, head_width, graph_.tokens()), T{0});
    tables_.emplace(shape_, head_width, graph_.tokens(), values_.data());
  }

  void add(std::span<T> mean, std::span<const T> contribution, T factor) const {
    const T step = T{1} / static_cast<T>(prompts_);
    for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += (factor * contribution[j] - mean[j]) * step;
  }

  void take_rows(matrix_view<T> table, std::size_t block, std::span<const std::size_t> tokens,
                 matrix_view<const T> rows) const {
    for (std::size_t r = 0; r < tokens.size(); ++r)
      add(table.row(block * graph_.tokens() + tokens[r]), rows.row(r), T{1});
  }

  void take_attention(std::size_t layer, std::span<const std::size_t> tokens, const attention_parts<T>& parts) {
    const std::size_t heads = shape_.heads, length = graph_.tokens();
    detail::parallel_for(threads_, heads, [&](std::size_t h) {
      const matrix_view<const T> values = detail::values_of(parts, heads, h);
      const matrix_view<const T> weights = pattern_.head(h);
      std::vector<T> sum(head_width_);
      for (const std::size_t t : tokens) {
        const std::size_t first = edge_mean_tables<T>::attention_row(heads, length, layer, h, t);
        std::fill(sum.begin(), sum.end(), T{0});
        for (std::size_t s = 0; s <= t; ++s) {
          add(tables_->attention.row(first + s), values.row(s), weights(t, s));
          for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += weights(t, s) * values(s, j);
        }
        add(tables_->mixed.row(layer * length + t).subspan(h * head_width_, head_width_), sum, T{1});
      }
    });
  }

  model_shape shape_;
  graph graph_;
  std::size_t threads_;
  detail::attention_pattern<T> pattern_;
  std::size_t head_width_ = 0;
  std::size_t prompts_ = 0;
  bool every_position_ = true;
  storage values_;
  std::optional<edge_mean_tables<T>> tables_;
};

/// Means over reference prompts of `tokens` tokens, of longer ones over their beginnings.
/// A model that gives every position, logits(tokens, hooks), makes means for shorter prompts too.
/// Throws:   strata::option_error for no prompts, or one that is shorter or not one of this model's.
/// Cost:     one run a prompt.
template <forward_pass Model>
[[nodiscard]] edge_means<typename Model::scalar> means_over(Model& model,
                                                            std::span<const std::vector<token_id>> prompts,
                                                            std::size_t tokens, std::size_t threads = 1) {
  mean_recorder<typename Model::scalar> record(model.shape(), tokens, threads);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (prompts[i].size() < tokens)
      raise<option_error>("reference prompt ", i, " has ", prompts[i].size(), " tokens, expected at least ", tokens);
    const auto prompt = std::span<const token_id>(prompts[i]).first(tokens);
    check_prompt(model.shape(), prompt);
    record.begin();
    if constexpr (requires { model.logits(prompt, record); })
      static_cast<void>(model.logits(prompt, record));
    else
      static_cast<void>(run(model, prompt, record));
  }
  return record.take();
}

}  // namespace strata
