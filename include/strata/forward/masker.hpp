/// The masked run: only the kept edges contribute; forward/ablation.hpp says what stands for dropped ones.
///
/// * Attention: weights of dropped (head, target, source) become 0; what stands for them is added before W_O. With a
///   frozen pattern the plain run's weights are put in first. MLP and residual: the dropped term is 0, or its mean.
/// * Norms are computed from the masked vectors, not linearised.
/// * Under zero ablation a node without any kept incoming edge is the zero vector, output bias included; with one, the
///   bias stays. With means the bias is always there; under mass-mean ablation where an embedding feeds the node.
/// * Embeddings (level 0) are always there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/fed_nodes.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

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
  explicit masker(std::span<const edge_mask> masks, ablation<T> dropped = {}) : masks_(masks), dropped_(dropped) {
    STRATA_ASSERT(!masks.empty(), "masker: needs at least one mask");
    for (const edge_mask& mask : masks)
      STRATA_ASSERT(mask.edges_of() == masks[0].edges_of(), "masker: the masks of a batch belong to different graphs");
    if (dropped.mass == nullptr) return;
    for (const edge_mask& mask : masks) fed_.emplace_back(mask);
    lost_.reset(masks.size() * masks[0].edges_of().tokens(), masks[0].edges_of().heads());
  }
  explicit masker(const edge_mask& mask, ablation<T> dropped = {})
      : masker(std::span<const edge_mask>(&mask, 1), dropped) {}
  explicit masker(edge_mask&&, ablation<T> = {}) = delete;  // would not outlive it
  explicit masker(std::vector<edge_mask>&&, ablation<T> = {}) = delete;

  void attend(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<T> weights) {
    for (std::size_t i = 0; i < weights.rows; ++i) mask_row(layer, head, row0 + i, weights.row(i));
  }

  void join_attention(std::size_t layer, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list rows = {}) {
    const std::size_t level = masks_[0].edges_of().attention_level(layer);
    for (std::size_t r = 0; r < out.rows; ++r)
      if (!mixes(layer, row_of(rows, r, out.rows))) only_bias(out.row(r), parts.output_bias);
    if (dropped_.means != nullptr || dropped_.mass != nullptr) add_dropped(layer, out, parts, rows);
    for (std::size_t r = 0; r < x.rows; ++r) {
      const std::size_t row = row_of(rows, r, x.rows);
      residual(x.row(r), level, row);
      if (active(level, row)) detail::join_row(x.row(r), out.row(r), parts.post_norm);  // the bias is in out
      if (!masks_[0].edges_of().parallel()) rescale(x.row(r), level, row);
    }
  }

  void join_mlp(std::size_t layer, matrix_view<T> x, matrix_view<T> out, row_list rows = {}) {
    const graph& g = masks_[0].edges_of();
    const std::size_t level = g.mlp_level(layer);
    for (std::size_t r = 0; r < x.rows; ++r) {
      const std::size_t row = row_of(rows, r, x.rows);
      if (!g.parallel()) residual(x.row(r), level, row);  // in a parallel block join_attention has seen to it
      const node n = node_at(level, row);
      if (runs_mlp(layer, row))
        detail::join_row<T>(x.row(r), out.row(r), nullptr);
      else if (dropped_.means != nullptr && g.reaches_output(n))
        add(x.row(r), dropped_.means->mlp(layer, n.token));
      rescale(x.row(r), level, row);
    }
  }

  void finish(matrix_view<T> x, const norm<T>& final_norm) { no_hooks<T>{}.finish(x, final_norm); }

  // What a pass may leave out, so that its rows of out hold anything; optional for it to ask.

  /// Whether the node (level, row) has a value; one that is not active is the zero vector.
  [[nodiscard]] bool active(std::size_t level, std::size_t row) const {
    const node n = node_at(level, row);
    if (level == 0) return true;
    const graph& g = masks_[0].edges_of();
    if (dropped_.means != nullptr) return g.reaches_output(n);
    if (dropped_.mass != nullptr) return is_fed(n, row);
    if (dropped_.attention == attention_mask::ignored && g.has_attention(level)) return g.reaches_output(n);
    return mask_at(row).any(n);
  }

  /// Whether the row needs its attention weights in this layer: whether any attention edge into it is kept; under
  /// mass-mean ablation the dropped ones need theirs too.
  [[nodiscard]] bool mixes(std::size_t layer, std::size_t row) const {
    const graph& g = masks_[0].edges_of();
    const node n = node_at(g.attention_level(layer), row);
    if (!g.reaches_output(n)) return false;
    if (dropped_.mass != nullptr) return is_fed(n, row);
    if (dropped_.attention == attention_mask::ignored) return true;
    const edge_mask& mask = mask_at(row);
    edge_id others = mask.contains(g.residual_edge(n)) ? 1 : 0;
    if (g.parallel() && mask.contains(g.mlp_edge(n))) ++others;
    return mask.count(n) > others;
  }

  /// Whether the MLP edge into the row adds anything in this layer.
  [[nodiscard]] bool runs_mlp(std::size_t layer, std::size_t row) const {
    const graph& g = masks_[0].edges_of();
    const node n = node_at(g.mlp_level(layer), row);
    if (dropped_.mass != nullptr && !is_fed(n, row)) return false;
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

  [[nodiscard]] bool is_fed(node n, std::size_t row) const { return fed_[row / masks_[0].edges_of().tokens()](n); }

  void rescale(std::span<T> x, std::size_t level, std::size_t row) const {
    if (dropped_.norms != nullptr) dropped_.norms->rescale(node_at(level, row), x);
  }

  void residual(std::span<T> x, std::size_t level, std::size_t row) const {
    const graph& g = masks_[0].edges_of();
    const node n = node_at(level, row);
    if (g.reaches_output(n) && mask_at(row).contains(g.residual_edge(n))) return;
    if (dropped_.means != nullptr && g.reaches_output(n))
      std::copy_n(dropped_.means->residual(level, n.token).begin(), x.size(), x.begin());
    else
      std::fill(x.begin(), x.end(), T{0});
  }

  static void add(std::span<T> x, std::span<const T> summand) {
    for (std::size_t j = 0; j < x.size(); ++j) x[j] += summand[j];
  }

  // What attention gives to a row that does not mix; the pass may have left it out.
  static void only_bias(std::span<T> out, std::span<const T> bias) {
    if (bias.empty())
      std::fill(out.begin(), out.end(), T{0});
    else
      std::copy(bias.begin(), bias.end(), out.begin());
  }

  // out ← out + (what stands for dropped attention edges) · W_O.
  void add_dropped(std::size_t layer, matrix_view<T> out, const attention_parts<T>& parts, row_list rows) {
    const graph& g = masks_[0].edges_of();
    const std::size_t head_width = parts.output.rows / g.heads();
    const auto& [expected, width] = dropped_.mass != nullptr
                                        ? std::pair(dropped_.mass->head_width(), dropped_.mass->shape().width)
                                        : std::pair(dropped_.means->head_width(), dropped_.means->shape().width);
    if (head_width != expected || out.cols != width)
      raise<contract_error>("layer ", layer, ": heads of width ", head_width, " and a stream of width ", out.cols,
                            ", the means of dropped edges are of ", expected, " and ", width);
    matrix<T> sums(out.rows, parts.output.rows);
    bool any_dropped = false;
    for (std::size_t r = 0; r < out.rows; ++r) {
      const std::size_t row = row_of(rows, r, out.rows);
      const node n = node_at(g.attention_level(layer), row);
      if (!g.reaches_output(n) || mask_at(row).all(n) || !active(n.level, row)) continue;
      any_dropped = true;
      for (std::size_t h = 0; h < g.heads(); ++h)
        sum_dropped(layer, h, n, row, sums.row(r).subspan(h * head_width, head_width));
    }
    if (dropped_.mass != nullptr) lost_.fill(T{0});
    if (!any_dropped) return;
    matrix<T> through(out.rows, out.cols);
    detail::product<T>(sums, parts.output, through);
    for (std::size_t r = 0; r < out.rows; ++r) add(out.row(r), std::as_const(through).row(r));
  }

  void sum_dropped(std::size_t layer, std::size_t head, node n, std::size_t row, std::span<T> sum) const {
    if (dropped_.mass != nullptr) {
      const std::span<const T> mean = dropped_.mass->of(layer, n.token, head);
      for (std::size_t j = 0; j < sum.size(); ++j) sum[j] = lost_(row, head) * mean[j];
      return;
    }
    const graph& g = masks_[0].edges_of();
    const edge_mask& mask = mask_at(row);
    const edge_id first = g.attention_edge(n, 0, head);
    const auto kept = [&](std::size_t s) { return mask.contains(first + s * g.heads()); };
    std::size_t count = 0;
    for (std::size_t s = 0; s <= n.token; ++s) count += kept(s) ? 1 : 0;
    dropped_.means->add_dropped(layer, head, n.token, count, kept, sum);
  }

  void mask_row(std::size_t layer, std::size_t head, std::size_t row, std::span<T> weights) {
    const graph& g = masks_[0].edges_of();
    const node n = node_at(g.attention_level(layer), row);
    if (!g.reaches_output(n)) {
      std::fill(weights.begin(), weights.end(), T{0});
      return;
    }
    const edge_mask& mask = mask_at(row);
    const std::size_t sources = std::min(weights.size(), n.token + 1);
    if (dropped_.pattern != nullptr)
      std::copy_n(dropped_.pattern->row(layer, head, n.token).begin(), sources, weights.begin());
    if (dropped_.attention == attention_mask::ignored || mask.all(n)) return;
    const edge_id first = g.attention_edge(n, 0, head);
    bool dropped = false;
    double lost = 0;
    for (std::size_t s = 0; s < sources; ++s)
      if (!mask.contains(first + s * g.heads())) {
        dropped = true;
        lost += static_cast<double>(weights[s]);
        weights[s] = 0;
      }
    if (dropped_.mass != nullptr) lost_(row, head) = static_cast<T>(lost);
    if (dropped_.attention == attention_mask::before_softmax && dropped) detail::renormalise(weights.first(sources));
  }

  std::span<const edge_mask> masks_;
  ablation<T> dropped_;
  std::vector<fed_nodes>
      fed_;         // of each mask, under mass-mean ablation; and what its dropped edges weigh in the layer:
  matrix<T> lost_;  // (masks · tokens, heads)
};

static_assert(forward_hooks<masker<float>, float>);

}  // namespace strata
