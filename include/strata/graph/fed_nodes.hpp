/// Which nodes get anything from an embedding.
#pragma once

#include <cstddef>
#include <vector>

#include "strata/graph/edge_mask.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// The nodes of level 0, and those to which some path of kept edges leads from one of them.
class fed_nodes {
 public:
  /// each_source(n, take): calls take(token) for the source of each kept edge that enters n.
  template <class EachSource>
  fed_nodes(const graph& edges, EachSource each_source)
      : tokens_(edges.tokens()), fed_((edges.levels() + 1) * edges.tokens()) {
    for (std::size_t token = 0; token < tokens_; ++token) fed_[token] = true;
    for (std::size_t level = 1; level <= edges.levels(); ++level)
      for (std::size_t token = 0; token < tokens_; ++token) {
        bool fed = false;
        each_source(node{level, token}, [&](std::size_t source) { fed = fed || (*this)({level - 1, source}); });
        fed_[level * tokens_ + token] = fed;
      }
  }

  /// Cost:     one pass over the mask.
  explicit fed_nodes(const edge_mask& mask)
      : fed_nodes(mask.edges_of(), [&mask](node n, auto take) {
          mask.for_each(n, [&](std::size_t index) { take(mask.edges_of().source_of(n, index).token); });
        }) {}

  [[nodiscard]] bool operator()(node n) const { return fed_[n.level * tokens_ + n.token]; }

 private:
  std::size_t tokens_;
  std::vector<bool> fed_;  // (levels + 1, tokens)
};

}  // namespace strata
