/// Nodes and edges of the unrolled transformer (method: docs/method.md).
///
/// A node is the residual stream at (level, token). Level 0 holds the embeddings. A sequential block l adds two levels,
/// 2l+1 after attention and 2l+2 after the MLP; a parallel block adds one, l+1. An edge is one summand of its target
/// node.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace strata {

/// Number of an edge in its graph, 0 … E−1.
using edge_id = std::uint64_t;

struct node {
  std::size_t level = 0;
  std::size_t token = 0;

  friend constexpr bool operator==(const node&, const node&) = default;
};

/// residual: past attention (and, in a parallel block, past the MLP). mlp_residual: past the MLP of a sequential block.
enum class edge_kind : std::uint8_t { residual, attention, mlp_residual, mlp };

inline constexpr std::array<std::string_view, 4> edge_kind_names{"residual", "attention", "mlp_residual", "mlp"};

[[nodiscard]] constexpr std::string_view name_of(edge_kind kind) {
  return edge_kind_names[static_cast<std::size_t>(kind)];
}

/// The head of an edge that is no attention edge.
inline constexpr std::size_t no_head = std::numeric_limits<std::size_t>::max();

struct edge {
  edge_kind kind = edge_kind::residual;
  std::size_t level = 0;  // of the target; the source lies one level below
  std::size_t head = no_head;
  std::size_t target = 0;  // token
  std::size_t source = 0;  // token; equal to target for all but attention edges

  [[nodiscard]] constexpr node target_node() const { return {level, target}; }
  [[nodiscard]] constexpr node source_node() const { return {level - 1, source}; }

  friend constexpr bool operator==(const edge&, const edge&) = default;
};

}  // namespace strata
