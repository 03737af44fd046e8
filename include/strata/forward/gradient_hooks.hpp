/// The contract between strata and a forward pass that can be differentiated: the calls of forward/hooks.hpp, and after
/// them the mirrored ones in reverse order. The hooks own the reverse of what they own: additions, masks, norms between a
/// sublayer and the residual stream, the final norm. The pass owns the rest.
///
/// forward_backward(tokens, hooks, logit_gradient) of a model
///   1. makes the hooked forward pass, as forward() does,
///   2. calls logit_gradient(logits, gradient) once: it writes ∂f/∂logits of the function f that is differentiated,
///   3. makes the mirrored calls from the last layer to the first, each gradient at the values of that same run:
///
///     finish_back(gx)                                         gx: at the normed x → at x
///     split_mlp(layer, gx, gout, rows)                        gx: at the node → at x before the join; gout ← at out
///     split_attention(layer, gx, gout, rows)                  the same
///     attend_back(layer, head, row0, weights, gmixed, gweights)
///                                         gmixed: at Σ_s weights · v of the head, (rows, head_width); weights: before
///                                         attend changed them; gweights: at the changed weights → at those before
///     embedding_back(gx)                                      gx: at the embeddings, (tokens, width)
///
///   4. returns the logits of the last token.
///
/// A pass that cannot keep what a layer computed may compute it again before its mirrored calls: it then makes that layer's
/// forward calls once more, with the same values, and the hooks must bear that.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/matrix_view.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/norm.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

template <class H, class T>
concept gradient_hooks = forward_hooks<H, T> &&
    requires(H& hooks, std::size_t n, matrix_view<T> m, matrix_view<const T> given, row_list rows) {
  hooks.finish_back(m);
  hooks.split_mlp(n, m, m, rows);
  hooks.split_attention(n, m, m, rows);
  hooks.attend_back(n, n, n, given, given, m);
  hooks.embedding_back(m);
};

/// The least that is a set of gradient hooks; does nothing. For static checks of forward passes.
template <class T>
struct gradient_hooks_archetype : hooks_archetype<T> {
  void finish_back(matrix_view<T> /*gx*/) {}
  void split_mlp(std::size_t /*layer*/, matrix_view<T> /*gx*/, matrix_view<T> /*gout*/, row_list /*rows*/ = {}) {}
  void split_attention(std::size_t /*layer*/, matrix_view<T> /*gx*/, matrix_view<T> /*gout*/, row_list /*rows*/ = {}) {}
  void attend_back(std::size_t /*layer*/, std::size_t /*head*/, std::size_t /*row0*/, matrix_view<const T> /*weights*/,
                   matrix_view<const T> /*gmixed*/, matrix_view<T> /*gweights*/) {}
  void embedding_back(matrix_view<T> /*gx*/) {}
};

static_assert(gradient_hooks<gradient_hooks_archetype<float>, float>);

/// A forward pass that can be differentiated.
template <class M>
concept differentiable_forward_pass = forward_pass<M> &&
    requires(M& model, std::span<const token_id> tokens, gradient_hooks_archetype<typename M::scalar>& hooks,
             void (*logit_gradient)(std::span<const typename M::scalar>, std::span<typename M::scalar>)) {
  { model.forward_backward(tokens, hooks, logit_gradient) } -> std::convertible_to<std::vector<typename M::scalar>>;
};

}  // namespace strata
