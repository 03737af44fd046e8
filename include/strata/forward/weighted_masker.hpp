/// The masked run with a weight for each edge instead of kept or dropped: a node is Σ_e m_e · c_e + (1 − m_e) · d_e, c_e
/// what the edge contributes and d_e what stands for a dropped one (forward/ablation.hpp). With weights of 0 and 1 it is the
/// run of forward/masker.hpp; a node is the zero vector where that one makes it so, an edge of any weight but 0 counting as
/// kept.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/product.hpp"
#include "strata/detail/reduce.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/masker.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/graph/fed_nodes.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// Hooks of a run of one prompt.
template <class T>
class weighted_masker {
 public:
  /// weights: (E).
  weighted_masker(const graph& graph, std::vector<T> weights, const ablation<T>& dropped = {})
      : graph_(graph), weights_(std::move(weights)), dropped_(dropped), active_((graph.levels() + 1) * graph.tokens()) {
    STRATA_ASSERT(weights_.size() == graph.edge_count(), "weighted_masker: one weight for each edge");
    find_active();
    if (dropped.mass != nullptr) lost_.reset(graph.tokens(), graph.heads());
    if (dropped.norms != nullptr) factors_.reset(graph.levels() + 1, graph.tokens());
  }

  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<T> a) {
    for (std::size_t i = 0; i < a.rows; ++i) {
      const node n{graph_.attention_level(layer), row0 + i};
      const std::span<T> row = a.row(i);
      if (!graph_.reaches_output(n)) {
        std::fill(row.begin(), row.end(), T{0});
        continue;
      }
      if (dropped_.pattern != nullptr)
        std::copy_n(dropped_.pattern->row(layer, head, n.token).begin(), n.token + 1, row.begin());
      if (dropped_.attention == attention_mask::ignored) continue;
      const head_weights m = of_head(n, head);
      bool changed = false;
      double lost = 0;
      for (std::size_t s = 0; s <= n.token; ++s) {
        changed = changed || m[s] != 1;
        lost += static_cast<double>(1 - m[s]) * static_cast<double>(row[s]);
        row[s] *= m[s];
      }
      if (dropped_.mass != nullptr) lost_(n.token, head) = static_cast<T>(lost);
      if (dropped_.attention == attention_mask::before_softmax && changed) detail::renormalise(row.first(n.token + 1));
    }
  }

  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list rows = {}) {
    add_dropped(layer, out, parts, rows);
    for (std::size_t r = 0; r < x.rows; ++r) {
      const node n{graph_.attention_level(layer), token_of(rows, r, x.rows)};
      residual(x.row(r), n);
      if (active(n)) detail::join_row(x.row(r), out.row(r), parts.post_norm);
      if (!graph_.parallel()) rescale(n, x.row(r));
    }
  }

  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list rows = {}) {
    for (std::size_t r = 0; r < x.rows; ++r) {
      const node n{graph_.mlp_level(layer), token_of(rows, r, x.rows)};
      if (!graph_.parallel()) residual(x.row(r), n);
      if (active(n)) {
        const T m = weight(graph_.mlp_edge(n));
        add(x.row(r), out.row(r), m);
        if (dropped_.means != nullptr) add(x.row(r), dropped_.means->mlp(layer, n.token), 1 - m);
      }
      rescale(n, x.row(r));
    }
  }

  void finish(matrix_view<T> x, const norm<T>& final_norm) { no_hooks<T>{}.finish(x, final_norm); }

  /// Whether the node (level, token) has a value; one that is not active is the zero vector.
  [[nodiscard]] bool active(std::size_t level, std::size_t token) const {
    return active_[level * graph_.tokens() + token];
  }

 protected:
  // The weights of one head's edges into a node, by source.
  struct head_weights {
    const T* first;
    std::size_t step;
    [[nodiscard]] T operator[](std::size_t source) const { return first[source * step]; }
  };
  [[nodiscard]] head_weights of_head(node n, std::size_t head) const {
    return {weights_.data() + graph_.attention_edge(n, 0, head), graph_.heads()};
  }
  [[nodiscard]] T weight(edge_id e) const { return weights_[static_cast<std::size_t>(e)]; }
  [[nodiscard]] bool active(node n) const { return active(n.level, n.token); }
  [[nodiscard]] const graph& edges() const { return graph_; }
  [[nodiscard]] const ablation<T>& dropped() const { return dropped_; }
  /// By what a node was multiplied when it was given its norm.
  [[nodiscard]] double factor(node n) const { return factors_(n.level, n.token); }

  [[nodiscard]] std::size_t token_of(row_list rows, std::size_t r, std::size_t given) const {
    STRATA_ASSERT(rows.empty() ? given == graph_.tokens() : given == rows.size(),
                  "weighted_masker: x has another number of rows than the prompt, and no list says which");
    return rows.empty() ? r : rows[r];
  }

  // out ← out + (what stands for dropped attention edges) · W_O.
  void add_dropped(std::size_t layer, matrix_view<T> out, const attention_parts<T>& parts, row_list rows) const {
    if (dropped_.means == nullptr && dropped_.mass == nullptr) return;
    matrix<T> sums(out.rows, parts.output.rows);
    const std::size_t head_width = parts.output.rows / graph_.heads();
    for (std::size_t r = 0; r < out.rows; ++r) {
      const node n{graph_.attention_level(layer), token_of(rows, r, out.rows)};
      if (!active(n)) continue;
      for (std::size_t h = 0; h < graph_.heads(); ++h) {
        const std::span<T> sum = sums.row(r).subspan(h * head_width, head_width);
        if (dropped_.mass != nullptr) {
          add(sum, dropped_.mass->of(layer, n.token, h), lost_(n.token, h));
          continue;
        }
        const head_weights m = of_head(n, h);
        const matrix_view<const T> means = dropped_.means->attention(layer, h, n.token);
        for (std::size_t s = 0; s <= n.token; ++s)
          if (m[s] != 1) add(sum, means.row(s), 1 - m[s]);
      }
    }
    matrix<T> through;
    through.resize_uninitialised(out.rows, out.cols);
    detail::product<T>(sums, parts.output, through);
    for (std::size_t r = 0; r < out.rows; ++r) add(out.row(r), std::as_const(through).row(r), T{1});
  }

  static void add(std::span<T> x, std::span<const T> summand, T factor) {
    for (std::size_t j = 0; j < x.size(); ++j) x[j] += factor * summand[j];
  }

 private:
  void residual(std::span<T> x, node n) const {
    if (!active(n)) {
      std::fill(x.begin(), x.end(), T{0});
      return;
    }
    const T m = weight(graph_.residual_edge(n));
    for (T& value : x) value *= m;
    if (dropped_.means != nullptr) add(x, dropped_.means->residual(n.level, n.token), 1 - m);
  }

  void rescale(node n, std::span<T> x) {
    if (dropped_.norms == nullptr) return;
    const double before = std::sqrt(detail::dot_in_double<T>(x, x));
    factors_(n.level, n.token) = before > 0 ? dropped_.norms->of(n) / before : 0;
    dropped_.norms->rescale(n, x);
  }

  void find_active() {
    const bool all_attention = dropped_.attention == attention_mask::ignored;
    const auto each_source = [&](node n, auto take) {
      const auto count = static_cast<std::size_t>(graph_.edge_count(n));
      for (std::size_t i = 0; i < count; ++i)
        if (weight(graph_.first_edge(n) + i) != 0) take(graph_.source_of(n, i).token);
    };
    const fed_nodes fed(graph_, each_source);
    for (std::size_t level = 0; level <= graph_.levels(); ++level)
      for (std::size_t token = 0; token < graph_.tokens(); ++token) {
        const node n{level, token};
        bool any = false;
        if (level == 0 || dropped_.mass != nullptr) {
          any = fed(n);
        } else if (dropped_.means != nullptr || (all_attention && graph_.has_attention(level))) {
          any = graph_.reaches_output(n);
        } else {
          each_source(n, [&](std::size_t) { any = true; });
        }
        active_[level * graph_.tokens() + token] = any;
      }
  }

  graph graph_;
  std::vector<T> weights_;
  ablation<T> dropped_;
  std::vector<bool> active_;  // (levels + 1, tokens)
  matrix<T> lost_;            // (tokens, heads): Σ (1 − m) · a of the layer; with mass means
  matrix<double> factors_;    // (levels + 1, tokens): of rescaled nodes
};

static_assert(forward_hooks<weighted_masker<float>, float>);

}  // namespace strata
