/// From scores to traces: which edges are kept at each size, by any of the selections of search/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/detail/round_to_half.hpp"
#include "strata/graph/components.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"
#include "strata/search/best_first.hpp"
#include "strata/search/frozen.hpp"
#include "strata/search/inverse.hpp"
#include "strata/search/nucleus_selection.hpp"
#include "strata/search/random_connected.hpp"
#include "strata/search/threshold.hpp"
#include "strata/search/top_scores.hpp"

namespace strata {

/// best_first, random_connected: one order, of which each trace is a prefix. top_scores: one set for each size. threshold,
/// nucleus: one set, whatever the sizes.
enum class selection : std::uint8_t { best_first, random_connected, top_scores, threshold, nucleus };

inline constexpr std::array<std::string_view, 5> selection_names{"best_first", "random_connected", "top_scores",
                                                                 "threshold", "nucleus"};

[[nodiscard]] constexpr std::string_view name_of(selection how) {
  return selection_names[static_cast<std::size_t>(how)];
}

struct selection_options {
  selection how = selection::best_first;
  double tau = 0;               // of threshold and nucleus
  std::uint64_t seed = 0;       // of random_connected
  components frozen;            // kept as soon as their targets are reached, and not counted in the size
  bool inverse = false;         // keep what a trace leaves out, and all residual edges
  bool count_frozen = false;    // published: frozen edges count in the size
  bool keep_residuals = false;  // published, of random_connected: all residual edges, which do not count
  bool published_ways = false;  // of random_connected: residual and MLP edges first; of nucleus: only scores above 0
  bool round_to_half = false;   // published: the search sees scores as IEEE halves
};

/// The traces of some sizes: the first counts[i] edges of the order, or, where there are masks, those.
struct selected_edges {
  edge_order order;                 // of best_first and random_connected
  std::vector<std::size_t> counts;  // (sizes)
  std::vector<edge_mask> masks;     // (sizes), of threshold and nucleus one; empty: prefixes of the order
};

namespace detail {

// The masks that the options ask for instead of prefixes of the order, or instead of the masks that are there.
inline void change_masks(const graph& graph, const selection_options& options, selected_edges& made) {
  const bool residuals = options.keep_residuals && options.how == selection::random_connected;
  if (made.masks.empty() && (options.inverse || residuals))
    for (const std::size_t count : made.counts) made.masks.push_back(edge_mask::prefix(graph, made.order, count));
  for (edge_mask& mask : made.masks) {
    if (options.inverse) mask = inverse(mask);
    if (residuals) mask = with_residuals(mask);
  }
}

template <class T, class NodeScores>
[[nodiscard]] selected_edges selected_by_node(const graph& graph, NodeScores scores_of, std::span<const T> stored,
                                              std::span<const edge_id> sizes, const selection_options& options) {
  selected_edges made;
  const edge_id largest = sizes.back();
  const bool counted_apart = !options.frozen.empty() && !options.count_frozen;
  switch (options.how) {
    case selection::best_first: {
      const edge_id limit = counted_apart ? frozen_limit(graph, options.frozen, largest) : largest;
      made.order =
          stored.empty() ? best_first_by_node<T>(graph, scores_of, limit) : best_first<T>(graph, stored, limit);
      break;
    }
    case selection::random_connected:
      if (!options.frozen.empty()) raise<option_error>("a random selection cannot freeze components");
      made.order = random_connected(graph, largest, options.seed,
                                    options.published_ways ? random_edges::residual_and_mlp_first : random_edges::any);
      break;
    case selection::top_scores:
      if (stored.empty()) raise<option_error>("the best scores of all edges can only be found if they are stored");
      for (const edge_id n : sizes)
        made.masks.push_back(top_scores<T>(graph, stored, counted_apart ? frozen_limit(graph, options.frozen, n) : n));
      break;
    case selection::threshold:
      made.masks.push_back(threshold_by_node<T>(graph, scores_of, options.tau));
      break;
    case selection::nucleus:
      made.masks.push_back(nucleus_selection_by_node<T>(
          graph, scores_of, options.tau, options.published_ways ? nucleus_edges::positive : nucleus_edges::any));
      break;
  }
  if (made.masks.empty() && counted_apart) {
    made.counts = frozen_prefixes(graph, options.frozen, made.order, sizes);
  } else if (made.masks.empty()) {
    for (const edge_id n : sizes) made.counts.push_back(static_cast<std::size_t>(n));
  }
  change_masks(graph, options, made);
  return made;
}

}  // namespace detail

/// The traces of an order that is there already, by another search.
/// order:    whole; what is beyond the largest size is cut off.
/// sizes:    as of select_edges.
/// options:  of best_first without frozen components.
[[nodiscard]] inline selected_edges select_prefixes(const graph& graph, edge_order order,
                                                    std::span<const edge_id> sizes,
                                                    const selection_options& options = {}) {
  STRATA_ASSERT(options.how == selection::best_first && options.frozen.empty() && sizes.back() <= order.size(),
                "select_prefixes: prefixes of a whole order, without frozen components");
  selected_edges made;
  for (const edge_id n : sizes) made.counts.push_back(static_cast<std::size_t>(n));
  order.resize_uninitialised(made.counts.back());
  made.order = std::move(order);
  detail::change_masks(graph, options, made);
  return made;
}

/// sizes:    numbers of edges, rising or equal, at least one.
/// scores:   (E); they are used up.
/// Throws:   strata::option_error for options that do not go together, for components that the graph lacks;
///           strata::numeric_error for a score that is NaN.
template <class T>
[[nodiscard]] selected_edges select_edges(const graph& graph, std::vector<T> scores, std::span<const edge_id> sizes,
                                          const selection_options& options = {}) {
  options.frozen.check(graph);
  if (options.round_to_half) round_to_half(std::span<T>(scores));
  if (!options.frozen.empty()) freeze<T>(graph, options.frozen, scores);
  const std::span<const T> stored(scores);
  return detail::selected_by_node<T>(
      graph,
      [&](node n) {
        return stored.subspan(static_cast<std::size_t>(graph.first_edge(n)),
                              static_cast<std::size_t>(graph.edge_count(n)));
      },
      stored, sizes, options);
}

/// The same for scores that are given node by node, as best_first_by_node takes them.
template <class T, class NodeScores>
[[nodiscard]] selected_edges select_edges_by_node(const graph& graph, NodeScores scores_of,
                                                  std::span<const edge_id> sizes,
                                                  const selection_options& options = {}) {
  options.frozen.check(graph);
  const auto rounded = [&options, scores_of, own = std::vector<T>()](node n) mutable {
    const std::span<const T> scores = scores_of(n);
    if (!options.round_to_half) return scores;
    own.assign(scores.begin(), scores.end());
    round_to_half(std::span<T>(own));
    return std::span<const T>(own);
  };
  if (options.frozen.empty()) return detail::selected_by_node<T>(graph, rounded, {}, sizes, options);
  return detail::selected_by_node<T>(graph, frozen_by_node<T>(graph, options.frozen, rounded), {}, sizes, options);
}

}  // namespace strata
