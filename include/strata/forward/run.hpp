/// Runs of a forward pass: plain, and with only some edges.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/masker.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

namespace detail {

template <class T>
void check_logits(std::span<const T> logits, std::size_t vocabulary, std::size_t sequences) {
  if (logits.size() != vocabulary * sequences)
    raise<contract_error>("the forward pass returned ", logits.size(), " logits, expected ", sequences, " · ",
                          vocabulary, ": those of the last token of each sequence");
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (std::isnan(logits[i]) || logits[i] == std::numeric_limits<T>::infinity())
      raise<numeric_error>("logit ", i % vocabulary, " is not a number or +infinity");
}

}  // namespace detail

/// Runs the pass with any hooks; logits of the last token: (vocabulary).
/// Throws:   strata::contract_error if they are not as many as the vocabulary; strata::numeric_error for NaN or +∞ among
/// them.
template <forward_pass Model, class Hooks>
[[nodiscard]] std::vector<typename Model::scalar> run(Model& model, std::span<const token_id> tokens, Hooks& hooks) {
  std::vector<typename Model::scalar> logits = model.forward(tokens, hooks);
  detail::check_logits<typename Model::scalar>(logits, model.shape().vocabulary, 1);
  return logits;
}

/// The plain run.
template <forward_pass Model>
[[nodiscard]] std::vector<typename Model::scalar> run(Model& model, std::span<const token_id> tokens) {
  no_hooks<typename Model::scalar> hooks;
  return run(model, tokens, hooks);
}

/// Runs with only the kept edges, one for each mask; in one batch where there are several and the pass takes batches.
/// Requires: masks of the prompt's graph.
/// Returns:  logits of the last token, (masks, vocabulary).
/// Throws:   as run().
template <forward_pass Model>
[[nodiscard]] std::vector<typename Model::scalar> run_masked(Model& model, std::span<const token_id> tokens,
                                                             std::span<const edge_mask> masks,
                                                             attention_mask variant = attention_mask::after_softmax) {
  using T = typename Model::scalar;
  for (const edge_mask& mask : masks)
    STRATA_ASSERT(mask.edges_of() == graph(model.shape(), tokens.size()),
                  "run_masked: a mask is of another graph than the prompt's");
  std::vector<T> logits;
  if constexpr (batched_forward_pass<Model>) {
    if (masks.size() > 1) {
      masker<T> hooks(masks, variant);
      logits = model.forward(tokens, hooks, masks.size());
      detail::check_logits<T>(logits, model.shape().vocabulary, masks.size());
      return logits;
    }
  }
  for (const edge_mask& mask : masks) {
    masker<T> hooks(mask, variant);
    const std::vector<T> one = run(model, tokens, hooks);
    logits.insert(logits.end(), one.begin(), one.end());
  }
  return logits;
}

}  // namespace strata
