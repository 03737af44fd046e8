/// What a search that optimises makes small: how far a masked run's distribution is from the plain run's.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/forward/ablation.hpp"
#include "strata/forward/gradient_hooks.hpp"
#include "strata/forward/mask_gradient.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/shape.hpp"
#include "strata/measure/divergence.hpp"
#include "strata/measure/divergence_gradient.hpp"
#include "strata/search/nested_swap.hpp"

namespace strata {

/// A mask_objective: the divergence of the plain run's P and the masked run's Q, and its gradient by every edge's mask
/// value. The model, the tokens, the logits and what `dropped` points to must outlive it.
template <differentiable_forward_pass Model>
class masked_divergence {
 public:
  using scalar = typename Model::scalar;

  /// plain:    logits of the plain run.
  masked_divergence(Model& model, std::span<const token_id> tokens, std::span<const scalar> plain,
                    objective which = objective::kl, const ablation<scalar>& dropped = {})
      : model_(&model), tokens_(tokens), plain_(plain), which_(which), dropped_(dropped) {}

  /// Throws:   as gradient_of() and run_masked().
  /// Cost:     a run forward and back, or a masked run where no gradient is wanted.
  [[nodiscard]] scored_mask<scalar> operator()(const edge_mask& mask, bool with_gradient) const {
    scored_mask<scalar> found;
    if (with_gradient) {
      auto run = gradient_of(
          *model_, tokens_, mask,
          [&](std::span<const scalar> logits, std::span<scalar> gradient) {
            found.value = divergence_gradient<scalar>(which_, plain_, logits, gradient);
          },
          dropped_);
      found.gradient = std::move(run.of_mask);
    } else {
      const std::vector<scalar> logits = run_masked(*model_, tokens_, std::span(&mask, 1), dropped_);
      found.value = divergence(which_, plain_, std::span<const scalar>(logits));
    }
    return found;
  }

  /// The values alone, of several masks.
  /// Throws:   as run_masked().
  /// Cost:     a sweep.
  [[nodiscard]] std::vector<double> values(std::span<const edge_mask> masks) const {
    const std::vector<scalar> logits = run_masked(*model_, tokens_, masks, dropped_, {}, {}, nullptr);
    std::vector<double> found;
    for (std::size_t m = 0; m < masks.size(); ++m)
      found.push_back(divergence(which_, plain_, std::span(logits).subspan(m * plain_.size(), plain_.size())));
    return found;
  }

 private:
  Model* model_;
  std::span<const token_id> tokens_;
  std::span<const scalar> plain_;
  objective which_;
  ablation<scalar> dropped_;
};

}  // namespace strata
