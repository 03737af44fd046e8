/// A recorded run: one full run whose edges are scored on the way, and which is refused where its contributions do not
/// add up. These are its calls and their checks; what is kept of the weights and scores is the recorder's matter
/// (recorder.hpp, long_recorder.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/graph/graph.hpp"
#include "strata/score/attention_record.hpp"
#include "strata/score/call_checks.hpp"
#include "strata/score/level_nodes.hpp"
#include "strata/score/minus_dropped.hpp"

namespace strata::detail {

/// What is kept of a recorded run, by its calls in this order for each layer.
template <class T>
class run_keeper {
 public:
  virtual ~run_keeper() = default;
  /// A block of a layer's weights.
  virtual void take(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<const T> weights) = 0;
  /// The self-check of a layer; returns the largest error.
  virtual double check(std::size_t layer, const attention_parts<T>& parts, matrix_view<const T> out,
                       std::span<const std::size_t> tokens) = 0;
  /// The edges into nodes; attention and mlp may be null.
  virtual void score(const level_nodes<T>& nodes, const attention_parts<T>* attention, const matrix<T>& residual,
                     const matrix<T>* mlp) = 0;
  /// The layer is done.
  virtual void clear() = 0;
  /// Whether the last level is seen through the final norm.
  [[nodiscard]] virtual bool through_final_norm() const = 0;
  /// What is subtracted from contributions before they are scored.
  [[nodiscard]] virtual const minus_dropped<T>& minus() const = 0;
  [[nodiscard]] virtual bool wants_attention_source() const = 0;
};

/// Hooks that follow a run of one prompt and hand what is to be kept to a keeper. They do not depend on the score rule: a
/// forward pass is compiled once for all recorders.
/// Throws:   from its calls, strata::contract_error for a pass that breaks the contract or does not add up,
///           strata::numeric_error for NaN or infinity; both with layer and token.
template <class T>
class recorded_calls {
 public:
  using calls_of_pass = recorded_calls;  // what run() hands to the pass

  recorded_calls(const recorded_calls&) = delete;  // has views of its own parts
  recorded_calls& operator=(const recorded_calls&) = delete;

  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<T> weights) {
    expect(layer, step::attention, "attend");
    kept_->take(layer, head, row0, weights);
  }

  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list rows = {}) {
    expect(layer, step::attention, "join_attention");
    check_shapes<T>(graph_, layer, x, out, rows);
    check_parts<T>(graph_, layer, x, parts);
    kept_->minus().require(graph_, x.cols, parts.output.rows / graph_.heads());
    if (layer == 0) {
      stream_ = matrix<T>(matrix_view<const T>(x));
      stream_tokens_ = tokens_of(rows, x.rows);
      require_finite(layer, x, "the embedding");
    }
    check_stream(layer, x, tokens_of(rows, x.rows));
    stream_tokens_ = tokens_of(rows, x.rows);
    check_finite<T>(layer, parts.values, all_tokens_, "a value");
    require_finite(layer, out, "the attention output");
    largest_error_ = std::max(largest_error_, kept_->check(layer, parts, out, stream_tokens_));

    before_ = matrix<T>(matrix_view<const T>(x));
    scales_.assign(x.rows, T{1});
    if (parts.post_norm != nullptr)
      for (std::size_t r = 0; r < x.rows; ++r) scales_[r] = parts.post_norm->inverse(out.row(r));
    no_hooks<T>{}.join_attention(layer, x, out, parts);
    require_finite(layer, x, "the residual stream after attention");
    stream_ = matrix<T>(matrix_view<const T>(x));
    if (graph_.parallel()) {
      attention_.take(parts);  // the node is complete only when the MLP has joined
    } else {
      score(graph_.attention_level(layer), &parts, nullptr, nullptr);
    }
    next_ = step::mlp;
  }

  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list rows = {}) {
    expect(layer, step::mlp, "join_mlp");
    check_shapes<T>(graph_, layer, x, out, rows);
    check_stream(layer, x, tokens_of(rows, x.rows));
    stream_tokens_ = tokens_of(rows, x.rows);
    require_finite(layer, out, "the MLP output");
    if (!graph_.parallel()) before_ = matrix<T>(matrix_view<const T>(x));
    mlp_ = matrix<T>(matrix_view<const T>(out));
    no_hooks<T>{}.join_mlp(layer, x, out);
    require_finite(layer, x, "the residual stream after the MLP");
    stream_ = matrix<T>(matrix_view<const T>(x));
    if (layer + 1 < graph_.layers()) {  // the last level waits for the final norm, through which it is scored
      score(graph_.mlp_level(layer), graph_.parallel() ? &attention_.parts : nullptr, &mlp_, nullptr);
      kept_->clear();
    }
    ++layer_;
    next_ = step::attention;
  }

  void finish(matrix_view<T> x, const norm<T>& final_norm) {
    if (layer_ != graph_.layers() || next_ != step::attention)
      raise<contract_error>("finish was called after ", layer_, " of ", graph_.layers(), " layers");
    if (x.cols != stream_.cols() || final_norm.gain.size() != x.cols ||
        (!final_norm.bias.empty() && final_norm.bias.size() != x.cols))
      raise<contract_error>("finish: x and the gain of the final norm have widths ", x.cols, " and ",
                            final_norm.gain.size(), ", expected ", stream_.cols());
    for (std::size_t r = 0; r < x.rows; ++r) {  // all rows of the last join, or only the last token's
      const std::size_t row = x.rows == 1 ? stream_.rows() - 1 : r;
      if (row >= stream_.rows() || !std::equal(x.row(r).begin(), x.row(r).end(), stream_.row(row).begin()))
        raise<contract_error>("finish: the residual stream changed after the last join");
    }
    score(graph_.levels(), graph_.parallel() ? &attention_.parts : nullptr, &mlp_,
          kept_->through_final_norm() ? &final_norm : nullptr);
    finished_ = true;
    no_hooks<T>{}.finish(x, final_norm);
  }

  [[nodiscard]] bool wants_attention_source() const { return kept_->wants_attention_source(); }

  /// Whether a whole run was recorded.
  [[nodiscard]] bool finished() const { return finished_; }

  /// The largest relative error that the self-check met; for long prompts an estimate (score/self_check.hpp).
  [[nodiscard]] double largest_error() const { return largest_error_; }

 protected:
  recorded_calls(const graph& graph, std::unique_ptr<run_keeper<T>> kept)
      : graph_(graph), kept_(std::move(kept)), all_tokens_(tokens_of({}, graph.tokens())) {}
  ~recorded_calls() = default;

  [[nodiscard]] run_keeper<T>& kept() { return *kept_; }
  [[nodiscard]] const run_keeper<T>& kept() const { return *kept_; }

 private:
  enum class step { attention, mlp };

  // A parallel block's attention, kept until the node that it enters is complete.
  struct attention_copy {
    matrix<T> values, output;
    std::vector<T> output_bias, gain, bias;
    norm<T> post_norm;
    attention_parts<T> parts;

    void take(const attention_parts<T>& given) {
      values = matrix<T>(given.values);
      output = matrix<T>(given.output);
      output_bias.assign(given.output_bias.begin(), given.output_bias.end());
      parts = {values, output, output_bias, nullptr, nullptr};
      if (given.post_norm == nullptr) return;
      gain.assign(given.post_norm->gain.begin(), given.post_norm->gain.end());
      bias.assign(given.post_norm->bias.begin(), given.post_norm->bias.end());
      post_norm = {given.post_norm->kind, gain, bias, given.post_norm->eps};
      parts.post_norm = &post_norm;
    }
  };

  void score(std::size_t level, const attention_parts<T>* attention, matrix<T>* mlp, const norm<T>* final_norm) {
    kept_->minus().from_residual(level, stream_tokens_, before_);
    if (mlp != nullptr) kept_->minus().from_mlp(graph_.layer_of(level), stream_tokens_, *mlp);
    kept_->score(level_nodes<T>(graph_, level, stream_, stream_tokens_, scales_, final_norm), attention, before_, mlp);
  }

  void expect(std::size_t layer, step now, const char* call) const {
    if (layer != layer_ || now != next_ || finished_)
      raise<contract_error>(call, " of layer ", layer, " was called where ",
                            next_ == step::attention ? "attend and join_attention" : "join_mlp", " of layer ", layer_,
                            " of ", graph_.layers(), " was expected");
  }

  // x on entry must be what the last join left: nobody else writes to the residual stream.
  void check_stream(std::size_t layer, matrix_view<const T> x, const std::vector<std::size_t>& tokens) const {
    for (std::size_t r = 0, before = 0; r < x.rows; ++r, ++before) {
      while (before < stream_tokens_.size() && stream_tokens_[before] < tokens[r]) ++before;
      if (before >= stream_tokens_.size() || stream_tokens_[before] != tokens[r] || x.cols != stream_.cols() ||
          !std::equal(x.row(r).begin(), x.row(r).end(), stream_.row(before).begin()))
        raise<contract_error>("layer ", layer, ", token ", tokens[r],
                              ": the residual stream changed between the joins; only the hooks may add to x");
    }
    if (graph_.parallel() && next_ == step::mlp && before_.rows() != x.rows)
      raise<contract_error>("layer ", layer, ": join_mlp of a parallel block needs the rows of join_attention");
  }

  void require_finite(std::size_t layer, matrix_view<const T> m, const char* what) const {
    check_finite(layer, m, stream_tokens_, what);
  }

  graph graph_;
  std::unique_ptr<run_keeper<T>> kept_;
  std::vector<std::size_t> all_tokens_;  // 0 … tokens − 1

  matrix<T> stream_;                        // x as the last join left it
  std::vector<std::size_t> stream_tokens_;  // its rows
  matrix<T> before_;                        // the residual contribution to the current nodes
  matrix<T> mlp_;                           // the MLP's
  std::vector<T> scales_;                   // 1/rms of the post-norm, for each row
  attention_copy attention_;

  std::size_t layer_ = 0;
  step next_ = step::attention;
  bool finished_ = false;
  double largest_error_ = 0;
};

/// The scores of the residual and MLP edges into the nodes: to(i, residual score, MLP score; 0 where there is none).
template <class T, class Rule, class To>
void score_singles(const Rule& rule, const level_nodes<T>& nodes, const matrix<T>& residual, const matrix<T>* mlp,
                   To to) {
  std::vector<T> contribution(residual.cols());
  const auto score = [&](const matrix<T>& rows, std::size_t i) {
    std::copy_n(rows.row(nodes.row(i)).begin(), contribution.size(), contribution.begin());
    nodes.through_final_norm(contribution);
    return rule.single(std::span<const T>(contribution), nodes.values().row(i));
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const T residual_score = score(residual, i);
    to(i, residual_score, mlp == nullptr ? T{0} : score(*mlp, i));
  }
}

}  // namespace strata::detail
