/// By how much a run's prediction depends on each of its nodes: S = ‖∂f/∂node‖₂ of the full run, for functions f of its
/// logits. The rules sensitivity and share_sensitivity rank edges by it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/random_numbers.hpp"
#include "strata/forward/gradient_hooks.hpp"
#include "strata/forward/mask_gradient.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"
#include "strata/graph/shape.hpp"
#include "strata/measure/nucleus.hpp"
#include "strata/measure/softmax.hpp"
#include "strata/score/sensitivity.hpp"

namespace strata {

/// Of which functions f of the last token's logits; of several, S is the root of the mean of the squares.
struct sensitivity_options {
  std::size_t top_tokens = 1;       // f = ln p of each of the k most probable next tokens
  std::size_t probes = 0;           // if > 0, f = Σ ±logit instead, with random signs, so many times
  std::uint64_t seed = 0;           // of the signs
  std::optional<token_id> token{};  // f = ln p of this one alone, whatever the model predicts; without probes
};

/// The gradient of f = ln p(token), divided by its largest |component|, which is returned: where the model is sure, that is
/// small, and squares of what follows from it would be 0.
/// Shape:    logits, gradient: (vocabulary).
template <class T>
double log_probability_gradient(std::span<const T> logits, std::size_t token, std::span<T> gradient) {
  STRATA_ASSERT(token < logits.size() && gradient.size() == logits.size(), "log_probability_gradient: no such token");
  const double normalizer = log_sum_exp<T>(logits);
  double others = 0;
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (i != token) others += std::exp(static_cast<double>(logits[i]) - normalizer);
  // 1 − p(token) = Σ of the others, which is no smaller than any of them.
  for (std::size_t i = 0; i < logits.size(); ++i)
    gradient[i] = others == 0  ? T{0}
                  : i == token ? T{1}
                               : static_cast<T>(-std::exp(static_cast<double>(logits[i]) - normalizer) / others);
  return others;
}

/// S of every node of a prompt. A value that is not finite, as the derivative of a norm gives at a node near 0, becomes the
/// largest finite one.
/// Throws:   strata::option_error for a prompt out of range or no function; what gradient_of throws.
/// Cost:     a forward and a backward pass for each function.
template <differentiable_forward_pass Model>
[[nodiscard]] node_sensitivities node_sensitivities_of(Model& model, std::span<const token_id> tokens,
                                                       const sensitivity_options& options = {}) {
  using T = typename Model::scalar;
  const model_shape shape = model.shape();
  check_prompt(shape, tokens);
  if (options.token && (*options.token < 0 || static_cast<std::size_t>(*options.token) >= shape.vocabulary))
    raise<option_error>("sensitivities of token ", *options.token, ", outside the vocabulary of ", shape.vocabulary);
  const std::size_t functions = options.probes > 0 ? options.probes
                                : options.token    ? 1
                                                   : std::min(options.top_tokens, shape.vocabulary);
  if (functions == 0) raise<option_error>("sensitivities of no function: top_tokens and probes are 0");
  const graph edges(shape, tokens.size());
  const edge_mask all = edge_mask::all(edges);
  random_numbers random(options.seed);
  auto of_nodes = std::make_shared<matrix<double>>(edges.levels() + 1, tokens.size());
  for (std::size_t k = 0; k < functions; ++k) {
    double scale = 1;
    const auto run = gradient_of(model, tokens, all, [&](std::span<const T> logits, std::span<T> gradient) {
      if (options.probes > 0) {
        for (T& g : gradient) g = random.next() >> 63 != 0 ? T{1} : T{-1};
      } else {
        const std::size_t token = options.token ? static_cast<std::size_t>(*options.token) : ranking<T>(logits)[k];
        scale = log_probability_gradient<T>(logits, token, gradient);
      }
    });
    for (std::size_t i = 0; i < of_nodes->values().size(); ++i) {
      const double value = static_cast<double>(run.node_norms.values()[i]) * scale;
      of_nodes->values()[i] += value * value / static_cast<double>(functions);
    }
  }
  double largest = 0;
  for (double& value : of_nodes->values()) {
    value = std::sqrt(value);
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  for (double& value : of_nodes->values())
    if (!std::isfinite(value)) value = largest;
  return of_nodes;
}

}  // namespace strata
