/// The masked run: only the kept edges contribute (zero ablation).
///
/// * Attention: weights of dropped (head, target, source) become 0. MLP and residual: the dropped term is 0.
/// * Norms are computed from the masked vectors, not linearised.
/// * A node without any kept incoming edge is the zero vector, output bias included; with one, the bias stays.
/// * Embeddings (level 0) are always there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/graph/edge_mask.hpp"

namespace strata {

/// What dropping an attention edge does.
enum class attention_mask : std::uint8_t {
  after_softmax,   // its weight becomes 0; the others stay as they are (default)
  before_softmax,  // its score becomes −∞: the kept weights of the row are renormalised; a row with none left
                   // contributes 0
  ignored,  // nothing: all attention edges stay. A defect of the published code, for comparison with published curves
};

namespace detail {

/// Divides weights, of which the dropped ones are 0, by their sum; leaves them where that is 0.
template <class T>
void renormalise(std::span<T> weights) {
  double kept = 0;
  for (const T weight : weights) kept += static_cast<double>(weight);
  if (!(kept > 0)) return;
  for (T& weight : weights) weight = static_cast<T>(static_cast<double>(weight) / kept);
}

}  // namespace detail

template <class T>
class masker {
 public:
  /// One mask for each copy of the prompt in the batch, all of one graph. The masks must outlive the masker.
  explicit masker(std::span<const edge_mask> masks, attention_mask variant = attention_mask::after_softmax)
      : masks_(masks), variant_(variant) {
    STRATA_ASSERT(!masks.empty(), "masker: needs at least one mask");
    for (const edge_mask& mask : masks)
      STRATA_ASSERT(mask.edges_of() == masks[0].edges_of(), "masker: the masks of a batch belong to different graphs");
  }
  explicit masker(const edge_mask& mask, attention_mask variant = attention_mask::after_softmax)
      : masker(std::span<const edge_mask>(&mask, 1), variant) {}
  explicit masker(edge_mask&&, attention_mask = attention_mask::after_softmax) = delete;  // would not outlive it
  explicit masker(std::vector<edge_mask>&&, attention_mask = attention_mask::after_softmax) = delete;

  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<T> weights) {
    for (std::size_t i = 0; i < weights.rows; ++i) mask_row(layer, head, row0 + i, weights.row(i));
  }

  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list rows = {}) {
    const std::size_t level = masks_[0].edges_of().attention_level(layer);
    for (std::size_t r = 0; r < x.rows; ++r) {
      const std::size_t row = row_of(rows, r, x.rows);
      residual(x.row(r), level, row);
      if (active(level, row)) detail::join_row(x.row(r), out.row(r), parts.post_norm);  // the bias is in out
    }
  }

  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list rows = {}) {
    const graph& g = masks_[0].edges_of();
    const std::size_t level = g.mlp_level(layer);
    for (std::size_t r = 0; r < x.rows; ++r) {
      const std::size_t row = row_of(rows, r, x.rows);
      if (!g.parallel()) residual(x.row(r), level, row);  // in a parallel block join_attention has seen to it
      if (runs_mlp(layer, row)) detail::join_row<T>(x.row(r), out.row(r), nullptr);
    }
  }

  void finish(matrix_view<T> x, const norm<T>& final_norm) { no_hooks<T>{}.finish(x, final_norm); }

  // What a pass may leave out; optional for it to ask.

  /// Whether any edge into the node (level, row) is kept; a node that is not active is the zero vector.
  [[nodiscard]] bool active(std::size_t level, std::size_t row) const {
    const node n = node_at(level, row);
    if (level == 0) return true;
    const graph& g = masks_[0].edges_of();
    if (variant_ == attention_mask::ignored && g.has_attention(level)) return g.reaches_output(n);
    return mask_at(row).any(n);
  }

  /// Whether any attention edge into the row is kept in this layer.
  [[nodiscard]] bool mixes(std::size_t layer, std::size_t row) const {
    const graph& g = masks_[0].edges_of();
    const node n = node_at(g.attention_level(layer), row);
    if (!g.reaches_output(n)) return false;
    if (variant_ == attention_mask::ignored) return true;
    const edge_mask& mask = mask_at(row);
    edge_id others = mask.contains(g.residual_edge(n)) ? 1 : 0;
    if (g.parallel() && mask.contains(g.mlp_edge(n))) ++others;
    return mask.count(n) > others;
  }

  /// Whether the MLP edge into the row is kept in this layer.
  [[nodiscard]] bool runs_mlp(std::size_t layer, std::size_t row) const {
    const graph& g = masks_[0].edges_of();
    const node n = node_at(g.mlp_level(layer), row);
    return g.reaches_output(n) && mask_at(row).contains(g.mlp_edge(n));
  }

 private:
  [[nodiscard]] const edge_mask& mask_at(std::size_t row) const {
    const std::size_t sequence = row / masks_[0].edges_of().tokens();
    STRATA_ASSERT(sequence < masks_.size(), "masker: the pass has more rows than there are masks for");
    return masks_[sequence];
  }
  [[nodiscard]] node node_at(std::size_t level, std::size_t row) const {
    return {level, row % masks_[0].edges_of().tokens()};
  }
  [[nodiscard]] std::size_t row_of(row_list rows, std::size_t r, std::size_t given) const {
    STRATA_ASSERT(rows.empty() ? given == masks_.size() * masks_[0].edges_of().tokens() : given == rows.size(),
                  "masker: x has another number of rows than the batch, and no list says which");
    return rows.empty() ? r : rows[r];
  }

  void residual(std::span<T> x, std::size_t level, std::size_t row) const {
    const graph& g = masks_[0].edges_of();
    const node n = node_at(level, row);
    if (!g.reaches_output(n) || !mask_at(row).contains(g.residual_edge(n))) std::fill(x.begin(), x.end(), T{0});
  }

  void mask_row(std::size_t layer, std::size_t head, std::size_t row, std::span<T> weights) const {
    const graph& g = masks_[0].edges_of();
    const node n = node_at(g.attention_level(layer), row);
    if (!g.reaches_output(n)) {
      std::fill(weights.begin(), weights.end(), T{0});
      return;
    }
    const edge_mask& mask = mask_at(row);
    if (variant_ == attention_mask::ignored || mask.all(n)) return;
    const edge_id first = g.attention_edge(n, 0, head);
    const std::size_t sources = std::min(weights.size(), n.token + 1);
    bool dropped = false;
    for (std::size_t s = 0; s < sources; ++s)
      if (!mask.contains(first + s * g.heads())) {
        dropped = true;
        weights[s] = 0;
      }
    if (variant_ == attention_mask::before_softmax && dropped) detail::renormalise(weights.first(sources));
  }

  std::span<const edge_mask> masks_;
  attention_mask variant_;
};

static_assert(forward_hooks<masker<float>, float>);

}  // namespace strata
