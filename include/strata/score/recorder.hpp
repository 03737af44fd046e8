/// The recorded run: one full run whose edges are scored on the way, and which is refused where its contributions do
/// not add up.
///
/// While it runs, only one layer's attention is kept; what stays is one score for each edge.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/graph/graph.hpp"
#include "strata/score/attention_record.hpp"
#include "strata/score/call_checks.hpp"
#include "strata/score/l1.hpp"
#include "strata/score/rule.hpp"
#include "strata/score/self_check.hpp"

namespace strata {

/// Hooks that score the edges of a run of one prompt.
/// Throws:   from its calls, strata::contract_error for a pass that breaks the contract or does not add up,
///           strata::numeric_error for NaN or infinity; both with layer and token.
/// Cost:     above the plain run, for each layer: one product that forms all u[h,s] = W_O v (tokens · heads · head_width
///           · width), one pass over them, and the self-check.
template <class T, class Rule = l1>
  requires score_rule<Rule, T>
class recorder {
 public:
  /// tolerance: of the self-check, relative to Σ|a·u| + |b|.
  /// threads:   the bits are the same for any number.
  explicit recorder(const graph& graph, Rule rule = Rule{}, double tolerance = 1e-4, std::size_t threads = 1)
      : graph_(graph),
        rule_(std::move(rule)),
        tolerance_(tolerance),
        threads_(threads),
        pattern_(graph.heads(), graph.tokens()),
        scores_(static_cast<std::size_t>(graph.edge_count())),
        all_tokens_(detail::tokens_of({}, graph.tokens())) {}

  recorder(const recorder&) = delete;  // has views of its own parts
  recorder& operator=(const recorder&) = delete;

  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<T> weights) {
    expect(layer, step::attention, "attend");
    pattern_.take(layer, head, row0, weights);
  }

  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list rows = {}) {
    expect(layer, step::attention, "join_attention");
    detail::check_shapes<T>(graph_, layer, x, out, rows);
    detail::check_parts<T>(graph_, layer, x, parts);
    if (layer == 0) {
      stream_ = matrix<T>(matrix_view<const T>(x));
      stream_tokens_ = detail::tokens_of(rows, x.rows);
      check_finite(layer, x, "the embedding");
    }
    check_stream(layer, x, detail::tokens_of(rows, x.rows));
    stream_tokens_ = detail::tokens_of(rows, x.rows);
    pattern_.require(layer, stream_tokens_);
    detail::check_finite<T>(layer, parts.values, all_tokens_, "a value");
    check_finite(layer, out, "the attention output");
    largest_error_ = std::max(largest_error_,
                              detail::self_check<T>(layer, pattern_, parts, out, stream_tokens_, tolerance_, threads_));

    before_ = matrix<T>(matrix_view<const T>(x));
    scales_.assign(x.rows, T{1});
    if (parts.post_norm != nullptr)
      for (std::size_t r = 0; r < x.rows; ++r) scales_[r] = parts.post_norm->inverse(out.row(r));
    no_hooks<T>{}.join_attention(layer, x, out, parts);
    check_finite(layer, x, "the residual stream after attention");
    stream_ = matrix<T>(matrix_view<const T>(x));
    if (graph_.parallel()) {
      kept_.take(parts);  // the node is complete only when the MLP has joined
    } else {
      score_nodes(graph_.attention_level(layer), &parts, nullptr, nullptr);
    }
    next_ = step::mlp;
  }

  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list rows = {}) {
    expect(layer, step::mlp, "join_mlp");
    detail::check_shapes<T>(graph_, layer, x, out, rows);
    check_stream(layer, x, detail::tokens_of(rows, x.rows));
    stream_tokens_ = detail::tokens_of(rows, x.rows);
    check_finite(layer, out, "the MLP output");
    if (!graph_.parallel()) before_ = matrix<T>(matrix_view<const T>(x));
    mlp_ = matrix<T>(matrix_view<const T>(out));
    no_hooks<T>{}.join_mlp(layer, x, out);
    check_finite(layer, x, "the residual stream after the MLP");
    stream_ = matrix<T>(matrix_view<const T>(x));
    if (layer + 1 < graph_.layers()) {  // the last level waits for the final norm, through which it is scored
      score_nodes(graph_.mlp_level(layer), graph_.parallel() ? &kept_.parts : nullptr, &mlp_, nullptr);
      pattern_.clear();
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
    score_nodes(graph_.levels(), graph_.parallel() ? &kept_.parts : nullptr, &mlp_, &final_norm);
    finished_ = true;
    no_hooks<T>{}.finish(x, final_norm);
  }

  /// Whether a whole run was recorded.
  [[nodiscard]] bool finished() const { return finished_; }

  /// One score for each edge, in the order of their ids.
  [[nodiscard]] std::span<const T> scores() const { return scores_; }
  [[nodiscard]] std::vector<T> take_scores() { return std::move(scores_); }

  /// The largest relative error that the self-check met; for long prompts an estimate (score/self_check.hpp).
  [[nodiscard]] double largest_error() const { return largest_error_; }

 private:
  enum class step { attention, mlp };

  // A parallel block's attention, kept until the node that it enters is complete.
  struct kept_parts {
    matrix<T> values, output;
    std::vector<T> output_bias, gain, bias;
    norm<T> post_norm;
    attention_parts<T> parts;

    void take(const attention_parts<T>& given) {
      values = matrix<T>(given.values);
      output = matrix<T>(given.output);
      output_bias.assign(given.output_bias.begin(), given.output_bias.end());
      parts = {values, output, output_bias, nullptr};
      if (given.post_norm == nullptr) return;
      gain.assign(given.post_norm->gain.begin(), given.post_norm->gain.end());
      bias.assign(given.post_norm->bias.begin(), given.post_norm->bias.end());
      post_norm = {given.post_norm->kind, gain, bias, given.post_norm->eps};
      parts.post_norm = &post_norm;
    }
  };

  // Scores the edges into those nodes of a level whose values stream_ holds; the last level through the final norm.
  void score_nodes(std::size_t level, const attention_parts<T>* attention, const matrix<T>* mlp,
                   const norm<T>* final_norm) {
    std::vector<std::size_t> tokens;  // that have edges
    std::vector<std::size_t> rows;    // in stream_
    for (std::size_t r = 0; r < stream_tokens_.size(); ++r)
      if (graph_.reaches_output({level, stream_tokens_[r]})) tokens.push_back(stream_tokens_[r]), rows.push_back(r);
    const std::size_t expected = graph_.layer_of(level) + 1 == graph_.layers() ? 1 : graph_.tokens();
    if (tokens.size() != expected)
      raise<contract_error>("layer ", graph_.layer_of(level), ": x has the rows of ", tokens.size(),
                            " tokens, expected ", expected == 1 ? "the last token's" : "all",
                            "; only the last layer may leave rows out");

    const T inverse = final_norm == nullptr ? T{1} : final_norm->inverse(stream_.row(rows.back()));
    const auto through_final_norm = [&](std::span<T> c) {
      if (final_norm != nullptr) final_norm->apply_linear(c, inverse);
    };
    matrix<T> nodes(tokens.size(), stream_.cols());
    std::vector<T> scales(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::copy_n(stream_.row(rows[i]).begin(), stream_.cols(), nodes.row(i).begin());
      through_final_norm(nodes.row(i));
      scales[i] = scales_[rows[i]];
    }
    if (attention != nullptr) score_attention(level, *attention, tokens, scales, nodes, through_final_norm);

    std::vector<T> contribution(stream_.cols());
    const auto single = [&](std::span<const T> vector, std::size_t i) {
      std::copy(vector.begin(), vector.end(), contribution.begin());
      through_final_norm(contribution);
      return rule_.single(std::span<const T>(contribution), std::span<const T>(nodes.row(i)));
    };
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const node n{level, tokens[i]};
      scores_[graph_.residual_edge(n)] = single(before_.row(rows[i]), i);
      if (mlp != nullptr) scores_[graph_.mlp_edge(n)] = single(mlp->row(rows[i]), i);
      rule_.finish(std::span<T>(scores_).subspan(graph_.first_edge(n), graph_.edge_count(n)));
    }
  }

  template <class FinalNorm>
  void score_attention(std::size_t level, const attention_parts<T>& parts, std::span<const std::size_t> tokens,
                       std::span<const T> scales, const matrix<T>& nodes, FinalNorm through_final_norm) {
    const std::size_t sources = graph_.tokens();
    detail::parallel_for(threads_, graph_.heads(), [&](std::size_t h) {
      matrix<T> vectors, scores, gathered;
      vectors.resize_uninitialised(sources, parts.output.cols);
      scores.resize_uninitialised(tokens.size(), sources);
      detail::product<T>(detail::values_of(parts, graph_.heads(), h), detail::output_of(parts, graph_.heads(), h),
                         vectors);
      for (std::size_t s = 0; s < sources; ++s) {
        if (parts.post_norm != nullptr) parts.post_norm->apply_linear(vectors.row(s), T{1});
        through_final_norm(vectors.row(s));
      }
      const head_contributions<T> head{detail::rows_of(pattern_.head(h), tokens, gathered), scales, vectors, nodes};
      rule_.attention(head, scores.view());
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        T* const to = scores_.data() + graph_.attention_edge({level, tokens[i]}, 0, h);
        const std::span<const T> from = std::as_const(scores).row(i);
        for (std::size_t s = 0; s <= tokens[i]; ++s) to[s * graph_.heads()] = from[s];
      }
    });
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

  void check_finite(std::size_t layer, matrix_view<const T> m, const char* what) const {
    detail::check_finite(layer, m, stream_tokens_, what);
  }

  graph graph_;
  Rule rule_;
  double tolerance_;
  std::size_t threads_;
  detail::attention_pattern<T> pattern_;
  std::vector<T> scores_;
  std::vector<std::size_t> all_tokens_;  // 0 … tokens − 1

  matrix<T> stream_;                        // x as the last join left it
  std::vector<std::size_t> stream_tokens_;  // its rows
  matrix<T> before_;                        // the residual contribution to the current nodes
  matrix<T> mlp_;                           // the MLP's
  std::vector<T> scales_;                   // 1/rms of the post-norm, for each row
  kept_parts kept_;

  std::size_t layer_ = 0;
  step next_ = step::attention;
  bool finished_ = false;
  double largest_error_ = 0;
};

}  // namespace strata
