/// The recorder of a long run: nothing that it keeps grows with the square of the prompt. Of a layer it keeps where the
/// weights come from again, the factors of its sources and the scales of its targets; a node's scores are formed when
/// they are asked for.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/graph/graph.hpp"
#include "strata/score/attention_record.hpp"
#include "strata/score/l1.hpp"
#include "strata/score/level_nodes.hpp"
#include "strata/score/minus_dropped.hpp"
#include "strata/score/recorded_calls.hpp"
#include "strata/score/rule.hpp"
#include "strata/score/self_check.hpp"

namespace strata {

namespace detail {

/// A number that changes with any bit of a row of weights: Σ bits · (2s + 1). The scores rest on weights that come twice.
template <class T>
[[nodiscard]] auto check_sum(std::span<const T> row) {
  using bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  bits sum = 0, odd = 1;
  for (const T weight : row) sum += std::bit_cast<bits>(weight) * odd, odd += 2;
  return sum;
}

/// What the scores of every node follow from.
template <class T, class Rule>
class score_factors final : public run_keeper<T> {
 public:
  score_factors(const graph& graph, Rule rule, double tolerance, std::size_t threads)
      : graph_(graph),
        rule_(std::move(rule)),
        tolerance_(tolerance),
        threads_(threads),
        given_(graph.heads(), graph.tokens()),
        sums_(graph.heads() * graph.tokens()),
        layers_(graph.layers()),
        residual_(graph.levels() * graph.tokens()),
        mlp_(residual_.size()) {}

  void take(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<const T> weights) override {
    given_.add(layer, head, row0, weights.rows, weights.cols);
    for (std::size_t i = 0; i < weights.rows; ++i) {
      const std::size_t token = row0 + i;
      row_.assign(std::max(weights.cols, token + 1), T{0});  // sources that attend leaves out have weight 0
      copy_row<T>(weights, i, row_);
      check_weights<T>(layer, head, token, row_);
      sums_[head * graph_.tokens() + token] = check_sum<T>(std::span<const T>(row_).first(token + 1));
    }
  }

  double check(std::size_t layer, const attention_parts<T>& parts, matrix_view<const T> out,
               std::span<const std::size_t> tokens) override {
    given_.require(layer, tokens);
    if (parts.source == nullptr)
      raise<contract_error>("layer ", layer,
                            ": attention_parts have no source; a long prompt's weights are not stored");
    layers_[layer].source = parts.source;
    const auto weights_of = [&](std::size_t h, std::span<const std::size_t> some, matrix<T>& storage) {
      storage.resize_uninitialised(some.size(), some.back() + 1);
      if (some.back() - some.front() + 1 == some.size())
        parts.source->weights(h, some.front(), storage);
      else
        for (std::size_t i = 0; i < some.size(); ++i) parts.source->weights(h, some[i], storage.view().row_range(i, 1));
      for (std::size_t i = 0; i < some.size(); ++i)
        if (check_sum<T>(std::as_const(storage).row(i).first(some[i] + 1)) != sums_[h * graph_.tokens() + some[i]])
          raise<contract_error>("layer ", layer, ", token ", some[i], ", head ", h,
                                ": the attention source gives other weights than attend got");
      return std::as_const(storage).view();
    };
    return self_check<T>(layer, graph_.heads(), weights_of, parts, out, tokens, tolerance_, threads_);
  }

  void score(const level_nodes<T>& nodes, const attention_parts<T>* attention, const matrix<T>& residual,
             const matrix<T>* mlp) override {
    if constexpr (factored_rule<Rule, T>) {
      if (attention != nullptr) {
        layer_factors& layer = layers_[graph_.layer_of(nodes.level())];
        layer.of_sources.resize_uninitialised(graph_.heads(), graph_.tokens());
        parallel_for(threads_, graph_.heads(), [&](std::size_t h) {
          matrix<T> vectors;
          nodes.head_vectors(minus_, *attention, graph_.layer_of(nodes.level()), graph_.heads(), h, vectors);
          rule_.source_factors(std::as_const(vectors).view(), layer.of_sources.row(h));
        });
        layer.of_targets.clear();
        for (std::size_t i = 0; i < nodes.size(); ++i)
          layer.of_targets.push_back(factored_scale<T>(rule_, nodes.scales()[i], nodes.values().row(i)));
      }
      score_singles<T>(rule_, nodes, residual, mlp, [&](std::size_t i, T residual_score, T mlp_score) {
        residual_[slot(nodes.at(i))] = residual_score;
        mlp_[slot(nodes.at(i))] = mlp_score;
      });
    }
  }

  [[nodiscard]] bool through_final_norm() const override { return sees_final_norm(rule_); }
  [[nodiscard]] const minus_dropped<T>& minus() const override { return minus_; }

  void clear() override { given_.clear(); }
  [[nodiscard]] bool wants_attention_source() const override { return true; }

  [[nodiscard]] std::span<const T> scores_of(node n) {
    const auto count = static_cast<std::size_t>(graph_.edge_count(n));
    STRATA_ASSERT(count > 0, "long_recorder::scores_of: the node has no incoming edges");
    scores_.resize(count);
    const std::span<T> scores(scores_);
    if constexpr (edge_rule<Rule, T>) {
      edge_scores<T>(rule_, graph_.first_edge(n), scores);
    } else {
      if (graph_.has_attention(n.level)) score_attention(n);
      scores.front() = residual_[slot(n)];
      if (graph_.has_mlp(n.level)) scores.back() = mlp_[slot(n)];
      finish_node<T>(rule_, n, scores);
    }
    return scores;
  }

 private:
  struct layer_factors {
    std::shared_ptr<const attention_source<T>> source;
    matrix<T> of_sources;       // (heads, tokens)
    std::vector<T> of_targets;  // (nodes with edges)
  };

  // In one thread: it takes less time than threads need to meet.
  void score_attention(node n) {
    const layer_factors& layer = layers_[graph_.layer_of(n.level)];
    const std::size_t sources = n.token + 1, heads = graph_.heads();
    const T scale = layer.of_targets.size() == 1 ? layer.of_targets[0] : layer.of_targets[n.token];
    row_.resize(sources);
    const std::span<T> row(row_);
    for (std::size_t h = 0; h < heads; ++h) {
      layer.source->weights(h, n.token, matrix_view<T>(row.data(), 1, sources));
      factored_scores<T>(row, layer.of_sources.row(h), scale, row);
      T* const to = scores_.data() + 1 + h;
      for (std::size_t s = 0; s < sources; ++s) to[s * heads] = row[s];
    }
  }

  [[nodiscard]] std::size_t slot(node n) const { return (n.level - 1) * graph_.tokens() + n.token; }

  graph graph_;
  Rule rule_;
  double tolerance_;
  std::size_t threads_;
  minus_dropped<T> minus_;  // nothing: differences that are a vector of every edge are not recomputed
  attended_rows given_;
  std::vector<decltype(check_sum(std::span<const T>()))> sums_;  // (heads, tokens), of a layer
  std::vector<layer_factors> layers_;
  std::vector<T> residual_, mlp_;  // (levels, tokens), as the rule gave them

  std::vector<T> row_, scores_;
};

}  // namespace detail

/// Hooks that make a run's scores available node by node, the same bits as a recorder's, for a pass whose
/// attention_parts have a source and a rule that factors, or looks at no contribution.
/// Throws:   as a recorder, from its calls; also strata::contract_error where there is no source, or where it gives other
///           weights than attend got.
/// Cost:     a recorder's, and the weights once more for the self-check.
/// Memory:   tokens · (heads + 5) numbers a layer, and what the sources keep.
template <class T, class Rule = l1>
  requires recomputed_rule<Rule, T>
class long_recorder final : public detail::recorded_calls<T> {
  using kept_factors = detail::score_factors<T, Rule>;

 public:
  /// As of a recorder.
  explicit long_recorder(const graph& graph, Rule rule = Rule{}, double tolerance = 1e-4, std::size_t threads = 1)
      : detail::recorded_calls<T>(graph, std::make_unique<kept_factors>(graph, std::move(rule), tolerance, threads)) {}

  /// The scores of the edges into a node that reaches the output, in the order of their ids; valid until the next call.
  /// Requires: finished(); level ≥ 1.
  /// Cost:     the node's weights, heads · token · head_width operations.
  [[nodiscard]] std::span<const T> scores_of(node n) {
    STRATA_ASSERT(this->finished(), "long_recorder::scores_of: the run is not finished");
    return static_cast<kept_factors&>(this->kept()).scores_of(n);
  }
};

}  // namespace strata
