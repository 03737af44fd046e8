/// Several masks of one graph, as a sweep asks for them: node by node.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_strata.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// Of a node that reaches the output, in mask m:
///   any                            whether any of the edges into it is kept
///   residual, mlp, mixes           whether its residual edge, its MLP edge, any attention edge is kept
///   all_attention                  whether all of its attention edges are kept
///   same_attention(n, a, b)        whether masks a and b keep the same of its attention edges; false is always allowed, and
///                                  costs a row that might have been shared
///   for_each_attention(n, m, f)    f(source, head) for each attention edge that is kept
/// For a node that does not reach the output nothing is kept.
template <class M>
concept mask_list = requires(const M& masks, node n, std::size_t m, void (*f)(std::size_t, std::size_t)) {
  { masks.size() } -> std::convertible_to<std::size_t>;
  { masks.edges_of() } -> std::convertible_to<graph>;
  { masks.any(n, m) } -> std::convertible_to<bool>;
  { masks.residual(n, m) } -> std::convertible_to<bool>;
  { masks.mlp(n, m) } -> std::convertible_to<bool>;
  { masks.mixes(n, m) } -> std::convertible_to<bool>;
  { masks.all_attention(n, m) } -> std::convertible_to<bool>;
  { masks.same_attention(n, m, m) } -> std::convertible_to<bool>;
  masks.for_each_attention(n, m, f);
};

static_assert(mask_list<edge_strata>);

/// Called with how much of a sweep is done; may throw to stop it.
using sweep_progress = std::function<void(std::size_t done, std::size_t total)>;

/// Any masks of one graph, one bit an edge, that somebody else owns.
class edge_mask_list {
 public:
  explicit edge_mask_list(std::span<const edge_mask> masks) : masks_(masks) {
    STRATA_ASSERT(!masks.empty(), "edge_mask_list: needs at least one mask");
    for (const edge_mask& mask : masks)
      STRATA_ASSERT(mask.edges_of() == masks[0].edges_of(), "edge_mask_list: the masks belong to different graphs");
  }

  [[nodiscard]] std::size_t size() const { return masks_.size(); }
  [[nodiscard]] const graph& edges_of() const { return masks_[0].edges_of(); }

  [[nodiscard]] bool any(node n, std::size_t m) const { return masks_[m].any(n); }
  [[nodiscard]] bool residual(node n, std::size_t m) const {
    return edges_of().reaches_output(n) && masks_[m].contains(edges_of().residual_edge(n));
  }
  [[nodiscard]] bool mlp(node n, std::size_t m) const {
    return edges_of().has_mlp(n.level) && edges_of().reaches_output(n) && masks_[m].contains(edges_of().mlp_edge(n));
  }
  [[nodiscard]] bool mixes(node n, std::size_t m) const { return attention_count(n, m) > 0; }
  [[nodiscard]] bool all_attention(node n, std::size_t m) const {
    return attention_count(n, m) == edges_of().heads() * (n.token + 1);
  }
  // Compares the other two edges as well: where only they differ, a row is computed that might have been shared.
  [[nodiscard]] bool same_attention(node n, std::size_t a, std::size_t b) const { return masks_[a].same(n, masks_[b]); }
  template <class F>
  void for_each_attention(node n, std::size_t m, F f) const {
    const std::size_t heads = edges_of().heads();
    const std::size_t attention = edges_of().has_attention(n.level) ? heads * (n.token + 1) : 0;
    masks_[m].for_each(n, [&](std::size_t index) {
      if (index > 0 && index <= attention) f((index - 1) / heads, (index - 1) % heads);
    });
  }

 private:
  [[nodiscard]] edge_id attention_count(node n, std::size_t m) const {
    if (!edges_of().has_attention(n.level)) return 0;
    return masks_[m].count(n) - (residual(n, m) ? 1 : 0) - (mlp(n, m) ? 1 : 0);
  }

  std::span<const edge_mask> masks_;
};

static_assert(mask_list<edge_mask_list>);

/// The same masks with all attention edges kept: attention_mask::ignored.
template <mask_list Masks>
class with_all_attention {
 public:
  explicit with_all_attention(const Masks& masks) : masks_(&masks) {}

  [[nodiscard]] std::size_t size() const { return masks_->size(); }
  [[nodiscard]] const graph& edges_of() const { return masks_->edges_of(); }
  [[nodiscard]] bool any(node n, std::size_t m) const { return mixes(n, m) || masks_->any(n, m); }
  [[nodiscard]] bool residual(node n, std::size_t m) const { return masks_->residual(n, m); }
  [[nodiscard]] bool mlp(node n, std::size_t m) const { return masks_->mlp(n, m); }
  [[nodiscard]] bool mixes(node n, std::size_t /*m*/) const {
    return edges_of().has_attention(n.level) && edges_of().reaches_output(n);
  }
  [[nodiscard]] bool all_attention(node /*n*/, std::size_t /*m*/) const { return true; }
  [[nodiscard]] bool same_attention(node /*n*/, std::size_t /*a*/, std::size_t /*b*/) const { return true; }
  template <class F>
  void for_each_attention(node n, std::size_t /*m*/, F f) const {
    for (std::size_t s = 0; s <= n.token; ++s)
      for (std::size_t h = 0; h < edges_of().heads(); ++h) f(s, h);
  }

 private:
  const Masks* masks_;
};

static_assert(mask_list<with_all_attention<edge_strata>>);

}  // namespace strata
