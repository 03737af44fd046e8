/// The recorder of a run whose scores fit into memory: while it runs, one layer's attention is kept; what stays is one
/// score for each edge.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/graph/graph.hpp"
#include "strata/score/attention_record.hpp"
#include "strata/score/l1.hpp"
#include "strata/score/level_nodes.hpp"
#include "strata/score/minus_dropped.hpp"
#include "strata/score/node_contributions.hpp"
#include "strata/score/recorded_calls.hpp"
#include "strata/score/rule.hpp"
#include "strata/score/self_check.hpp"

namespace strata {

namespace detail {

/// One layer's weights, and the score of every edge.
template <class T, class Rule>
class stored_scores final : public run_keeper<T> {
 public:
  stored_scores(const graph& graph, Rule rule, double tolerance, std::size_t threads, const ablation<T>& dropped)
      : graph_(graph),
        rule_(std::move(rule)),
        tolerance_(tolerance),
        threads_(threads),
        minus_(dropped),
        pattern_(graph.heads(), graph.tokens()),
        scores_(static_cast<std::size_t>(graph.edge_count())) {}

  void take(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<const T> weights) override {
    pattern_.take(layer, head, row0, weights);
  }

  double check(std::size_t layer, const attention_parts<T>& parts, matrix_view<const T> out,
               std::span<const std::size_t> tokens) override {
    pattern_.require(layer, tokens);
    const auto weights_of = [&](std::size_t h, std::span<const std::size_t> some, matrix<T>& storage) {
      return rows_of(pattern_.head(h), some, storage);
    };
    return self_check<T>(layer, graph_.heads(), weights_of, parts, out, tokens, tolerance_, threads_);
  }

  void score(const level_nodes<T>& nodes, const attention_parts<T>* attention, const matrix<T>& residual,
             const matrix<T>* mlp) override {
    if constexpr (edge_rule<Rule, T>) {
      for (std::size_t i = 0; i < nodes.size(); ++i)
        edge_scores<T>(rule_, graph_.first_edge(nodes.at(i)), scores_of(nodes.at(i)));
    } else if constexpr (node_rule<Rule, T>) {
      const node_contributions<T> parts(graph_, nodes, pattern_, attention, residual, mlp, minus_, threads_);
      parallel_for(threads_, nodes.size(), [&](std::size_t i) {
        const matrix<T> contributions = parts.into(i);
        rule_.node(contributions.view(), nodes.values().row(i), scores_of(nodes.at(i)));
      });
    } else {
      if (attention != nullptr) score_attention(nodes, *attention);
      score_singles<T>(rule_, nodes, residual, mlp, [&](std::size_t i, T residual_score, T mlp_score) {
        const std::span<T> scores = scores_of(nodes.at(i));
        scores.front() = residual_score;
        if (mlp != nullptr) scores.back() = mlp_score;
        finish_node<T>(rule_, nodes.at(i), scores);
      });
    }
  }

  void clear() override { pattern_.clear(); }

  [[nodiscard]] bool through_final_norm() const override { return sees_final_norm(rule_); }
  [[nodiscard]] const minus_dropped<T>& minus() const override { return minus_; }

  [[nodiscard]] bool wants_attention_source() const override { return false; }

  [[nodiscard]] std::vector<T>& scores() { return scores_; }
  [[nodiscard]] const std::vector<T>& scores() const { return scores_; }

 private:
  [[nodiscard]] std::span<T> scores_of(node n) {
    return std::span<T>(scores_).subspan(graph_.first_edge(n), graph_.edge_count(n));
  }

  void score_attention(const level_nodes<T>& nodes, const attention_parts<T>& parts) {
    if (!minus_.factored()) return score_differences(nodes, parts);
    parallel_for(threads_, graph_.heads(), [&](std::size_t h) {
      matrix<T> vectors, scores, gathered;
      nodes.head_vectors(minus_, parts, graph_.layer_of(nodes.level()), graph_.heads(), h, vectors);
      scores.resize_uninitialised(nodes.size(), graph_.tokens());
      const head_contributions<T> head{rows_of(pattern_.head(h), nodes.tokens(), gathered), nodes.scales(), vectors,
                                       nodes.values()};
      score_head<T>(rule_, head, scores.view());
      for (std::size_t i = 0; i < nodes.size(); ++i) keep(nodes.at(i), h, std::as_const(scores).row(i));
    });
  }

  // An edge has a vector of its own: one target at a time, whose edges have weight 1.
  void score_differences(const level_nodes<T>& nodes, const attention_parts<T>& parts) {
    parallel_for(threads_, graph_.heads(), [&](std::size_t h) {
      matrix<T> vectors, scores, ones;
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        const std::size_t target = nodes.tokens()[i];
        nodes.difference_vectors(minus_, parts, graph_.layer_of(nodes.level()), graph_.heads(), h, i,
                                 pattern_.head(h).row(target), vectors);
        scores.resize_uninitialised(1, vectors.rows());
        ones.resize_uninitialised(1, vectors.rows());
        ones.fill(T{1});
        score_head<T>(rule_, {ones, nodes.scales().subspan(i, 1), vectors, nodes.values().view().row_range(i, 1)},
                      scores.view());
        keep(nodes.at(i), h, std::as_const(scores).row(0));
      }
    });
  }

  void keep(node n, std::size_t head, std::span<const T> of_sources) {
    T* const to = scores_.data() + graph_.attention_edge(n, 0, head);
    for (std::size_t s = 0; s <= n.token; ++s) to[s * graph_.heads()] = of_sources[s];
  }

  graph graph_;
  Rule rule_;
  double tolerance_;
  std::size_t threads_;
  minus_dropped<T> minus_;
  attention_pattern<T> pattern_;
  std::vector<T> scores_;
};

}  // namespace detail

/// Hooks that score the edges of a run of one prompt.
/// Throws:   from its calls, strata::contract_error for a pass that breaks the contract or does not add up,
///           strata::numeric_error for NaN or infinity; both with layer and token.
/// Cost:     above the plain run, for each layer: one product that forms all u[h,s] = W_O v (tokens · heads · head_width
///           · width), one pass over them, and the self-check.
template <class T, class Rule = l1>
  requires score_rule<Rule, T>
class recorder final : public detail::recorded_calls<T> {
  using kept_scores = detail::stored_scores<T, Rule>;

 public:
  /// tolerance: of the self-check, relative to Σ|a·u| + |b|.
  /// threads:   the bits are the same for any number.
  /// dropped:   with means, an edge is scored by what it contributes minus what stands for it; the node's value stays that of the run.
  ///            Takes a product for each head and target, tokens² · heads · head_width · width operations a layer.
  explicit recorder(const graph& graph, Rule rule = Rule{}, double tolerance = 1e-4, std::size_t threads = 1,
                    const ablation<T>& dropped = {})
      : detail::recorded_calls<T>(graph,
                                  std::make_unique<kept_scores>(graph, std::move(rule), tolerance, threads, dropped)) {}

  /// One score for each edge, in the order of their ids.
  [[nodiscard]] std::span<const T> scores() const { return static_cast<const kept_scores&>(this->kept()).scores(); }
  [[nodiscard]] std::vector<T> take_scores() { return std::move(static_cast<kept_scores&>(this->kept()).scores()); }
};

}  // namespace strata
