// How many rows of which matrix product a run with some masks has to compute, and which rows of attention: those of a
// sweep_plan, as a decoder's sweep takes them. A plain pass is the run with the mask of all edges.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "strata/forward/mask_list.hpp"
#include "strata/forward/sweep_plan.hpp"
#include "strata/graph/graph.hpp"

namespace bench {

// Rows that are multiplied with each of a layer's matrices.
struct layer_rows {
  std::size_t queries = 0, keys = 0, values = 0, outputs = 0, mlp = 0;
};

// Attention of one layer for tokens of one mask, which rise.
struct attended_tokens {
  std::vector<std::uint32_t> tokens;
  std::vector<std::uint32_t> kept;  // (tokens, heads): how many edges
};

struct needed_rows {
  std::vector<layer_rows> products;                     // (layers)
  std::vector<std::vector<attended_tokens>> attention;  // (layers), of the masks that mix anything
  std::size_t logits = 0;                               // different values of the output node
};

// Adds what attention into `level` needs.
template <strata::mask_list Masks>
void add_attention(const Masks& masks, const strata::sweep::level& below, const strata::sweep::level& level,
                   layer_rows& rows, std::vector<attended_tokens>& attention) {
  const std::size_t count = masks.size(), heads = masks.edges_of().heads();
  std::vector<bool> queries(below.rows.size() + 1), keys(queries), values(queries);
  std::vector<attended_tokens> of_mask(count);
  for (const strata::sweep::mix& mix : level.mixes) {
    attended_tokens& attended = of_mask[mix.mask];
    const std::size_t first = attended.kept.size();
    attended.tokens.push_back(mix.token);
    attended.kept.resize(first + heads);
    queries[mix.source] = true;
    masks.for_each_attention({level.number, mix.token}, mix.mask, [&](std::size_t s, std::size_t head) {
      values[below.of[s * count + mix.mask]] = true;
      ++attended.kept[first + head];
    });
  }
  for (std::size_t m = 0; m < count; ++m) {
    if (of_mask[m].tokens.empty()) continue;
    for (std::size_t s = 0; s <= of_mask[m].tokens.back(); ++s) keys[below.of[s * count + m]] = true;
    attention.push_back(std::move(of_mask[m]));
  }
  const auto size_of = [](const std::vector<bool>& set) {
    return static_cast<std::size_t>(std::count(set.begin(), set.end(), true));
  };
  rows.queries += size_of(queries);
  rows.keys += size_of(keys);
  rows.values += size_of(values);
  rows.outputs += level.mixes.size();
}

template <strata::mask_list Masks>
[[nodiscard]] needed_rows needed_by(const Masks& masks) {
  const strata::graph& graph = masks.edges_of();
  const strata::sweep_plan<Masks> plan(masks);
  needed_rows needed;
  strata::sweep::level level = plan.embeddings();
  for (std::size_t layer = 0; layer < graph.layers(); ++layer) {
    layer_rows& rows = needed.products.emplace_back();
    std::vector<attended_tokens>& attention = needed.attention.emplace_back();
    while (level.number < graph.mlp_level(layer)) {
      strata::sweep::level above = plan.next(level);
      if (graph.has_attention(above.number)) add_attention(masks, level, above, rows, attention);
      std::set<std::uint32_t> mlp;
      for (const strata::sweep::row& r : above.rows)
        if (r.mlp != strata::sweep::none) mlp.insert(r.mlp);
      rows.mlp += mlp.size();
      level = std::move(above);
    }
  }
  needed.logits =
      std::set<std::uint32_t>(level.of.end() - static_cast<std::ptrdiff_t>(masks.size()), level.of.end()).size();
  return needed;
}

}  // namespace bench
