/// The graph of one forward pass: its nodes, and its edges numbered in closed form. Nothing is stored but four numbers.
///
/// Edges are numbered by target level, then target token, then in the order in which the search pushes them: residual;
/// attention by source token, then head; MLP (at an MLP level: mlp_residual, mlp). Only edges that can reach the output
/// node count: in the last layer those into the last token.
///
///   E = L·(H·T(T+1)/2 + 3T) − (H·T(T−1)/2 + 3(T−1))   sequential; 2 instead of 3 for parallel blocks.
///
/// Source: Kervadec et al., Tracing Computation Density in LLMs, arXiv 2605.27033.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/graph/edge.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

class graph {
 public:
  /// Requires: at least one layer, head and token.
  /// Throws:   strata::option_error where the number of edges would not fit into 63 bits.
  constexpr graph(std::size_t layers, std::size_t heads, std::size_t tokens, block_kind block)
      : layers_(layers), heads_(heads), tokens_(tokens), block_(block) {
    STRATA_ASSERT(layers > 0 && heads > 0 && tokens > 0, "graph: needs at least one layer, head and token");
    const auto largest = static_cast<long double>(std::numeric_limits<edge_id>::max()) / 2;
    const auto about = static_cast<long double>(layers) * static_cast<long double>(tokens) *
                       (static_cast<long double>(heads) * (static_cast<long double>(tokens) + 1) / 2 + 3);
    if (about > largest)
      raise<option_error>("a graph of ", layers, " layers, ", heads, " heads and ", tokens,
                          " tokens has too many edges");
  }

  constexpr graph(const model_shape& shape, std::size_t tokens)
      : graph(shape.layers, shape.heads, tokens, shape.block) {}

  [[nodiscard]] constexpr std::size_t layers() const { return layers_; }
  [[nodiscard]] constexpr std::size_t heads() const { return heads_; }
  [[nodiscard]] constexpr std::size_t tokens() const { return tokens_; }
  [[nodiscard]] constexpr block_kind block() const { return block_; }
  [[nodiscard]] constexpr bool parallel() const { return block_ == block_kind::parallel; }

  /// Number of the last level; nodes exist at levels 0 … levels().
  [[nodiscard]] constexpr std::size_t levels() const { return parallel() ? layers_ : 2 * layers_; }
  [[nodiscard]] constexpr node output() const { return {levels(), tokens_ - 1}; }

  /// The layer that writes to a level ≥ 1.
  [[nodiscard]] constexpr std::size_t layer_of(std::size_t level) const {
    STRATA_ASSERT(level >= 1 && level <= levels(), "graph::layer_of: no layer writes to this level");
    return parallel() ? level - 1 : (level - 1) / 2;
  }
  [[nodiscard]] constexpr std::size_t attention_level(std::size_t layer) const {
    return parallel() ? layer + 1 : 2 * layer + 1;
  }
  [[nodiscard]] constexpr std::size_t mlp_level(std::size_t layer) const {
    return parallel() ? layer + 1 : 2 * layer + 2;
  }
  [[nodiscard]] constexpr bool has_attention(std::size_t level) const {
    return level > 0 && (parallel() || level % 2 == 1);
  }
  [[nodiscard]] constexpr bool has_mlp(std::size_t level) const { return level > 0 && (parallel() || level % 2 == 0); }

  /// E, the number of edges that can reach the output node.
  [[nodiscard]] constexpr edge_id edge_count() const {
    return first_edge({levels(), tokens_ - 1}) + edge_count(output());
  }

  /// Number of edges that enter a node. 0 at level 0 and for nodes of the last layer that cannot reach the output.
  [[nodiscard]] constexpr edge_id edge_count(node n) const {
    if (n.level == 0 || !reaches_output(n)) return 0;
    return has_attention(n.level) ? attention_node_edges(n.token) : 2;
  }

  /// The first edge that enters the node; the node's edges are numbered one after the other.
  [[nodiscard]] constexpr edge_id first_edge(node n) const {
    STRATA_ASSERT(n.level >= 1 && n.level <= levels() && n.token < tokens_, "graph::first_edge: no such node");
    const std::size_t layer = layer_of(n.level);
    const edge_id base = layer * layer_edges();
    const bool last = layer + 1 == layers_;
    if (has_attention(n.level)) return base + (last ? 0 : attention_nodes_edges(n.token));
    return base + (last ? attention_node_edges(tokens_ - 1) : attention_nodes_edges(tokens_) + 2 * n.token);
  }

  /// Whether a path leads from the node to the output node.
  [[nodiscard]] constexpr bool reaches_output(node n) const {
    return n.level == 0 || layer_of(n.level) + 1 < layers_ || n.token + 1 == tokens_;
  }

  [[nodiscard]] constexpr edge_id residual_edge(node n) const { return checked(n, first_edge(n)); }
  [[nodiscard]] constexpr edge_id attention_edge(node n, std::size_t source, std::size_t head) const {
    STRATA_ASSERT(has_attention(n.level) && source <= n.token && head < heads_, "graph::attention_edge: no such edge");
    return checked(n, first_edge(n) + 1 + source * heads_ + head);
  }
  [[nodiscard]] constexpr edge_id mlp_edge(node n) const {
    STRATA_ASSERT(has_mlp(n.level), "graph::mlp_edge: no MLP writes to this level");
    return checked(n, first_edge(n) + edge_count(n) - 1);
  }

  /// The source of the edge that is number `index` among those that enter `target`.
  [[nodiscard]] constexpr node source_of(node target, std::size_t index) const {
    const bool attention = has_attention(target.level) && index > 0 && index <= heads_ * (target.token + 1);
    return {target.level - 1, attention ? (index - 1) / heads_ : target.token};
  }

  /// The node that an edge enters.
  [[nodiscard]] constexpr node target_of(edge_id id) const { return place_of(id).target; }

  /// Kind, level, head, target and source of an edge.
  [[nodiscard]] constexpr edge at(edge_id id) const {
    const auto [target, index] = place_of(id);
    const auto [level, token] = target;
    if (!has_attention(level))
      return {index == 0 ? edge_kind::mlp_residual : edge_kind::mlp, level, no_head, token, token};
    if (index == 0) return {edge_kind::residual, level, no_head, token, token};
    if (parallel() && index + 1 == attention_node_edges(token)) return {edge_kind::mlp, level, no_head, token, token};
    return {edge_kind::attention, level, (index - 1) % heads_, token, (index - 1) / heads_};
  }

  /// The number of an edge; the inverse of at().
  [[nodiscard]] constexpr edge_id id_of(const edge& e) const {
    if (e.kind == edge_kind::attention) return attention_edge(e.target_node(), e.source, e.head);
    return e.kind == edge_kind::mlp ? mlp_edge(e.target_node()) : residual_edge(e.target_node());
  }

  friend constexpr bool operator==(const graph&, const graph&) = default;

 private:
  struct place {
    node target;
    edge_id index;  // among the edges that enter the target
  };

  [[nodiscard]] constexpr place place_of(edge_id id) const {
    STRATA_ASSERT(id < edge_count(), "graph: edge out of range");
    const edge_id layer = id / layer_edges() < layers_ ? id / layer_edges() : layers_ - 1;
    const bool last = layer + 1 == layers_;
    const edge_id in_layer = id - layer * layer_edges();
    const edge_id attention_part = last ? attention_node_edges(tokens_ - 1) : attention_nodes_edges(tokens_);
    if (in_layer >= attention_part) {  // only in a sequential block
      const edge_id in_level = in_layer - attention_part;
      return {{2 * layer + 2, last ? tokens_ - 1 : in_level / 2}, in_level % 2};
    }
    const std::size_t token = last ? tokens_ - 1 : token_of(in_layer);
    return {{attention_level(layer), token}, in_layer - (last ? 0 : attention_nodes_edges(token))};
  }

  // Edges into one node at a level with attention: residual, H for each source, in a parallel block the MLP.
  [[nodiscard]] constexpr edge_id attention_node_edges(std::size_t token) const {
    return (parallel() ? 2 : 1) + heads_ * (token + 1);
  }
  // The same, summed over the tokens before `token`.
  [[nodiscard]] constexpr edge_id attention_nodes_edges(std::size_t token) const {
    return (parallel() ? 2 : 1) * token + heads_ * (token * (token + 1) / 2);
  }
  [[nodiscard]] constexpr edge_id layer_edges() const {
    return attention_nodes_edges(tokens_) + (parallel() ? 0 : 2 * tokens_);
  }
  // The largest token with attention_nodes_edges(token) ≤ offset: the root of that quadratic function, put right where
  // it was rounded.
  [[nodiscard]] constexpr std::size_t token_of(edge_id offset) const {
    std::size_t low = 0;
    if (std::is_constant_evaluated()) {
      std::size_t high = tokens_;
      while (high - low > 1) {
        const std::size_t middle = low + (high - low) / 2;
        (attention_nodes_edges(middle) <= offset ? low : high) = middle;
      }
      return low;
    }
    const auto heads = static_cast<double>(heads_);
    const double linear = heads / 2 + (parallel() ? 2 : 1);
    const double root = (std::sqrt(linear * linear + 2 * heads * static_cast<double>(offset)) - linear) / heads;
    low = root < static_cast<double>(tokens_) ? static_cast<std::size_t>(root) : tokens_ - 1;
    while (attention_nodes_edges(low) > offset) --low;
    while (low + 1 < tokens_ && attention_nodes_edges(low + 1) <= offset) ++low;
    return low;
  }
  [[nodiscard]] constexpr edge_id checked(node n, edge_id id) const {
    STRATA_ASSERT(n.level > 0 && reaches_output(n), "graph: this node has no incoming edges");
    return id;
  }

  std::size_t layers_;
  std::size_t heads_;
  std::size_t tokens_;
  block_kind block_;
};

}  // namespace strata
