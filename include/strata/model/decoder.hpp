/// A decoder-only transformer from its weight files, as a forward pass that strata can trace. What it computes is
/// described by decoder_config.hpp; architectures.hpp lists the families.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/machine_memory.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/attention_source.hpp"
#include "strata/forward/footprint.hpp"
#include "strata/forward/gradient_hooks.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/mask_list.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/graph.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/cached_run.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_ends.hpp"
#include "strata/model/decoder_footprint.hpp"
#include "strata/model/decoder_gradient.hpp"
#include "strata/model/decoder_parts.hpp"
#include "strata/model/decoder_sweep.hpp"
#include "strata/model/decoder_weights.hpp"
#include "strata/model/model_description.hpp"
#include "strata/model/placed_attention.hpp"
#include "strata/model/token_positions.hpp"

namespace strata {

struct load_options {
  /// Bytes that expanded weights may take. Where all of them need more, they stay in the mapped files and are expanded
  /// layer by layer in each run, which is slower and gives the same bits.
  std::size_t max_memory = default_weight_memory();
  /// Bytes that a run forward and back may keep of what its layers computed; above it they are computed again on the way
  /// back, which takes up to half as long again and gives the same bits.
  std::size_t gradient_memory = default_trace_memory();
  std::size_t threads = 1;  // of loading and of every run; needs OpenMP. The bits are the same for any number
};

/// T: float for work, double for reference.
template <class T>
class decoder {
 public:
  using scalar = T;

  /// Reads a folder with config.json and safetensors files, or a GGUF file.
  /// Throws: strata::data_error for files that are missing, malformed or of an unsupported architecture.
  [[nodiscard]] static decoder load(const std::filesystem::path& model, const load_options& options = {}) {
    return decoder(describe_model(model), options);
  }

  /// Throws: strata::data_error for a tensor that is missing or has another shape than the configuration asks for;
  ///         strata::option_error for a number of threads that cannot be had.
  explicit decoder(model_description model, const load_options& options = {})
      : config_(std::move(model.config)),
        threads_(checked(options.threads)),
        gradient_memory_(options.gradient_memory),
        weights_(config_, std::move(model.weights), model.layout, options.max_memory, threads_) {}

  [[nodiscard]] const decoder_config& config() const { return config_; }
  [[nodiscard]] model_shape shape() const { return config_.shape(); }

  [[nodiscard]] pass_footprint footprint() const {
    pass_footprint all = decoder_footprint(config_, threads_);
    if (expanded()) all.fixed = 0;
    return all;
  }

  /// Number of weights.
  [[nodiscard]] std::size_t parameters() const { return weights_.elements(); }

  /// Whether the weights were expanded when they were loaded.
  [[nodiscard]] bool expanded() const { return weights_.expanded(); }

  /// The forward pass: logits of the last token of each of `batch` copies of the prompt, (batch, vocabulary).
  /// Throws: strata::option_error for a prompt that check_prompt refuses.
  template <forward_hooks<T> Hooks>
  [[nodiscard]] std::vector<T> forward(std::span<const token_id> tokens, Hooks& hooks, std::size_t batch = 1) const {
    const matrix<T> logits = unembed(residual_stream(tokens, hooks, batch, false));
    return {logits.values().begin(), logits.values().end()};
  }

  /// The forward pass and its reverse, as forward/gradient_hooks.hpp describes: logits of the last token, (vocabulary).
  /// Throws: as forward().
  template <gradient_hooks<T> Hooks, class LogitGradient>
  [[nodiscard]] std::vector<T> forward_backward(std::span<const token_id> tokens, Hooks& hooks,
                                                LogitGradient logit_gradient) const {
    check_prompt(shape(), tokens);
    using reverse = detail::decoder_gradient<T>;
    const bool keep = reverse::tape_bytes(config_, tokens.size()) <= static_cast<double>(gradient_memory_);
    reverse runs(config_, weights_, tokens.size(), threads_, keep);
    return runs.run(embedded(tokens, 1), hooks, logit_gradient);
  }

  /// Runs with many masks at once, each weight read once and equal rows computed once: logits of the last token, (masks,
  /// vocabulary). Nested masks (edge_strata) share the most.
  /// states:   if given, gets the final norm's output of each: (masks, width).
  /// Requires: masks of the prompt's graph.
  /// Throws:   as forward(), and as ablation::require().
  /// Accuracy: those of runs with one mask each, up to rounding; the same bits for any number of threads.
  template <mask_list Masks>
  [[nodiscard]] std::vector<T> sweep(std::span<const token_id> tokens, const Masks& masks,
                                     const ablation<T>& dropped = {}, const sweep_progress& progress = {},
                                     matrix<T>* states = nullptr) const {
    check_prompt(shape(), tokens);
    STRATA_ASSERT(masks.edges_of() == graph(shape(), tokens.size()), "decoder::sweep: masks of another graph");
    dropped.require(shape(), tokens.size(), config_.head_width);
    if (dropped.attention == attention_mask::ignored)
      return swept(tokens, with_all_attention<Masks>(masks), dropped, progress, states);
    return swept(tokens, masks, dropped, progress, states);
  }

  /// The plain run's logits at every position: (tokens, vocabulary).
  /// Throws: as forward().
  [[nodiscard]] matrix<T> logits(std::span<const token_id> tokens) const {
    no_hooks<T> hooks;
    return logits(tokens, hooks);
  }
  /// The same with hooks, which get every row of the last layer too.
  template <forward_hooks<T> Hooks>
  [[nodiscard]] matrix<T> logits(std::span<const token_id> tokens, Hooks& hooks) const {
    return unembed(residual_stream(tokens, hooks, 1, true));
  }

  /// Plain runs of a text that grows. Needs this object as long as it is used.
  [[nodiscard]] strata::cached_run<T> cached_run() const { return {config_, weights_, threads_}; }

 private:
  // What all layers of a run share.
  struct run_state {
    run_state(const decoder_config& config, std::size_t token_count, std::size_t sequences)
        : tokens(token_count), batch(sequences), positions(config, token_count) {}

    std::size_t tokens;
    std::size_t batch;
    detail::token_positions<T> positions;
    layer_weights<T> scratch;
  };

  template <class Masks>
  [[nodiscard]] std::vector<T> swept(std::span<const token_id> tokens, const Masks& masks, const ablation<T>& dropped,
                                     const sweep_progress& progress, matrix<T>* states) const {
    detail::decoder_sweep<T, Masks> runs(config_, weights_, masks, dropped, threads_);
    auto [x, row_of] = runs.run(embedded(tokens, 1), progress);
    const norm<T> final_norm = detail::norm_of(weights_.final_norm(), config_);
    for (std::size_t r = 0; r < x.rows(); ++r) final_norm.apply(x.row(r));
    if (states != nullptr) detail::copy_rows(*states, x, std::span<const std::uint32_t>(row_of));
    const matrix<T> rows = unembed(x);
    std::vector<T> logits;
    logits.reserve(row_of.size() * rows.cols());
    for (const std::uint32_t row : row_of) logits.insert(logits.end(), rows.row(row).begin(), rows.row(row).end());
    return logits;
  }

  [[nodiscard]] matrix<T> embedded(std::span<const token_id> tokens, std::size_t batch) const {
    matrix<T> x(batch * tokens.size(), config_.width);
    for (std::size_t r = 0; r < x.rows(); ++r) {
      const std::size_t position = r % tokens.size();
      detail::embed(config_, weights_, tokens[position], position, x.row(r));
    }
    return x;
  }

  template <class Hooks>
  [[nodiscard]] matrix<T> residual_stream(std::span<const token_id> tokens, Hooks& hooks, std::size_t batch,
                                          bool every_position) const {
    STRATA_ASSERT(batch > 0, "decoder: a batch has at least one sequence");
    check_prompt(shape(), tokens);
    run_state state(config_, tokens.size(), batch);
    matrix<T> x = embedded(tokens, batch);

    std::vector<std::size_t> last_rows;  // in the last layer only they are needed
    for (std::size_t b = 0; b < batch; ++b) last_rows.push_back((b + 1) * tokens.size() - 1);
    for (std::size_t l = 0; l < config_.layers; ++l) {
      const layer_weights<T>& w = weights_.layer(l, state.scratch);
      const bool trim = l + 1 == config_.layers && !every_position;
      const row_list rows = trim ? row_list(last_rows) : row_list();
      matrix<T> mlp_out = join_attention(l, w, x, rows, state, hooks);
      if (config_.block == block_kind::sequential)
        mlp_out = detail::mlp<T>(w, config_, detail::normed<T>(w.mlp_norm, config_, x, threads_).view(), threads_);
      hooks.join_mlp(l, x.view(), mlp_out.view(), rows);
    }
    hooks.finish(x.view(), detail::norm_of(weights_.final_norm(), config_));
    return x;
  }

  // Attention of one layer; x keeps only `rows` if there are any. In a parallel block returns what the MLP makes of x
  // as it was before.
  template <class Hooks>
  [[nodiscard]] matrix<T> join_attention(std::size_t l, const layer_weights<T>& w, matrix<T>& x, row_list rows,
                                         const run_state& state, Hooks& hooks) const {
    const std::size_t queries = config_.heads * config_.head_width;
    const std::size_t keys = config_.kv_heads * config_.head_width;
    const matrix<T> h = detail::normed<T>(w.attention_norm, config_, x, threads_);
    matrix<T> q, kv;
    matrix_view<T> k, v;
    if (rows.empty()) {
      q = detail::linear<T>(h, w.qkv, w.qkv_bias, threads_);
      k = q.view().col_range(queries, keys);
      v = q.view().col_range(queries + keys, keys);
    } else {
      kv = detail::linear<T>(h, w.qkv, w.qkv_bias, queries, 2 * keys, threads_);
      k = kv.view().col_range(0, keys);
      v = kv.view().col_range(keys, keys);
      q = detail::linear<T>(detail::rows_of(h, rows), w.qkv, w.qkv_bias, 0, queries, threads_);
      x = detail::rows_of(x, rows);
    }
    place(l, w, q.view().col_range(0, queries), k, state);
    std::shared_ptr<const attention_source<T>> source;
    const matrix<T> mixed = mixed_values(l, q.view().col_range(0, queries), k, v, state, hooks, source);

    matrix<T> out = detail::linear<T>(mixed, w.output, w.output_bias, threads_);
    matrix<T> mlp_out;
    if (config_.block == block_kind::parallel)
      mlp_out = detail::mlp<T>(w, config_, detail::normed<T>(w.mlp_norm, config_, x, threads_).view(), threads_);
    const norm<T> post_norm = detail::norm_of(w.attention_post_norm, config_);
    const attention_parts<T> parts{v, w.output.view().transposed(), w.output_bias,
                                   config_.post_norms ? &post_norm : nullptr, std::move(source)};
    hooks.join_attention(l, x.view(), out.view(), parts, rows);
    return mlp_out;
  }

  // Norms, rotates and scales the queries of each sequence's last tokens, and the keys of all.
  void place(std::size_t l, const layer_weights<T>& w, matrix_view<T> q, matrix_view<T> k,
             const run_state& state) const {
    const std::size_t given = q.rows / state.batch;
    detail::parallel_rows(threads_, q.rows, [&](std::size_t r) {
      state.positions.place_queries(l, w, q.row(r), state.tokens - given + r % given);
    });
    detail::parallel_rows(threads_, k.rows,
                          [&](std::size_t r) { state.positions.place_keys(l, w, k.row(r), r % state.tokens); });
  }

  // Σ_s weights · values of every head, side by side: (rows of q, heads · head_width).
  // source: of a single sequence, for hooks that ask for it.
  template <class Hooks>
  [[nodiscard]] matrix<T> mixed_values(std::size_t l, matrix_view<const T> q, matrix_view<const T> k,
                                       matrix_view<const T> v, const run_state& state, Hooks& hooks,
                                       std::shared_ptr<const attention_source<T>>& source) const {
    const std::size_t given = q.rows / state.batch;  // rows of each sequence: its last ones
    matrix<T> mixed;
    mixed.resize_uninitialised(q.rows, q.cols);
    for (std::size_t b = 0; b < state.batch; ++b) {
      const std::size_t first = b * state.tokens;
      const auto attention = std::make_shared<detail::placed_attention<T>>(config_, l, q.row_range(b * given, given),
                                                                           k.row_range(first, state.tokens), threads_);
      attention->mix(l, first, v.row_range(first, state.tokens), hooks, threads_,
                     mixed.view().row_range(b * given, given));
      if (state.batch > 1 || !wants_attention_source(hooks)) continue;
      attention->keep_queries();
      source = attention;
    }
    return mixed;
  }

  [[nodiscard]] matrix<T> unembed(const matrix<T>& x) const {
    return detail::unembedded(config_, weights_, x, threads_);
  }

  static std::size_t checked(std::size_t threads) {
    detail::check_threads(threads);
    return threads;
  }

  decoder_config config_;
  std::size_t threads_;
  std::size_t gradient_memory_;
  decoder_weights<T> weights_;
};

static_assert(differentiable_forward_pass<decoder<float>> && batched_forward_pass<decoder<float>> &&
              sweeping_forward_pass<decoder<float>> && measured_forward_pass<decoder<float>> &&
              cached_forward_pass<decoder<float>>);

}  // namespace strata
