/// Runs of a forward pass: plain, and with only some edges.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/mask_list.hpp"
#include "strata/forward/masker.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_strata.hpp"
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
      raise<numeric_error>("logit ", i % vocabulary, sequences > 1 ? concat(" of run ", i / vocabulary) : std::string(),
                           " is not a number or +infinity");
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

/// A model that runs many masks in one call: sweep(tokens, masks, variant, progress) returns (masks, vocabulary) logits,
/// those of one run for each mask up to rounding. It calls progress(done, total) now and then, from one thread;
/// progress may throw to stop it. The built-in decoder is one.
template <class M>
concept sweeping_forward_pass = forward_pass<M> &&
    requires(M& model, std::span<const token_id> tokens, const edge_strata& strata, const edge_mask_list& masks,
             const sweep_progress& progress) {
  { model.sweep(tokens, strata, attention_mask{}, progress) } -> std::convertible_to<std::vector<typename M::scalar>>;
  { model.sweep(tokens, masks, attention_mask{}, progress) } -> std::convertible_to<std::vector<typename M::scalar>>;
};

/// A model of which each thread can have one: copy() gives a model that runs at the same time as this one.
template <class M>
concept copied_forward_pass = forward_pass<M> && requires(const M& model) {
  { model.copy() } -> forward_pass;
};

/// Runs with only the kept edges, one for each mask; in one sweep or one batch where there are several and the pass takes
/// them so.
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
  if constexpr (sweeping_forward_pass<Model>) {
    if (masks.size() > 1) {
      logits = model.sweep(tokens, edge_mask_list(masks), variant, sweep_progress());
      detail::check_logits<T>(logits, model.shape().vocabulary, masks.size());
      return logits;
    }
  } else if constexpr (batched_forward_pass<Model>) {
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

/// How the runs of nested masks are made where the model has no sweep.
struct masked_run_options {
  std::size_t batch = 1;    // masks in one call of a pass that takes batches
  std::size_t threads = 1;  // runs at the same time, each with a copy() of the model, where it has that
};

/// Runs with only the edges of each of several nested subgraphs.
/// Requires: strata of the prompt's graph.
/// Returns:  logits of the last token, (strata, vocabulary).
/// Throws:   as run(), and what progress throws.
template <forward_pass Model>
[[nodiscard]] std::vector<typename Model::scalar> run_masked(Model& model, std::span<const token_id> tokens,
                                                             const edge_strata& strata,
                                                             attention_mask variant = attention_mask::after_softmax,
                                                             const masked_run_options& options = {},
                                                             const sweep_progress& progress = {}) {
  using T = typename Model::scalar;
  const std::size_t vocabulary = model.shape().vocabulary;
  STRATA_ASSERT(strata.edges_of() == graph(model.shape(), tokens.size()),
                "run_masked: the strata are of another graph than the prompt's");
  if constexpr (sweeping_forward_pass<Model>) {
    std::vector<T> logits = model.sweep(tokens, strata, variant, progress);
    detail::check_logits<T>(logits, vocabulary, strata.size());
    return logits;
  } else {
    std::vector<T> logits(strata.size() * vocabulary);
    const std::size_t batch = std::max<std::size_t>(1, options.batch);
    const std::size_t calls = (strata.size() + batch - 1) / batch;
    const auto call = [&](auto& runs, std::size_t i) {
      std::vector<edge_mask> masks;
      for (std::size_t m = i * batch; m < std::min(strata.size(), (i + 1) * batch); ++m)
        masks.push_back(strata.mask(m));
      const std::vector<T> some = run_masked(runs, tokens, std::span<const edge_mask>(masks), variant);
      std::copy(some.begin(), some.end(), logits.begin() + static_cast<std::ptrdiff_t>(i * batch * vocabulary));
    };
    if constexpr (copied_forward_pass<Model>) {
      const std::size_t team = std::min(options.threads, calls);
      if (team > 1) {
        std::vector<decltype(model.copy())> copies;
        for (std::size_t i = 0; i < team; ++i) copies.push_back(model.copy());
        for (std::size_t first = 0; first < calls;
             first += team) {  // in rounds, so that progress is told by one thread
          if (progress) progress(first, calls);
          detail::parallel_for(team, std::min(team, calls - first), [&](std::size_t i) { call(copies[i], first + i); });
        }
        return logits;
      }
    }
    for (std::size_t i = 0; i < calls; ++i) {
      if (progress) progress(i, calls);
      call(model, i);
    }
    return logits;
  }
}

}  // namespace strata
