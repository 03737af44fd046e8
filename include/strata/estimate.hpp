/// What a trace will take, known before it runs: memory by part, and time in plain passes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/forward/footprint.hpp"
#include "strata/graph/graph.hpp"
#include "strata/graph/shape.hpp"
#include "strata/trace_options.hpp"

namespace strata {

/// In bytes, beside the weights. Real numbers, so that no prompt is too long to be estimated.
struct memory_estimate {
  bool recomputed = false;  // whether weights are computed again instead of being stored with the scores
  double edges = 0;         // E
  double scores = 0;        // one for each edge, or what they follow from
  double recorded = 0;      // one layer's weights, or the attention sources of all layers
  double pass = 0;          // rows of the recorded run
  double order = 0;         // the search, and the order
  double strata = 0;        // the masks of all sizes
  double sweep = 0;         // rows of the masked runs
  double logits = 0;
  double total = 0;  // the most at one time, while recording, ordering or evaluating
};

/// What a rule of scoring asks for (score/rule.hpp).
struct rule_footprint {
  bool recomputed = true;    // whether a node's scores can be computed again: a recomputed_rule
  bool whole_nodes = false;  // whether it looks at all contributions to a node at once: a node_rule
};

/// In plain passes over the prompt.
struct time_estimate {
  double record = 0;
  double order = 0;
  double search = 0;  // of nested swap, an upper bound
  double sweep = 0;   // an upper bound: one for each size; equal rows and idle nodes make it less
  double total = 0;
};

namespace detail {

// What both estimates count.
struct trace_counts {
  double layers, heads, width, tokens, edges, nodes;
  double taken = 0;    // edges of the largest size
  double largest = 0;  // of the largest size below E, which is run
  double sizes = 0;    // different numbers of edges below E
  double rows = 0;     // of a level, in the masked runs of all sizes: at most
  double numbers;      // bytes of one

  trace_counts(const model_shape& shape, std::size_t token_count, const trace_options& options, std::size_t scalar)
      : layers(static_cast<double>(shape.layers)),
        heads(static_cast<double>(shape.heads)),
        width(static_cast<double>(shape.width)),
        tokens(static_cast<double>(token_count)),
        numbers(static_cast<double>(scalar)) {
    const double levels = shape.block == block_kind::parallel ? 1 : 2;
    const double others = levels + 1;  // edges into a token's nodes that are no attention edges
    edges = layers * (heads * tokens * (tokens + 1) / 2 + others * tokens) -
            (heads * tokens * (tokens - 1) / 2 + others * (tokens - 1));
    nodes = layers * levels * tokens;
    const selection_options& select = options.select;
    const double frozen = select.frozen.empty() || select.count_frozen
                              ? 0
                              : static_cast<double>(select.frozen.count(graph(shape, token_count)));
    for (const double size : options.sizes) {
      if (size > options.max_size) continue;
      taken = std::min(edges, std::floor(size * edges) + frozen);
      if (taken >= edges || (sizes > 0 && taken == largest)) continue;
      largest = taken;
      ++sizes;
      rows += std::min(tokens, taken + 1);
    }
  }
};

}  // namespace detail

/// Bytes of one run forward and back (forward/mask_gradient.hpp): mask values and derivatives of all edges, copies of what
/// the joins were given, the layers' values that a pass keeps, and one layer's attention weights.
/// tape:    most bytes of kept layers: a pass with a bound computes the others again (load_options::gradient_memory).
[[nodiscard]] inline double estimate_gradient(const model_shape& shape, const pass_footprint& pass, std::size_t tokens,
                                              std::size_t scalar,
                                              double tape = std::numeric_limits<double>::infinity()) {
  trace_options none;
  none.sizes = {1};
  const detail::trace_counts of(shape, tokens, none, scalar);
  const double patterns = of.heads * of.tokens * of.tokens;
  const double layer = of.tokens * static_cast<double>(pass.gradient_row) + 2 * patterns;
  return of.numbers * (2 * of.edges + of.layers * of.tokens * 6 * of.width + layer + 3 * patterns) + of.edges / 8 +
         std::min(of.numbers * of.layers * layer, tape);
}

/// Of one of the two ways. What the parts of the library hold is counted; a model's own runs are as it says.
/// scalar: bytes of a number.
[[nodiscard]] inline memory_estimate estimate_memory(const model_shape& shape, const pass_footprint& pass,
                                                     std::size_t tokens, const trace_options& options, bool recomputed,
                                                     std::size_t scalar, bool whole_nodes = false) {
  const detail::trace_counts of(shape, tokens, options, scalar);
  const auto threads = static_cast<double>(options.threads);
  const double id = of.edges > 4294967295.0 ? 8 : 4;
  const double entry = 2 * of.numbers;  // a score and an index
  constexpr double block_rows = 64;
  memory_estimate of_trace;
  of_trace.recomputed = recomputed;
  of_trace.edges = of.edges;
  const double query_width = of.heads * static_cast<double>(pass.head_width);
  // The recorder's copies of x, residual, MLP output and nodes; a head's contributions; the sums of the self-check.
  const double recorder_row = (4 + threads) * of.width + query_width;
  of_trace.pass = of.numbers * (of.tokens * (static_cast<double>(pass.row) + recorder_row) +
                                static_cast<double>(pass.fixed) + (of.heads + threads) * block_rows * of.tokens);
  // score/node_contributions.hpp keeps a layer's vectors, and for each thread a node's contributions, in double too.
  if (whole_nodes) of_trace.pass += (of.numbers + threads * (of.numbers + 2 * 8)) * of.heads * of.tokens * of.width;
  // search/best_first.hpp keeps a piece of each node's edges; where it sorts instead, all edges with their keys.
  const double searched = entry * std::min(2 * of.taken + 32 * of.nodes, of.edges) + 128 * of.nodes + id * of.taken;
  const double sorted = (of.numbers + 4) * of.edges + 8 * of.heads * of.nodes + id * of.taken;
  if (recomputed) {
    of_trace.scores = of.numbers * of.layers * of.tokens * (of.heads + 5) + of.numbers * 2 * of.heads * of.tokens;
    of_trace.recorded = of.numbers * of.layers * of.tokens * static_cast<double>(pass.source);
    of_trace.order = searched;
  } else {
    of_trace.scores = of.numbers * of.edges;
    of_trace.recorded = of.numbers * (of.heads + threads) * of.tokens * of.tokens;
    of_trace.order = std::max(searched, sorted);
  }
  if (options.swap) {
    // Scores, derivatives, their order and ranks beside a run forward and back.
    of_trace.order = std::max(of_trace.order + 8 * of.edges, (3 * of.numbers + 32) * of.edges) +
                     estimate_gradient(shape, pass, tokens, scalar, static_cast<double>(options.max_memory) / 2);
  }
  of_trace.strata = 8 * of.largest + (5 * of.sizes + 16) * of.nodes;
  const selection how = options.select.how;
  const bool one_mask = how == selection::threshold || how == selection::nucleus;
  const bool with_residuals = how == selection::random_connected && options.select.keep_residuals;
  if (one_mask || how == selection::top_scores || options.select.inverse || with_residuals)
    of_trace.strata = (one_mask ? 1 : of.sizes + 1) * of.edges / 8;
  if (how == selection::top_scores) of_trace.order += of.numbers * of.edges;
  if (pass.sweep_row != 0) {
    const double block = std::min(of.rows, static_cast<double>(pass.block_rows)) * static_cast<double>(pass.block_row);
    const double rows = std::max(of.rows * static_cast<double>(pass.sweep_row), 4 * of.width * of.rows + block);
    of_trace.sweep = of.numbers * (rows + threads * of.tokens * (3 * query_width + block_rows)) + 64 * of.rows;
  } else {
    const double runs = threads * static_cast<double>(options.batch);
    of_trace.strata += runs * of.edges / 8;  // a mask is one bit for each edge
    of_trace.sweep = of.numbers * runs * static_cast<double>(pass.row) * of.tokens;
  }
  of_trace.logits = of.numbers * ((options.keep_logits ? 3 : 2) * of.sizes + 3) * static_cast<double>(shape.vocabulary);
  const double fixed = of.numbers * static_cast<double>(pass.fixed);
  const double kept = options.keep_scores ? of_trace.scores : 0;
  of_trace.total = std::max({of_trace.scores + of_trace.recorded + of_trace.pass,
                             of_trace.scores + (recomputed ? of_trace.recorded : 0) + of_trace.order,
                             kept + id * of.taken + of_trace.strata + of_trace.sweep + fixed + of_trace.logits});
  return of_trace;
}

/// Rough: multiplications, with what an edge and a row of weights that is computed alone take beside them.
[[nodiscard]] inline time_estimate estimate_time(const model_shape& shape, const pass_footprint& pass,
                                                 std::size_t tokens, const trace_options& options, bool recomputed) {
  const detail::trace_counts of(shape, tokens, options, 1);
  const double weights = of.layers * of.heads * static_cast<double>(pass.head_width) * of.tokens * of.tokens / 2;
  const double plain = std::max(1.0, of.tokens * pass.products + 2 * weights);
  const double contributions = of.layers * of.tokens * of.heads * static_cast<double>(pass.head_width) * of.width;
  constexpr double alone = 4;         // a row that is computed alone, against one of many
  constexpr double of_an_edge = 300;  // multiplications that take as long as a look at a score
  time_estimate time;
  time.record = 1 + (contributions + weights * (recomputed ? 2 : 1)) / plain;
  // A node is asked for its scores when it is reached, and when 32, 96, 224, … of its edges have been taken.
  const double asked = recomputed ? 1 + std::log2(1 + of.taken / std::max(1.0, of.layers * of.tokens) / 32) : 1;
  time.order = ((recomputed ? alone * weights * asked : 0) + of_an_edge * of.edges * asked) / plain;
  time.sweep = of.sizes;
  if (options.swap) {
    constexpr double of_a_gradient = 2.5;
    auto evaluations = static_cast<double>(options.swap->sizes.size() * (1 + options.swap->rounds));
    if (options.swap->budget > 0) evaluations = std::min(evaluations, static_cast<double>(options.swap->budget));
    constexpr double of_a_trial = 0.5;  // in a sweep of few edges
    const auto trials =
        static_cast<double>(options.swap->sizes.size() *
                            (options.swap->rounds * options.swap->tried.size() + (options.swap->grow ? 3 : 0)));
    time.search = of_a_gradient * evaluations + of_a_trial * trials;
  }
  time.total = time.record + time.order + time.search + time.sweep;
  return time;
}

namespace detail {

// Why the scores of all edges must be stored; null where they need not.
[[nodiscard]] inline const char* why_stored(const pass_footprint& pass, const trace_options& options,
                                            const rule_footprint& rule) {
  if (options.keep_scores) return "the scores are to be kept";
  if (options.swap) return "a nested swap search starts from all of them";
  if (options.select.how == selection::top_scores) return "the best of all are looked for";
  if (!rule.recomputed)
    return options.minus_dropped ? "what edges contribute minus what stands for them is asked for"
                                 : "the rule does not factor";
  if (pass.source == 0) return "the model has no attention source";
  return options.scores == score_storage::stored ? "that was asked for" : nullptr;
}

}  // namespace detail

/// The way that a trace goes: scores are stored where that stays below options.max_memory or has to be, otherwise the one
/// that takes less.
[[nodiscard]] inline memory_estimate likely_memory(const model_shape& shape, const pass_footprint& pass,
                                                   std::size_t tokens, const trace_options& options,
                                                   const rule_footprint& rule, std::size_t scalar) {
  const memory_estimate stored = estimate_memory(shape, pass, tokens, options, false, scalar, rule.whole_nodes);
  const memory_estimate again = estimate_memory(shape, pass, tokens, options, true, scalar);
  if (detail::why_stored(pass, options, rule) != nullptr) return stored;
  if (options.scores == score_storage::recomputed) return again;
  return stored.total <= std::max(static_cast<double>(options.max_memory), again.total) ? stored : again;
}

/// The same for a trace that is to be run.
/// Throws:   strata::option_error where it takes more than options.max_memory, with what would fit, or where scores
///           cannot be computed again though that was asked for.
[[nodiscard]] inline memory_estimate plan_memory(const model_shape& shape, const pass_footprint& pass,
                                                 std::size_t tokens, const trace_options& options,
                                                 const rule_footprint& rule, std::size_t scalar) {
  const char* const why = detail::why_stored(pass, options, rule);
  if (options.scores == score_storage::recomputed && why != nullptr)
    raise<option_error>("scores cannot be computed again: ", why);
  const auto bound = static_cast<double>(options.max_memory);
  const auto likely = [&](std::size_t count) { return likely_memory(shape, pass, count, options, rule, scalar); };
  const memory_estimate plan = likely(tokens);
  if (plan.total <= bound) return plan;

  std::size_t fits = 0, too_long = tokens;  // the longest prompt that fits
  while (too_long - fits > 1) {
    const std::size_t middle = fits + (too_long - fits) / 2;
    (likely(middle).total <= bound ? fits : too_long) = middle;
  }
  const auto megabytes = [](double bytes) { return concat(std::ceil(bytes / 1e6), " MB"); };
  raise<option_error>(
      "a trace of ", tokens, tokens == 1 ? " token" : " tokens", " takes ", megabytes(plan.total),
      " beside the weights, the bound is ", megabytes(bound),
      why == nullptr ? "" : concat(" (its scores have to be stored, since ", why, ")"), "; it would fit with ",
      fits == 0 ? "" : concat("up to ", fits, fits == 1 ? " token, " : " tokens, "), "a larger bound or fewer edges");
}

}  // namespace strata
