/// A decoder's runs with many masks at once: layer by layer, each weight read once for all of them, and only the rows of
/// a sweep_plan computed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/sweep_plan.hpp"
#include "strata/graph/graph.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_footprint.hpp"
#include "strata/model/decoder_parts.hpp"
#include "strata/model/decoder_weights.hpp"
#include "strata/model/kept_attention.hpp"
#include "strata/model/layer_weights.hpp"
#include "strata/model/spare_matrices.hpp"
#include "strata/model/sweep_rows.hpp"
#include "strata/model/token_positions.hpp"

namespace strata::detail {

template <class T, mask_list Masks>
class decoder_sweep {
 public:
  decoder_sweep(const decoder_config& config, const decoder_weights<T>& weights, const Masks& masks,
                const ablation<T>& dropped, std::size_t threads)
      : config_(config),
        weights_(weights),
        masks_(masks),
        dropped_(dropped),
        threads_(threads),
        tokens_(masks.edges_of().tokens()),
        positions_(config, tokens_) {}

  /// The values of the output node before the final norm, and which of them is which mask's.
  /// Shape:    embedded: (tokens, width); returns (distinct values, width) and (masks).
  [[nodiscard]] std::pair<matrix<T>, std::vector<std::uint32_t>> run(const matrix<T>& embedded,
                                                                     const sweep_progress& progress) {
    const sweep_plan<Masks> plan(masks_,
                                 {dropped_.means != nullptr, dropped_.mass != nullptr, dropped_.pattern != nullptr});
    sweep::level level = plan.embeddings();
    matrix<T> x(tokens_ + 1, config_.width);
    std::copy(embedded.values().begin(), embedded.values().end(), x.row(1).begin());
    layer_weights<T> scratch;
    for (std::size_t l = 0; l < config_.layers; ++l) {
      if (progress) progress(l, config_.layers);
      const layer_weights<T>& w = weights_.layer(l, scratch);
      for (const std::size_t last = masks_.edges_of().mlp_level(l); level.number < last;) {
        sweep::level above = plan.next(level);
        matrix<T> y = values_of(l, w, level, above, x);
        spare_.give(std::exchange(x, std::move(y)));
        level = std::move(above);
      }
    }
    return {std::move(x), {level.of.end() - static_cast<std::ptrdiff_t>(masks_.size()), level.of.end()}};
  }

 private:
  // The nodes of a level from those of the level below.
  [[nodiscard]] matrix<T> values_of(std::size_t l, const layer_weights<T>& w, const sweep::level& below,
                                    const sweep::level& level, const matrix<T>& x) {
    const graph& g = masks_.edges_of();
    const edge_means<T>* const means = dropped_.means;
    matrix<T> mixed, idle;
    if (g.has_attention(level.number)) {
      mixed = attention(l, w, below, level, x);
      idle = nothing_mixed(l, w);
    }
    of_rows<T> mlp;
    if (g.has_mlp(level.number)) {
      row_set rows(below.rows.size() + 1);
      for (const sweep::row& r : level.rows)
        if (r.mlp != sweep::none) rows[r.mlp] = true;
      mlp = mlp_of(w, rows, x);
    }
    matrix<T> y = spare_.take(level.rows.size() + 1, config_.width);
    std::fill(y.row(0).begin(), y.row(0).end(), T{0});
    parallel_rows(threads_, level.rows.size(), [&](std::size_t i) {
      const sweep::row& r = level.rows[i];
      const std::span<T> to = y.row(i + 1);
      const auto copy = [to](std::span<const T> summand) { std::copy(summand.begin(), summand.end(), to.begin()); };
      const auto add = [to](std::span<const T> summand) {
        for (std::size_t j = 0; j < to.size(); ++j) to[j] += summand[j];
      };
      if (r.residual != sweep::none)
        copy(x.row(r.residual));
      else if (means != nullptr)
        copy(means->residual(level.number, r.token));
      else
        std::fill(to.begin(), to.end(), T{0});
      if (r.mix != sweep::none)
        add(std::as_const(mixed).row(r.mix));
      else if (idle.rows() > 0)
        add(std::as_const(idle).row(idle.rows() > 1 ? r.token : 0));
      if (r.mlp != sweep::none)
        add(mlp.of(r.mlp));
      else if (means != nullptr && g.has_mlp(level.number))
        add(means->mlp(l, r.token));
      if (dropped_.norms != nullptr) dropped_.norms->rescale({level.number, r.token}, to);
    });
    spare_.give(std::move(mixed));
    spare_.give(std::move(mlp.values));
    return y;
  }

  // The sums of a level's attention edges, through the output matrix: (mixes, width).
  [[nodiscard]] matrix<T> attention(std::size_t l, const layer_weights<T>& w, const sweep::level& below,
                                    const sweep::level& level, const matrix<T>& x) {
    if (level.mixes.empty()) return {};
    const std::size_t masks = masks_.size();
    std::vector<std::vector<std::uint32_t>> mixes_of(masks);
    for (std::size_t i = 0; i < level.mixes.size(); ++i)
      mixes_of[level.mixes[i].mask].push_back(static_cast<std::uint32_t>(i));

    row_set queries(below.rows.size() + 1), keys(queries), values(queries), any(queries);
    const bool frozen = dropped_.pattern != nullptr;  // then only values are read
    for (const sweep::mix& mix : level.mixes) {
      queries[mix.source] = !frozen;
      masks_.for_each_attention({level.number, mix.token}, mix.mask, [&](std::size_t s, std::size_t /*head*/) {
        values[below.of[s * masks + mix.mask]] = true;
      });
    }
    for (std::size_t m = 0; m < masks; ++m) {
      if (mixes_of[m].empty() || frozen) continue;
      for (std::size_t s = 0; s <= level.mixes[mixes_of[m].back()].token; ++s) keys[below.of[s * masks + m]] = true;
    }
    for (std::size_t r = 0; r < any.size(); ++r) any[r] = queries[r] || keys[r] || values[r];

    const std::size_t query_width = config_.heads * config_.head_width;
    const std::size_t key_width = config_.kv_heads * config_.head_width;
    of_rows<T> h = normed_rows(w.attention_norm, any, x);
    of_rows<T> q = projected(w, 0, query_width, queries, h);
    of_rows<T> k = projected(w, query_width, key_width, keys, h);
    of_rows<T> v = projected(w, query_width + key_width, key_width, values, h);
    spare_.give(std::move(h.values));
    place(q, below, [&](std::span<T> row, std::size_t t) { positions_.place_queries(l, w, row, t); });
    place(k, below, [&](std::span<T> row, std::size_t t) { positions_.place_keys(l, w, row, t); });

    matrix<T> sums = spare_.take(level.mixes.size(), query_width);
    std::vector<std::uint32_t> order(masks);  // the largest first, so that the threads end together
    std::iota(order.begin(), order.end(), std::uint32_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return mixes_of[a].size() > mixes_of[b].size(); });
    parallel_for(threads_, masks, [&](std::size_t i) {
      const std::uint32_t m = order[i];
      if (mixes_of[m].empty()) return;
      const auto row_of = [&](std::size_t s) { return below.of[s * masks + m]; };
      std::vector<T> base(std::max(query_width, key_width));
      kept_attention<T> attention(config_, l, dropped_, level.mixes[mixes_of[m].back()].token + std::size_t{1});
      attention.set_sources(
          [&](std::size_t s) -> std::span<const T> {
            if (frozen) return {};
            if (row_of(s) != 0) return k.of(row_of(s));
            std::copy_n(k.of(0).begin(), key_width, base.begin());
            positions_.place_keys(l, w, std::span<T>(base).first(key_width), s);
            return std::span<const T>(base).first(key_width);
          },
          [&](std::size_t s) { return v.place[row_of(s)] == sweep::none ? std::span<const T>() : v.of(row_of(s)); });
      attention.run(
          masks_, level.number, m, level.mixes, mixes_of[m],
          [&](const sweep::mix& mix, std::span<T> query) {
            if (frozen) return;
            std::copy_n(q.of(mix.source).begin(), query_width, query.begin());
            if (mix.source == 0) positions_.place_queries(l, w, query, mix.token);
          },
          sums);
    });

    for (of_rows<T>* used : {&q, &k, &v}) spare_.give(std::move(used->values));
    matrix<T> out = through_output(w, sums);
    spare_.give(std::move(sums));
    return out;
  }

  // What attention adds to a node that keeps none of its edges: one row for each token where they stand for something
  // that depends on it, otherwise one for all, or none.
  [[nodiscard]] matrix<T> nothing_mixed(std::size_t l, const layer_weights<T>& w) {
    matrix<T> sums;
    if (dropped_.means != nullptr || dropped_.mass != nullptr) {
      const bool one = dropped_.mass != nullptr && dropped_.mass->targets() == 1;
      sums.resize_uninitialised(one ? 1 : tokens_, config_.heads * config_.head_width);
      for (std::size_t t = 0; t < sums.rows(); ++t) {
        const std::span<const T> mean =
            dropped_.mass != nullptr ? dropped_.mass->of(l, t) : dropped_.means->mixed(l, t);
        std::copy(mean.begin(), mean.end(), sums.row(t).begin());
      }
    } else if (!w.output_bias.empty() || config_.post_norms) {
      sums.reset(1, config_.heads * config_.head_width);
    } else {
      return sums;
    }
    return through_output(w, sums);
  }

  [[nodiscard]] matrix<T> through_output(const layer_weights<T>& w, const matrix<T>& sums) {
    matrix<T> out = spare_.take(sums.rows(), config_.width);
    linear_into<T>(out, sums, w.output, w.output_bias, threads_);
    if (config_.post_norms) {
      const norm<T> n = norm_of(w.attention_post_norm, config_);
      parallel_rows(threads_, out.rows(), [&](std::size_t r) { n.apply(out.row(r)); });
    }
    return out;
  }

  // The rows of a set, normed.
  [[nodiscard]] of_rows<T> normed_rows(const norm_weights<T>& weights, const row_set& rows, const matrix<T>& x) {
    std::vector<std::uint32_t> list = numbered(rows);
    of_rows<T> h{spare_.take(list.size(), x.cols()), places(rows)};
    copy_rows(h.values, x, std::span<const std::uint32_t>(list));
    if (weights.gain.empty()) return h;
    const norm<T> n = norm_of(weights, config_);
    parallel_rows(threads_, h.values.rows(), [&](std::size_t r) { n.apply(h.values.row(r)); });
    return h;
  }

  // Some of the outputs of the query, key and value matrix.
  [[nodiscard]] of_rows<T> projected(const layer_weights<T>& w, std::size_t first, std::size_t count,
                                     const row_set& rows, const of_rows<T>& h) {
    std::vector<std::uint32_t> list = numbered(rows);
    for (std::uint32_t& row : list) row = h.place[row];
    const bool all = list.size() == h.values.rows();
    matrix<T> some;
    if (!all) {
      some = spare_.take(list.size(), h.values.cols());
      copy_rows(some, h.values, std::span<const std::uint32_t>(list));
    }
    const std::span<const T> bias(w.qkv_bias);
    of_rows<T> out{spare_.take(list.size(), count), places(rows)};
    linear_into<T>(out.values, all ? h.values : some, w.qkv.view().row_range(first, count),
                   bias.empty() ? bias : bias.subspan(first, count), threads_);
    spare_.give(std::move(some));
    return out;
  }

  // Norms and rotates what belongs to a token; the zero vector's row is left as it is, for all tokens.
  template <class Place>
  void place(of_rows<T>& projected, const sweep::level& level, Place place_row) const {
    parallel_rows(threads_, level.rows.size(), [&](std::size_t i) {
      if (const std::uint32_t at = projected.place[i + 1]; at != sweep::none)
        place_row(projected.values.row(at), level.rows[i].token);
    });
  }

  [[nodiscard]] of_rows<T> mlp_of(const layer_weights<T>& w, const row_set& rows, const matrix<T>& x) {
    const std::size_t block = mlp_block_rows(config_);
    const std::vector<std::uint32_t> list = numbered(rows);
    of_rows<T> out{spare_.take(list.size(), config_.width), places(rows)};
    for (std::size_t first = 0; first < list.size(); first += block) {
      const std::span<const std::uint32_t> some = std::span(list).subspan(first, std::min(block, list.size() - first));
      const matrix<T> h = normed<T>(w.mlp_norm, config_, rows_of(x, some), threads_);
      const matrix<T> part = mlp<T>(w, config_, h, threads_);
      std::copy(part.values().begin(), part.values().end(), out.values.row(first).begin());
    }
    return out;
  }

  const decoder_config& config_;
  const decoder_weights<T>& weights_;
  const Masks& masks_;
  ablation<T> dropped_;
  std::size_t threads_;
  std::size_t tokens_;
  token_positions<T> positions_;
  spare_matrices<T> spare_;
};

}  // namespace strata::detail
