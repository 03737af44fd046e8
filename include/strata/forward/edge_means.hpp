/// What edges contribute on average over reference prompts, position by position: under mean ablation a dropped edge
/// contributes its mean instead of nothing.
///
///   attention edge (layer, head, target, source)   E[a · v], in head width, before W_O; norms stay live
///   residual and MLP edges                         E[contribution]
///
/// Of a single prompt the means are that prompt's own contributions: resample ablation.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/graph/graph.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

/// The tables of means, (rows, columns); edge_means says what their rows are.
template <class T>
struct edge_mean_tables {
  matrix_view<T> attention;  // (layers · pairs · heads, head_width), pairs = tokens · (tokens + 1) / 2
  matrix_view<T> mixed;      // (layers · tokens, heads · head_width): their sums over the sources
  matrix_view<T> residual;   // (levels · tokens, width)
  matrix_view<T> mlp;        // (layers · tokens, width)

  /// Tables that lie one after the other; null: only their shapes.
  edge_mean_tables(const model_shape& shape, std::size_t head_width, std::size_t tokens, T* values) {
    const auto next = [&](matrix_view<T>& table, std::size_t rows, std::size_t cols) {
      table = {values, rows, cols};
      if (values != nullptr) values += rows * cols;
    };
    next(attention, shape.layers * (tokens * (tokens + 1) / 2) * shape.heads, head_width);
    next(mixed, shape.layers * tokens, shape.heads * head_width);
    next(residual, graph(shape, tokens).levels() * tokens, shape.width);
    next(mlp, shape.layers * tokens, shape.width);
  }

  /// Numbers in all of them.
  /// Throws:   strata::option_error for no tokens, or more than the model's context.
  [[nodiscard]] static std::size_t count(const model_shape& shape, std::size_t head_width, std::size_t tokens) {
    if (tokens == 0 || (shape.context != 0 && tokens > shape.context))
      raise<option_error>("means of dropped edges for prompts of ", tokens, " tokens: the model's context is ",
                          shape.context);
    const edge_mean_tables<T> tables(shape, head_width, tokens, nullptr);
    const auto size = [](const matrix_view<T>& table) { return table.rows * table.cols; };
    return size(tables.attention) + size(tables.mixed) + size(tables.residual) + size(tables.mlp);
  }

  /// Number of the row of `attention` with the mean of source 0; the other sources follow.
  [[nodiscard]] static std::size_t attention_row(std::size_t heads, std::size_t tokens, std::size_t layer,
                                                 std::size_t head, std::size_t target) {
    const std::size_t pairs = tokens * (tokens + 1) / 2;
    return (layer * pairs + target * (target + 1) / 2) * heads + head * (target + 1);
  }
};

template <class T>
class edge_means {
 public:
  /// Means in memory, or in a mapped file, which `owner` keeps.
  edge_means(const model_shape& shape, std::size_t head_width, std::size_t tokens, const T* values,
             std::shared_ptr<const void> owner, bool every_position)
      : shape_(shape),
        head_width_(head_width),
        tokens_(tokens),
        tables_(shape, head_width, tokens, values),
        owner_(std::move(owner)),
        every_position_(every_position) {}

  [[nodiscard]] const model_shape& shape() const { return shape_; }
  [[nodiscard]] std::size_t head_width() const { return head_width_; }
  /// The longest prompt that they are for.
  [[nodiscard]] std::size_t tokens() const { return tokens_; }
  [[nodiscard]] const edge_mean_tables<const T>& tables() const { return tables_; }
  /// Whether the last layer's edges into every token are known; otherwise only those into the last one, and only prompts
  /// of tokens() tokens can be run.
  [[nodiscard]] bool every_position() const { return every_position_; }

  /// Throws:   strata::option_error where they are not for prompts of this length of this model.
  void require(const model_shape& shape, std::size_t prompt) const {
    if (shape != shape_) raise<option_error>("the means of dropped edges are of a model of another shape");
    if (prompt > tokens_)
      raise<option_error>("the prompt has ", prompt, " tokens, the means of dropped edges are of ", tokens_);
    if (prompt < tokens_ && !every_position_)
      raise<option_error>("the prompt has ", prompt, " tokens, the means of dropped edges are of exactly ", tokens_);
  }

  /// Of a head's edges into a target: (target + 1, head_width), source by source.
  [[nodiscard]] matrix_view<const T> attention(std::size_t layer, std::size_t head, std::size_t target) const {
    STRATA_ASSERT(layer < shape_.layers && head < shape_.heads && target < tokens_, "edge_means: no such edges");
    return tables_.attention.row_range(
        edge_mean_tables<const T>::attention_row(shape_.heads, tokens_, layer, head, target), target + 1);
  }
  /// Σ over the sources of all heads' edges into a target: (heads · head_width).
  [[nodiscard]] std::span<const T> mixed(std::size_t layer, std::size_t target) const {
    return tables_.mixed.row(layer * tokens_ + target);
  }
  /// Of the residual edge into a node of a level ≥ 1: (width).
  [[nodiscard]] std::span<const T> residual(std::size_t level, std::size_t token) const {
    return tables_.residual.row((level - 1) * tokens_ + token);
  }
  /// (width)
  [[nodiscard]] std::span<const T> mlp(std::size_t layer, std::size_t token) const {
    return tables_.mlp.row(layer * tokens_ + token);
  }

  /// Adds what the dropped ones of a head's edges into a target contribute, before W_O.
  /// kept:     (source) → whether its edge is kept. count: how many are. sum: (head_width).
  template <class Kept>
  void add_dropped(std::size_t layer, std::size_t head, std::size_t target, std::size_t count, Kept kept,
                   std::span<T> sum) const {
    if (count > target) return;
    const matrix_view<const T> means = attention(layer, head, target);
    const auto add = [&](std::size_t source, T sign) {
      const std::span<const T> mean = means.row(source);
      for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += sign * mean[j];
    };
    const bool few_kept = 2 * count <= target + 1;
    if (few_kept) {
      const std::span<const T> all = mixed(layer, target).subspan(head * head_width_, head_width_);
      for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += all[j];
    }
    if (few_kept && count == 0) return;
    for (std::size_t s = 0; s <= target; ++s)
      if (kept(s) == few_kept) add(s, few_kept ? T{-1} : T{1});
  }

 private:
  model_shape shape_;
  std::size_t head_width_, tokens_;
  edge_mean_tables<const T> tables_;
  std::shared_ptr<const void> owner_;
  bool every_position_;
};

}  // namespace strata
