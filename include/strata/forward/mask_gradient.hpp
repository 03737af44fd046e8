/// The derivative of a function of the logits with respect to every edge's mask value and every node, in one run forward
/// and back.
///
///   masked run:       node = Σ_e m_e · c_e + (1 − m_e) · d_e,   d_e what stands for a dropped edge, 0 or its mean
///   ∂f/∂m_e = ⟨∂f/∂node, c_e − d_e⟩;   for attention (h, t, s): w[h,t,s] · ⟨gz[h,t], v[h,s]⟩ − ⟨gz[h,t], d⟩,
///             w the weights of that run before masking and gz[h,t] the gradient before W_O
///
/// so that dropped edges have one too, and none costs more than a product of gz and v. Edges into a node that is the zero
/// vector because nothing enters it have the derivative 0: a first edge switches the node on, bias included, and a norm at
/// nearly 0 makes what passes back through it huge. Where huge values matter to a search, the search has to try.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/product.hpp"
#include "strata/detail/reduce.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/gradient_hooks.hpp"
#include "strata/forward/masker.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/forward/norm.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// What a run forward and back gives.
template <class T>
struct run_gradient {
  std::vector<T> logits;   // of that run, last token: (vocabulary)
  std::vector<T> of_mask;  // ∂f/∂mask of every edge, dropped ones included: (E)
  matrix<T> node_norms;    // ‖∂f/∂node‖₂: (levels + 1, tokens); 0 where no path leads to the output
};

/// Hooks of one run forward and back of one prompt, in which edge e counts with the weight m_e.
/// Memory: the vectors of every join, 2 to 4 · layers · tokens · width, and E.
template <class T>
class mask_gradient {
 public:
  /// weights: (E), of any value; with 0 and 1 the run is that of masker.
  mask_gradient(const graph& graph, std::vector<T> weights, const ablation<T>& dropped = {})
      : graph_(graph),
        weights_(std::move(weights)),
        dropped_(dropped),
        of_mask_(weights_.size()),
        node_norms_(graph.levels() + 1, graph.tokens()),
        layers_(graph.layers()) {
    STRATA_ASSERT(weights_.size() == graph.edge_count(), "mask_gradient: one weight for each edge");
  }

  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<T> a) {
    for (std::size_t i = 0; i < a.rows; ++i) {
      const node n{graph_.attention_level(layer), row0 + i};
      const std::span<T> row = a.row(i);
      if (!graph_.reaches_output(n)) {
        std::fill(row.begin(), row.end(), T{0});
        continue;
      }
      if (dropped_.attention == attention_mask::ignored) continue;
      const head_weights m = of_head(n, head);
      bool changed = false;
      for (std::size_t s = 0; s <= n.token; ++s) {
        changed = changed || m[s] != 1;
        row[s] *= m[s];
      }
      if (dropped_.attention == attention_mask::before_softmax && changed) detail::renormalise(row.first(n.token + 1));
    }
  }

  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list rows = {}) {
    of_layer& kept = layers_[layer];
    const std::size_t level = graph_.attention_level(layer);
    if (dropped_.means != nullptr) add_means(layer, out, parts, rows);
    kept.before_attention = matrix<T>(matrix_view<const T>(x));
    kept.post_norm = {};
    if (parts.post_norm != nullptr) {
      kept.attention_out = matrix<T>(matrix_view<const T>(out));
      kept.post_norm.take(*parts.post_norm);
    }
    for (std::size_t r = 0; r < x.rows; ++r) {
      const node n{level, token_of(rows, r, x.rows)};
      residual(x.row(r), n);
      if (active(n)) detail::join_row(x.row(r), out.row(r), parts.post_norm);
    }
  }

  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list rows = {}) {
    of_layer& kept = layers_[layer];
    if (!graph_.parallel()) kept.before_mlp = matrix<T>(matrix_view<const T>(x));
    kept.mlp_out = matrix<T>(matrix_view<const T>(out));
    for (std::size_t r = 0; r < x.rows; ++r) {
      const node n{graph_.mlp_level(layer), token_of(rows, r, x.rows)};
      if (!graph_.parallel()) residual(x.row(r), n);
      if (!graph_.reaches_output(n)) continue;
      add(x.row(r), out.row(r), weight(graph_.mlp_edge(n)));
      if (dropped_.means != nullptr) add(x.row(r), dropped_.means->mlp(layer, n.token), 1 - weight(graph_.mlp_edge(n)));
    }
  }

  void finish(matrix_view<T> x, const norm<T>& final_norm) {
    before_finish_ = matrix<T>(matrix_view<const T>(x));
    final_norm_.take(final_norm);
    for (std::size_t r = 0; r < x.rows; ++r) final_norm.apply(x.row(r));
  }

  void finish_back(matrix_view<T> gx) {
    STRATA_ASSERT(gx.rows == before_finish_.rows(), "mask_gradient: finish_back needs the rows of finish");
    const norm<T> n = final_norm_.view();
    for (std::size_t r = 0; r < gx.rows; ++r) n.back(std::as_const(before_finish_).row(r), gx.row(r));
  }

  void split_mlp(std::size_t layer, matrix_view<T> gx, matrix_view<T> gout, row_list rows = {}) {
    of_layer& kept = layers_[layer];
    for (std::size_t r = 0; r < gx.rows; ++r) {
      const node n{graph_.mlp_level(layer), token_of(rows, r, gx.rows)};
      const std::span<T> g = gx.row(r);
      if (!active(n)) {
        std::fill(gout.row(r).begin(), gout.row(r).end(), T{0});
        if (!graph_.parallel()) std::fill(g.begin(), g.end(), T{0});
        continue;
      }
      node_norms_(n.level, n.token) = norm_of(g);
      const edge_id edge = graph_.mlp_edge(n);
      double derivative = dot(g, std::as_const(kept.mlp_out).row(r));
      if (dropped_.means != nullptr) derivative -= dot(g, dropped_.means->mlp(layer, n.token));
      of_mask_[static_cast<std::size_t>(edge)] = static_cast<T>(derivative);
      const T m = weight(edge);
      for (std::size_t j = 0; j < g.size(); ++j) gout(r, j) = g[j] * m;
      if (!graph_.parallel()) residual_back(g, n, std::as_const(kept.before_mlp).row(r));
    }
    kept.before_mlp = kept.mlp_out = {};
  }

  void split_attention(std::size_t layer, matrix_view<T> gx, matrix_view<T> gout, row_list rows = {}) {
    of_layer& kept = layers_[layer];
    const norm<T> post_norm = kept.post_norm.view();
    for (std::size_t r = 0; r < gx.rows; ++r) {
      const node n{graph_.attention_level(layer), token_of(rows, r, gx.rows)};
      const std::span<T> g = gx.row(r);
      if (!active(n)) {
        std::fill(gout.row(r).begin(), gout.row(r).end(), T{0});
        std::fill(g.begin(), g.end(), T{0});
        continue;
      }
      node_norms_(n.level, n.token) = norm_of(g);
      std::copy(g.begin(), g.end(), gout.row(r).begin());
      if (!post_norm.gain.empty()) post_norm.back(std::as_const(kept.attention_out).row(r), gout.row(r));
      residual_back(g, n, std::as_const(kept.before_attention).row(r));
    }
    kept = {};
  }

  void attend_back(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<const T> a,
                   matrix_view<const T> gmixed, matrix_view<T> ga) {
    for (std::size_t i = 0; i < ga.rows; ++i) {
      const node n{graph_.attention_level(layer), row0 + i};
      const std::span<T> g = ga.row(i);
      if (!active(n)) {
        std::fill(g.begin(), g.end(), T{0});
        continue;
      }
      if (dropped_.attention == attention_mask::ignored) continue;
      if (dropped_.attention == attention_mask::before_softmax && !renormalised_back(n, head, a.row(i), g)) continue;
      const head_weights m = of_head(n, head);
      const auto first = static_cast<std::size_t>(graph_.attention_edge(n, 0, head));
      for (std::size_t s = 0; s <= n.token; ++s) {
        T& derivative = of_mask_[first + s * graph_.heads()];
        derivative = g[s] * a(i, s);
        if (dropped_.means != nullptr)
          derivative -= static_cast<T>(dot(gmixed.row(i), dropped_.means->attention(layer, head, n.token).row(s)));
        g[s] *= m[s];
      }
    }
  }

  void embedding_back(matrix_view<T> gx) {
    for (std::size_t t = 0; t < gx.rows; ++t) node_norms_(0, t) = norm_of(gx.row(t));
  }

  /// Whether the node (level, token) has a value; one that is not active is the zero vector, and its derivatives are 0.
  [[nodiscard]] bool active(std::size_t level, std::size_t token) const {
    return level == 0 || active(node{level, token});
  }

  /// What the run gave; the hooks are used up.
  [[nodiscard]] run_gradient<T> take(std::vector<T> logits) {
    return {std::move(logits), std::move(of_mask_), std::move(node_norms_)};
  }

 private:
  // A norm that outlives the call that gave it.
  struct norm_copy {
    norm_kind kind = norm_kind::rms;
    std::vector<T> gain, bias;
    double eps = 0;

    void take(const norm<T>& n) {
      kind = n.kind;
      gain.assign(n.gain.begin(), n.gain.end());
      bias.assign(n.bias.begin(), n.bias.end());
      eps = n.eps;
    }
    [[nodiscard]] norm<T> view() const { return {kind, gain, bias, eps}; }
  };

  // What the reverse of the joins needs; rows as they were joined.
  struct of_layer {
    matrix<T> before_attention, attention_out, before_mlp, mlp_out;
    norm_copy post_norm;
  };

  // The mask values of one head's edges into a node, by source.
  struct head_weights {
    const T* first;
    std::size_t step;
    [[nodiscard]] T operator[](std::size_t source) const { return first[source * step]; }
  };
  [[nodiscard]] head_weights of_head(node n, std::size_t head) const {
    return {weights_.data() + graph_.attention_edge(n, 0, head), graph_.heads()};
  }
  [[nodiscard]] T weight(edge_id e) const { return weights_[static_cast<std::size_t>(e)]; }

  [[nodiscard]] bool active(node n) const {
    if (!graph_.reaches_output(n)) return false;
    if (dropped_.means != nullptr) return true;
    if (dropped_.attention == attention_mask::ignored && graph_.has_attention(n.level)) return true;
    const auto first = weights_.begin() + static_cast<std::ptrdiff_t>(graph_.first_edge(n));
    return std::any_of(first, first + static_cast<std::ptrdiff_t>(graph_.edge_count(n)), [](T m) { return m != 0; });
  }

  [[nodiscard]] std::size_t token_of(row_list rows, std::size_t r, std::size_t given) const {
    STRATA_ASSERT(rows.empty() ? given == graph_.tokens() : given == rows.size(),
                  "mask_gradient: x has another number of rows than the prompt, and no list says which");
    return rows.empty() ? r : rows[r];
  }

  static void add(std::span<T> x, std::span<const T> summand, T factor) {
    for (std::size_t j = 0; j < x.size(); ++j) x[j] += factor * summand[j];
  }
  [[nodiscard]] static double dot(std::span<const T> a, std::span<const T> b) { return detail::dot_in_double<T>(a, b); }
  [[nodiscard]] static T norm_of(std::span<const T> g) { return static_cast<T>(std::sqrt(dot(g, g))); }

  void residual(std::span<T> x, node n) const {
    const T m = graph_.reaches_output(n) ? weight(graph_.residual_edge(n)) : T{0};
    for (T& value : x) value *= m;
    if (dropped_.means != nullptr && graph_.reaches_output(n))
      add(x, dropped_.means->residual(n.level, n.token), 1 - m);
  }
  void residual_back(std::span<T> g, node n, std::span<const T> before) {
    const edge_id edge = graph_.residual_edge(n);
    double derivative = dot(g, before);
    if (dropped_.means != nullptr) derivative -= dot(g, dropped_.means->residual(n.level, n.token));
    of_mask_[static_cast<std::size_t>(edge)] = static_cast<T>(derivative);
    const T m = weight(edge);
    for (T& value : g) value *= m;
  }

  // Weights w·m/Σw·m instead of w·m: g becomes the gradient at w·m. False where the row has no sum: it jumps there.
  [[nodiscard]] bool renormalised_back(node n, std::size_t head, std::span<const T> a, std::span<T> g) const {
    const head_weights m = of_head(n, head);
    double sum = 0, along = 0;
    bool changed = false;
    for (std::size_t s = 0; s <= n.token; ++s) {
      const double kept = static_cast<double>(a[s]) * static_cast<double>(m[s]);
      changed = changed || m[s] != 1;
      sum += kept;
      along += kept * static_cast<double>(g[s]);
    }
    if (!(sum > 0)) {
      std::fill(g.begin(), g.end(), T{0});
      return false;
    }
    for (std::size_t s = 0; s <= n.token; ++s) g[s] = static_cast<T>((static_cast<double>(g[s]) - along / sum) / sum);
    return true;
  }

  // out ← out + Σ (1 − m) · mean of the attention edges, through W_O.
  void add_means(std::size_t layer, matrix_view<T> out, const attention_parts<T>& parts, row_list rows) const {
    matrix<T> sums(out.rows, parts.output.rows);
    const std::size_t head_width = parts.output.rows / graph_.heads();
    for (std::size_t r = 0; r < out.rows; ++r) {
      const node n{graph_.attention_level(layer), token_of(rows, r, out.rows)};
      if (!graph_.reaches_output(n)) continue;
      for (std::size_t h = 0; h < graph_.heads(); ++h) {
        const head_weights m = of_head(n, h);
        const matrix_view<const T> means = dropped_.means->attention(layer, h, n.token);
        for (std::size_t s = 0; s <= n.token; ++s)
          if (m[s] != 1) add(sums.row(r).subspan(h * head_width, head_width), means.row(s), 1 - m[s]);
      }
    }
    matrix<T> through;
    through.resize_uninitialised(out.rows, out.cols);
    detail::product<T>(sums, parts.output, through);
    for (std::size_t r = 0; r < out.rows; ++r) add(out.row(r), std::as_const(through).row(r), T{1});
  }

  graph graph_;
  std::vector<T> weights_;
  ablation<T> dropped_;
  std::vector<T> of_mask_;
  matrix<T> node_norms_;
  std::vector<of_layer> layers_;
  matrix<T> before_finish_;
  norm_copy final_norm_;
};

static_assert(gradient_hooks<mask_gradient<float>, float>);

/// One run forward and back with mask values m: (E).
/// logit_gradient: (logits, gradient) → writes ∂f/∂logits, f the function that is differentiated.
/// Throws:   as run() and ablation::require(); strata::numeric_error for a derivative that is not finite.
/// Cost:     about two and a half plain runs.
template <differentiable_forward_pass Model, class LogitGradient>
[[nodiscard]] run_gradient<typename Model::scalar> gradient_of(Model& model, std::span<const token_id> tokens,
                                                               std::vector<typename Model::scalar> weights,
                                                               LogitGradient logit_gradient,
                                                               const ablation<typename Model::scalar>& dropped = {}) {
  using T = typename Model::scalar;
  dropped.require(model.shape(), tokens.size());
  mask_gradient<T> hooks(graph(model.shape(), tokens.size()), std::move(weights), dropped);
  std::vector<T> logits = model.forward_backward(tokens, hooks, logit_gradient);
  detail::check_logits<T>(logits, model.shape().vocabulary, 1);
  return hooks.take(std::move(logits));
}

/// The same for a set of edges.
template <differentiable_forward_pass Model, class LogitGradient>
[[nodiscard]] run_gradient<typename Model::scalar> gradient_of(Model& model, std::span<const token_id> tokens,
                                                               const edge_mask& mask, LogitGradient logit_gradient,
                                                               const ablation<typename Model::scalar>& dropped = {}) {
  using T = typename Model::scalar;
  std::vector<T> weights(static_cast<std::size_t>(mask.edges_of().edge_count()));
  for (std::size_t e = 0; e < weights.size(); ++e) weights[e] = mask.contains(e) ? T{1} : T{0};
  return gradient_of(model, tokens, std::move(weights), logit_gradient, dropped);
}

}  // namespace strata
