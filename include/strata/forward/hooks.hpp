/// The contract between strata and a forward pass.
///
/// A forward pass is a function template on its hooks. It calls, for each layer, `attend` (once per head, or per block
/// of rows of a head), `join_attention` and `join_mlp`, and in the end `finish`. The hooks own every addition to the
/// residual stream, the norms between a sublayer and that addition, and the final norm; so one pass serves the plain,
/// the recorded and the masked run, and what a hook knows of the pass is what was applied.
///
/// Rows. Everything is (rows, something). One prompt: row = token. A batch of B copies of a prompt of T tokens: row b·T
/// + t. A pass that computes only some rows (in the last layer only the last token's) hands over x and out with just
/// these and names them.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "strata/core/matrix_view.hpp"
#include "strata/forward/attention_source.hpp"
#include "strata/forward/norm.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

/// The rows that x and out hold; empty: all, in order.
using row_list = std::span<const std::size_t>;

/// How a layer's attention output came about: out = Σ_h weights_h · values_h' · output_h + output_bias, h' = h / (heads
/// / kv_heads). Nothing here need outlive the call but the source, which is shared.
template <class T>
struct attention_parts {
  matrix_view<const T> values;     // (all rows, kv_heads · head_width), bias included
  matrix_view<const T> output;     // (heads · head_width, width); a weight stored as (out, in) comes as .transposed()
  std::span<const T> output_bias;  // (width), or empty; contained in out
  const norm<T>* post_norm = nullptr;                           // a norm that is still to be applied to out, or null
  std::shared_ptr<const attention_source<T>> source = nullptr;  // optional; for hooks with wants_attention_source()
};

/// What a forward pass calls.
///
///   attend(layer, head, row0, weights)          weights after the softmax, before · v: (rows, sources). May be changed.
///                                               Its first row is row0; sources count from the sequence's first token.
///   join_attention(layer, x, out, parts, rows)  x ← [x] + post_norm(out)
///   join_mlp(layer, x, out, rows)               x ← [x] + out. The pass applies the MLP's own post-norm to out.
///   finish(x, final_norm)                       x ← final_norm(x); the unembedding reads this x.
///
/// x at the first join is the embedding. In a parallel block the MLP is computed before join_attention.
template <class H, class T>
concept forward_hooks = requires(H& hooks, std::size_t n, matrix_view<T> m, const attention_parts<T>& parts,
                                 row_list rows, const norm<T>& final_norm) {
  hooks.attend(n, n, n, m);
  hooks.join_attention(n, m, m, parts);
  hooks.join_attention(n, m, m, parts, rows);
  hooks.join_mlp(n, m, m);
  hooks.join_mlp(n, m, m, rows);
  hooks.finish(m, final_norm);
};

/// The least that is a set of hooks; does nothing. For static checks of forward passes.
template <class T>
struct hooks_archetype {
  void attend(std::size_t /*layer*/, std::size_t /*head*/, std::size_t /*row0*/, matrix_view<T> /*weights*/) {}
  void join_attention(std::size_t /*layer*/, matrix_view<T> /*x*/, matrix_view<T> /*out*/,
                      const attention_parts<T>& /*parts*/, row_list /*rows*/ = {}) {}
  void join_mlp(std::size_t /*layer*/, matrix_view<T> /*x*/, matrix_view<T> /*out*/, row_list /*rows*/ = {}) {}
  void finish(matrix_view<T> /*x*/, const norm<T>& /*final_norm*/) {}
};

/// A model that strata can trace: its scalar type, its shape, and a forward pass that returns the logits of the last
/// token.
template <class M>
concept forward_pass = std::floating_point<typename M::scalar> &&
    requires(M& model, std::span<const token_id> tokens, hooks_archetype<typename M::scalar>& hooks) {
  { model.shape() } -> std::convertible_to<model_shape>;
  { model.forward(tokens, hooks) } -> std::convertible_to<std::vector<typename M::scalar>>;
};

/// A pass that also runs several copies of the prompt at once: forward(tokens, hooks, B) returns (B, vocabulary)
/// logits.
template <class M>
concept batched_forward_pass = forward_pass<M> &&
    requires(M& model, std::span<const token_id> tokens, hooks_archetype<typename M::scalar>& hooks,
             std::size_t batch) {
  { model.forward(tokens, hooks, batch) } -> std::convertible_to<std::vector<typename M::scalar>>;
};

/// The least that is a forward pass.
template <class T>
struct forward_pass_archetype {
  using scalar = T;
  [[nodiscard]] model_shape shape() const { return {}; }
  template <class Hooks>
  std::vector<T> forward(std::span<const token_id> /*tokens*/, Hooks& /*hooks*/) {
    return {};
  }
};

}  // namespace strata
