/// The derivative of a function of the logits with respect to every edge's mask value and every node, in one run forward
/// and back.
///
///   masked run:       node = Σ_e m_e · c_e + (1 − m_e) · d_e,   d_e what stands for a dropped edge
///   ∂f/∂m_e = ⟨∂f/∂node, c_e − d_e⟩;   for attention (h, t, s): w[h,t,s] · ⟨gz[h,t], v[h,s]⟩ − ⟨gz[h,t], d⟩,
///             w the weights of that run before masking and gz[h,t] the gradient before W_O
///
/// so that dropped edges have one too, and none costs more than a product of gz and v. Edges into a node that is the zero
/// vector have the derivative 0: a first edge switches the node on, bias included, and a norm at nearly 0 makes what
/// passes back through it huge. Where huge values matter to a search, the search has to try.
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
#include "strata/detail/reduce.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/gradient_hooks.hpp"
#include "strata/forward/norm.hpp"
#include "strata/forward/run.hpp"
#include "strata/forward/weighted_masker.hpp"
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
/// Memory: the vectors of every join, 2 to 6 · layers · tokens · width, and E.
template <class T>
class mask_gradient : public weighted_masker<T> {
 public:
  /// weights: (E), of any value; with 0 and 1 the run is that of masker.
  mask_gradient(const graph& graph, std::vector<T> weights, const ablation<T>& instead = {})
      : weighted_masker<T>(graph, std::move(weights), instead),
        of_mask_(static_cast<std::size_t>(graph.edge_count())),
        node_norms_(graph.levels() + 1, graph.tokens()),
        layers_(graph.layers()) {}

  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list rows = {}) {
    of_layer& kept = layers_[layer];
    kept.before_attention = matrix<T>(matrix_view<const T>(x));
    kept.post_norm = {};
    if (parts.post_norm != nullptr) {
      kept.attention_out = matrix<T>(matrix_view<const T>(out));
      base::add_dropped(layer, kept.attention_out.view(), parts, rows);
      kept.post_norm.take(*parts.post_norm);
    }
    base::join_attention(layer, x, out, parts, rows);
    if (rescales()) kept.attention_node = matrix<T>(matrix_view<const T>(x));
  }

  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list rows = {}) {
    of_layer& kept = layers_[layer];
    if (!edges().parallel()) kept.before_mlp = matrix<T>(matrix_view<const T>(x));
    kept.mlp_out = matrix<T>(matrix_view<const T>(out));
    base::join_mlp(layer, x, out, rows);
    if (rescales()) kept.mlp_node = matrix<T>(matrix_view<const T>(x));
  }

  void finish(matrix_view<T> x, const norm<T>& final_norm) {
    before_finish_ = matrix<T>(matrix_view<const T>(x));
    final_norm_.take(final_norm);
    base::finish(x, final_norm);
  }

  void finish_back(matrix_view<T> gx) {
    STRATA_ASSERT(gx.rows == before_finish_.rows(), "mask_gradient: finish_back needs the rows of finish");
    const norm<T> n = final_norm_.view();
    for (std::size_t r = 0; r < gx.rows; ++r) n.back(std::as_const(before_finish_).row(r), gx.row(r));
  }

  void split_mlp(std::size_t layer, matrix_view<T> gx, matrix_view<T> gout, row_list rows = {}) {
    of_layer& kept = layers_[layer];
    for (std::size_t r = 0; r < gx.rows; ++r) {
      const node n{edges().mlp_level(layer), base::token_of(rows, r, gx.rows)};
      const std::span<T> g = gx.row(r);
      if (!base::active(n)) {
        std::fill(gout.row(r).begin(), gout.row(r).end(), T{0});
        if (!edges().parallel()) std::fill(g.begin(), g.end(), T{0});
        continue;
      }
      node_norms_(n.level, n.token) = static_cast<T>(std::sqrt(dot(g, g)));
      if (rescales()) rescale_back(n, std::as_const(kept.mlp_node).row(r), g);
      const edge_id edge = edges().mlp_edge(n);
      double derivative = dot(g, std::as_const(kept.mlp_out).row(r));
      if (dropped().means != nullptr) derivative -= dot(g, dropped().means->mlp(layer, n.token));
      of_mask_[static_cast<std::size_t>(edge)] = static_cast<T>(derivative);
      for (std::size_t j = 0; j < g.size(); ++j) gout(r, j) = g[j] * base::weight(edge);
      if (!edges().parallel()) residual_back(g, n, std::as_const(kept.before_mlp).row(r));
    }
    kept.before_mlp = kept.mlp_out = kept.mlp_node = {};
  }

  void split_attention(std::size_t layer, matrix_view<T> gx, matrix_view<T> gout, row_list rows = {}) {
    of_layer& kept = layers_[layer];
    const norm<T> post_norm = kept.post_norm.view();
    for (std::size_t r = 0; r < gx.rows; ++r) {
      const node n{edges().attention_level(layer), base::token_of(rows, r, gx.rows)};
      const std::span<T> g = gx.row(r);
      if (!base::active(n)) {
        std::fill(gout.row(r).begin(), gout.row(r).end(), T{0});
        std::fill(g.begin(), g.end(), T{0});
        continue;
      }
      if (!edges().parallel()) {  // in a parallel block split_mlp has seen to it
        node_norms_(n.level, n.token) = static_cast<T>(std::sqrt(dot(g, g)));
        if (rescales()) rescale_back(n, std::as_const(kept.attention_node).row(r), g);
      }
      std::copy(g.begin(), g.end(), gout.row(r).begin());
      if (!post_norm.gain.empty()) post_norm.back(std::as_const(kept.attention_out).row(r), gout.row(r));
      residual_back(g, n, std::as_const(kept.before_attention).row(r));
    }
    kept = {};
  }

  void attend_back(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<const T> weights,
                   matrix_view<const T> gmixed, matrix_view<T> gweights) {
    for (std::size_t i = 0; i < gweights.rows; ++i) {
      const node n{edges().attention_level(layer), row0 + i};
      if (!base::active(n)) {
        std::fill(gweights.row(i).begin(), gweights.row(i).end(), T{0});
        continue;
      }
      const std::span<T> g = gweights.row(i).first(n.token + 1);
      const std::span<const T> a = dropped().pattern != nullptr ? dropped().pattern->row(layer, head, n.token)
                                                                : weights.row(i).first(n.token + 1);
      if (dropped().attention != attention_mask::ignored) mask_back(layer, head, n, a, gmixed.row(i), g);
      if (dropped().pattern != nullptr) std::fill(g.begin(), g.end(), T{0});
    }
  }

  void embedding_back(matrix_view<T> gx) {
    for (std::size_t t = 0; t < gx.rows; ++t) node_norms_(0, t) = static_cast<T>(std::sqrt(dot(gx.row(t), gx.row(t))));
  }

  /// What the run gave; the hooks are used up.
  [[nodiscard]] run_gradient<T> take(std::vector<T> logits) {
    return {std::move(logits), std::move(of_mask_), std::move(node_norms_)};
  }

 private:
  using base = weighted_masker<T>;
  using base::dropped;
  using base::edges;

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

  // What the reverse of the joins needs; rows as they were joined. The nodes themselves only where they were rescaled.
  struct of_layer {
    matrix<T> before_attention, attention_out, before_mlp, mlp_out, attention_node, mlp_node;
    norm_copy post_norm;
  };

  [[nodiscard]] bool rescales() const { return dropped().norms != nullptr; }
  [[nodiscard]] static double dot(std::span<const T> a, std::span<const T> b) { return detail::dot_in_double<T>(a, b); }

  // g: at a node that was given its norm → at its sum before. x · c/|x|: what lies along x does not count.
  void rescale_back(node n, std::span<const T> x, std::span<T> g) const {
    const double squares = dot(x, x);
    if (!(squares > 0)) return;
    const double along = dot(x, g) / squares, factor = base::factor(n);
    for (std::size_t j = 0; j < g.size(); ++j)
      g[j] = static_cast<T>(factor * (static_cast<double>(g[j]) - along * static_cast<double>(x[j])));
  }

  void residual_back(std::span<T> g, node n, std::span<const T> before) {
    const edge_id edge = edges().residual_edge(n);
    double derivative = dot(g, before);
    if (dropped().means != nullptr) derivative -= dot(g, dropped().means->residual(n.level, n.token));
    of_mask_[static_cast<std::size_t>(edge)] = static_cast<T>(derivative);
    for (T& value : g) value *= base::weight(edge);
  }

  // g: at the masked weights of a head's row → at a, and the derivatives of its edges.
  void mask_back(std::size_t layer, std::size_t head, node n, std::span<const T> a, std::span<const T> gmixed,
                 std::span<T> g) {
    const typename base::head_weights m = base::of_head(n, head);
    if (dropped().attention == attention_mask::before_softmax && !renormalised_back(m, a, g)) return;
    const auto first = static_cast<std::size_t>(edges().attention_edge(n, 0, head));
    const T instead =
        dropped().mass != nullptr ? static_cast<T>(dot(gmixed, dropped().mass->of(layer, n.token, head))) : T{0};
    for (std::size_t s = 0; s < g.size(); ++s) {
      T& derivative = of_mask_[first + s * edges().heads()];
      derivative = (g[s] - instead) * a[s];
      if (dropped().means != nullptr)
        derivative -= static_cast<T>(dot(gmixed, dropped().means->attention(layer, head, n.token).row(s)));
      g[s] = g[s] * m[s] + instead * (1 - m[s]);
    }
  }

  // Weights a·m/Σa·m instead of a·m: g becomes the gradient at a·m. False where the row has no sum: it jumps there.
  [[nodiscard]] static bool renormalised_back(typename base::head_weights m, std::span<const T> a, std::span<T> g) {
    double sum = 0, along = 0;
    for (std::size_t s = 0; s < g.size(); ++s) {
      const double kept = static_cast<double>(a[s]) * static_cast<double>(m[s]);
      sum += kept;
      along += kept * static_cast<double>(g[s]);
    }
    if (!(sum > 0)) {
      std::fill(g.begin(), g.end(), T{0});
      return false;
    }
    for (T& value : g) value = static_cast<T>((static_cast<double>(value) - along / sum) / sum);
    return true;
  }

  std::vector<T> of_mask_;
  matrix<T> node_norms_;
  std::vector<of_layer> layers_;
  matrix<T> before_finish_;
  norm_copy final_norm_;
};

static_assert(gradient_hooks<mask_gradient<float>, float>);

/// One run forward and back with mask values m: (E).
/// logit_gradient: (logits, gradient) → writes ∂f/∂logits, f the function that is differentiated.
/// Throws:   as run() and ablation::require().
/// Cost:     about two and a half plain runs where all edges are kept; less where nodes have no value.
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
