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
#include "strata/core/matrix.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/final_states.hpp"
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

template <class Hooks>
[[nodiscard]] auto& calls_of(Hooks& hooks) {
  if constexpr (requires { typename Hooks::calls_of_pass; })
    return static_cast<typename Hooks::calls_of_pass&>(hooks);
  else
    return hooks;
}

}  // namespace detail

/// Runs the pass with any hooks; logits of the last token: (vocabulary). Hooks may name the base class that has all their
/// calls, `calls_of_pass`: the pass is then compiled once for all that derive from it.
/// Throws:   strata::contract_error if they are not as many as the vocabulary; strata::numeric_error for NaN or +∞ among
/// them.
template <forward_pass Model, class Hooks>
[[nodiscard]] std::vector<typename Model::scalar> run(Model& model, std::span<const token_id> tokens, Hooks& hooks) {
  std::vector<typename Model::scalar> logits = model.forward(tokens, detail::calls_of(hooks));
  detail::check_logits<typename Model::scalar>(logits, model.shape().vocabulary, 1);
  return logits;
}

/// The plain run.
template <forward_pass Model>
[[nodiscard]] std::vector<typename Model::scalar> run(Model& model, std::span<const token_id> tokens) {
  no_hooks<typename Model::scalar> hooks;
  return run(model, tokens, hooks);
}

/// A model that runs many masks in one call: sweep(tokens, masks, dropped, progress) returns (masks, vocabulary) logits,
/// those of one run for each mask up to rounding. It calls progress(done, total) now and then, from one thread;
/// progress may throw to stop it. The built-in decoder is one.
template <class M>
concept sweeping_forward_pass = forward_pass<M> &&
    requires(M& model, std::span<const token_id> tokens, const edge_strata& strata, const edge_mask_list& masks,
             const sweep_progress& progress) {
  {
    model.sweep(tokens, strata, ablation<typename M::scalar>(), progress)
    } -> std::convertible_to<std::vector<typename M::scalar>>;
  {
    model.sweep(tokens, masks, ablation<typename M::scalar>(), progress)
    } -> std::convertible_to<std::vector<typename M::scalar>>;
};

/// Whether its sweep also gives the final states: sweep(…, &states).
template <class M>
concept sweeps_with_states = sweeping_forward_pass<M> &&
    requires(M& model, std::span<const token_id> tokens, const edge_strata& strata, const edge_mask_list& masks,
             const sweep_progress& progress, matrix<typename M::scalar>* states) {
  model.sweep(tokens, strata, ablation<typename M::scalar>(), progress, states);
  model.sweep(tokens, masks, ablation<typename M::scalar>(), progress, states);
};

/// A model that goes on with a text where it stopped: cached_run() returns an object whose append(tokens) returns the
/// logits of the last of all tokens that were appended to it, (vocabulary), those of a plain run of all of them up to
/// rounding. The built-in decoder is one.
template <class M>
concept cached_forward_pass = forward_pass<M> && requires(M& model, std::span<const token_id> tokens) {
  { model.cached_run().append(tokens) } -> std::convertible_to<std::vector<typename M::scalar>>;
};

/// A model of which each thread can have one: copy() gives a model that runs at the same time as this one.
template <class M>
concept copied_forward_pass = forward_pass<M> && requires(const M& model) {
  { model.copy() } -> forward_pass;
};

namespace detail {

// One sweep, if the model has one that gives what is asked for: its logits, otherwise nothing.
template <class Model, class Masks>
[[nodiscard]] std::vector<typename Model::scalar> swept(Model& model, std::span<const token_id> tokens,
                                                        const Masks& masks,
                                                        const ablation<typename Model::scalar>& dropped,
                                                        const sweep_progress& progress,
                                                        matrix<typename Model::scalar>* states) {
  std::vector<typename Model::scalar> logits;
  if constexpr (sweeps_with_states<Model>)
    logits = model.sweep(tokens, masks, dropped, progress, states);
  else if constexpr (sweeping_forward_pass<Model>) {
    if (states == nullptr) logits = model.sweep(tokens, masks, dropped, progress);
  }
  return logits;
}

}  // namespace detail

/// Runs with only the kept edges, one for each mask; in one sweep or one batch where there are several and the pass takes
/// them so.
/// Requires: masks of the prompt's graph.
/// Returns:  logits of the last token, (masks, vocabulary).
/// states:   if given, gets the final states: (masks, width).
/// Throws:   as run(), and as ablation::require().
template <forward_pass Model>
[[nodiscard]] std::vector<typename Model::scalar> run_masked(Model& model, std::span<const token_id> tokens,
                                                             std::span<const edge_mask> masks,
                                                             const ablation<typename Model::scalar>& dropped = {},
                                                             matrix<typename Model::scalar>* states = nullptr) {
  using T = typename Model::scalar;
  dropped.require(model.shape(), tokens.size());
  for (const edge_mask& mask : masks)
    STRATA_ASSERT(mask.edges_of() == graph(model.shape(), tokens.size()),
                  "run_masked: a mask is of another graph than the prompt's");
  if (states != nullptr) states->reset(masks.size(), model.shape().width);
  std::vector<T> logits;
  const auto run_some = [&](std::span<const edge_mask> some) {
    masker<T> hooks(some, dropped);
    matrix<T> final;
    keep_final_states<T, masker<T>> keeping(hooks, some.size(), final);
    std::vector<T> given;
    if constexpr (batched_forward_pass<Model>)
      given =
          states == nullptr ? model.forward(tokens, hooks, some.size()) : model.forward(tokens, keeping, some.size());
    else
      given = states == nullptr ? model.forward(tokens, hooks) : model.forward(tokens, keeping);
    detail::check_logits<T>(given, model.shape().vocabulary, some.size());
    logits.insert(logits.end(), given.begin(), given.end());
    for (std::size_t i = 0; i < final.rows(); ++i) {
      const std::size_t mask = static_cast<std::size_t>(some.data() - masks.data()) + i;
      std::copy_n(final.row(i).begin(), final.cols(), states->row(mask).begin());
    }
  };
  if (masks.size() > 1) {
    logits = detail::swept(model, tokens, edge_mask_list(masks), dropped, sweep_progress(), states);
    if (!logits.empty()) {
      detail::check_logits<T>(logits, model.shape().vocabulary, masks.size());
      return logits;
    }
    if constexpr (batched_forward_pass<Model>) {
      run_some(masks);
      return logits;
    }
  }
  for (std::size_t m = 0; m < masks.size(); ++m) run_some(masks.subspan(m, 1));
  return logits;
}

/// How the runs of nested masks are made where the model has no sweep.
struct masked_run_options {
  std::size_t batch = 1;    // masks in one call of a pass that takes batches
  std::size_t threads = 1;  // runs at the same time, each with a copy() of the model, where it has that
};

namespace detail {

// masks_of(first, last): masks number first … last − 1, for one call of the pass.
template <class Model, class MasksOf>
[[nodiscard]] std::vector<typename Model::scalar> run_in_calls(Model& model, std::span<const token_id> tokens,
                                                               std::size_t count, MasksOf masks_of,
                                                               const ablation<typename Model::scalar>& dropped,
                                                               const masked_run_options& options,
                                                               const sweep_progress& progress,
                                                               matrix<typename Model::scalar>* states) {
  using T = typename Model::scalar;
  const std::size_t vocabulary = model.shape().vocabulary;
  std::vector<T> logits(count * vocabulary);
  if (states != nullptr) states->reset(count, model.shape().width);
  const std::size_t batch = std::max<std::size_t>(1, options.batch);
  const std::size_t calls = (count + batch - 1) / batch;
  const auto call = [&](auto& runs, std::size_t i) {
    const std::vector<edge_mask> masks = masks_of(i * batch, std::min(count, (i + 1) * batch));
    matrix<T> final;
    const std::vector<T> some =
        run_masked(runs, tokens, std::span<const edge_mask>(masks), dropped, states == nullptr ? nullptr : &final);
    std::copy(some.begin(), some.end(), logits.begin() + static_cast<std::ptrdiff_t>(i * batch * vocabulary));
    for (std::size_t m = 0; m < final.rows(); ++m)
      std::copy_n(final.row(m).begin(), final.cols(), states->row(i * batch + m).begin());
  };
  if constexpr (copied_forward_pass<Model>) {
    const std::size_t team = std::min(options.threads, calls);
    if (team > 1) {
      std::vector<decltype(model.copy())> copies;
      for (std::size_t i = 0; i < team; ++i) copies.push_back(model.copy());
      for (std::size_t first = 0; first < calls; first += team) {  // in rounds, so that progress is told by one thread
        if (progress) progress(first, calls);
        parallel_for(team, std::min(team, calls - first), [&](std::size_t i) { call(copies[i], first + i); });
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

}  // namespace detail

/// Runs with only the edges of each of several nested subgraphs.
/// Requires: strata of the prompt's graph.
/// Returns:  logits of the last token, (strata, vocabulary).
/// states:   if given, gets the final states: (strata, width).
/// Throws:   as run(), as ablation::require(), and what progress throws.
template <forward_pass Model>
[[nodiscard]] std::vector<typename Model::scalar> run_masked(Model& model, std::span<const token_id> tokens,
                                                             const edge_strata& strata,
                                                             const ablation<typename Model::scalar>& dropped = {},
                                                             const masked_run_options& options = {},
                                                             const sweep_progress& progress = {},
                                                             matrix<typename Model::scalar>* states = nullptr) {
  using T = typename Model::scalar;
  dropped.require(model.shape(), tokens.size());
  STRATA_ASSERT(strata.edges_of() == graph(model.shape(), tokens.size()),
                "run_masked: the strata are of another graph than the prompt's");
  std::vector<T> logits = detail::swept(model, tokens, strata, dropped, progress, states);
  if (!logits.empty()) {
    detail::check_logits<T>(logits, model.shape().vocabulary, strata.size());
    return logits;
  }
  const auto masks_of = [&](std::size_t first, std::size_t last) {
    std::vector<edge_mask> masks;
    for (std::size_t m = first; m < last; ++m) masks.push_back(strata.mask(m));
    return masks;
  };
  return detail::run_in_calls(model, tokens, strata.size(), masks_of, dropped, options, progress, states);
}

/// The same of any masks: in one sweep, or in calls as the options say.
template <forward_pass Model>
[[nodiscard]] std::vector<typename Model::scalar> run_masked(Model& model, std::span<const token_id> tokens,
                                                             std::span<const edge_mask> masks,
                                                             const ablation<typename Model::scalar>& dropped,
                                                             const masked_run_options& options,
                                                             const sweep_progress& progress,
                                                             matrix<typename Model::scalar>* states) {
  using T = typename Model::scalar;
  dropped.require(model.shape(), tokens.size());
  if (masks.size() > 1) {
    std::vector<T> logits = detail::swept(model, tokens, edge_mask_list(masks), dropped, progress, states);
    if (!logits.empty()) {
      detail::check_logits<T>(logits, model.shape().vocabulary, masks.size());
      return logits;
    }
  }
  const auto masks_of = [&](std::size_t first, std::size_t last) {
    const auto some = masks.subspan(first, last - first);
    return std::vector<edge_mask>(some.begin(), some.end());
  };
  return detail::run_in_calls(model, tokens, masks.size(), masks_of, dropped, options, progress, states);
}

}  // namespace strata
