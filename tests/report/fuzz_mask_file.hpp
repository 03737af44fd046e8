// The body of a fuzzer: any bytes are either refused with a strata::data_error, or masks of the graph that are written
// and read again as they are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "strata/core/error.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/report/mask_file.hpp"

/// The graph of the masks: 19 edges.
inline strata::graph fuzz_mask_graph() { return {2, 2, 2, strata::block_kind::sequential}; }

/// Returns:  whether the bytes were accepted.
inline bool fuzz_mask_file(std::span<const std::uint8_t> input) {
  const strata::graph graph = fuzz_mask_graph();
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  try {
    const strata::nested_masks masks = strata::masks_of_text(text, "fuzz.json", graph);
    if (masks.sizes.empty() || masks.sizes.back() != masks.order.size()) std::abort();
    if (!std::is_sorted(masks.sizes.begin(), masks.sizes.end())) std::abort();
    for (const strata::edge_id e : masks.order)
      if (e >= graph.edge_count()) std::abort();
    const auto mask = strata::edge_mask::prefix(graph, masks.order, masks.order.size());
    if (mask.count() != masks.order.size()) std::abort();  // an edge twice
    const auto again = strata::masks_of_text(strata::masks_text(graph, masks.order, masks.sizes), "again", graph);
    if (!(again.order == masks.order) || again.sizes != masks.sizes) std::abort();
    return true;
  } catch (const strata::data_error&) {
    return false;
  }
}
