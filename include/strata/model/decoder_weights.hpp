/// The weights of a decoder: expanded to the type of the computation when they are loaded, or, where that would take too
/// much memory, left in the mapped files and expanded one layer at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/layer_weights.hpp"
#include "strata/model/stored_linear.hpp"
#include "strata/model/tensor_view.hpp"
#include "strata/model/weight_files.hpp"
#include "strata/model/weight_layout.hpp"

namespace strata {

template <class T>
class decoder_weights {
 public:
  /// max_memory: bytes that expanded weights may take; above it they are expanded when they are needed.
  /// threads:    of an expansion.
  /// Throws: strata::data_error for a tensor that is missing, or has another shape than the configuration asks for; all
  ///         are looked at before memory is taken for any.
  decoder_weights(const decoder_config& config, std::shared_ptr<const weight_files> files, const weight_layout& names,
                  std::size_t max_memory, std::size_t threads)
      : files_(std::move(files)), threads_(threads) {
    const auto matrix_of = [&](std::string_view name, std::size_t rows) {
      return detail::find_tensor(*files_, std::string(name) + ".weight", {rows, config.width});
    };
    embedding_ = matrix_of(names.embedding, config.vocabulary);
    elements_ = embedding_.elements();
    if (!config.rope) {
      const tensor_view positions = matrix_of(names.positions, config.context);
      elements_ += positions.elements();
      positions_.resize_uninitialised(config.context, config.width);
      expand(positions, positions_.values());
    }
    const std::string head = std::string(names.unembedding) + ".weight";
    tied_ = config.tied(files_->contains(head));
    unembedding_ = tied_ ? embedding_ : detail::find_tensor(*files_, head, {config.vocabulary, config.width});
    if (!tied_) elements_ += unembedding_.elements();
    const detail::stored_norm final_norm(*files_, std::string(names.final_norm), config.width,
                                         config.norm == norm_kind::layer, names.gain_plus_one);
    elements_ += final_norm.elements();
    stored_.reserve(config.layers);
    for (std::size_t l = 0; l < config.layers; ++l) {
      stored_.emplace_back(config, *files_, names, l);
      elements_ += stored_.back().elements();
    }
    final_norm.expand_into(final_norm_);
    if (elements_ <= max_memory / sizeof(T)) expand_all(config);
  }

  /// Number of weights.
  [[nodiscard]] std::size_t elements() const { return elements_; }

  /// Whether all weights were expanded when they were loaded.
  [[nodiscard]] bool expanded() const { return !layers_.empty(); }

  [[nodiscard]] const norm_weights<T>& final_norm() const { return final_norm_; }

  /// The weights of a layer, which may lie in `scratch`: valid until that is used again.
  [[nodiscard]] const layer_weights<T>& layer(std::size_t l, layer_weights<T>& scratch) const {
    if (expanded()) return layers_[l];
    stored_[l].expand_into(scratch, threads_);
    return scratch;
  }

  /// The embedding of a token, (width).
  void embed(std::size_t token, std::span<T> out) const {
    if (expanded()) {
      std::copy_n(expanded_embedding_.row(token).begin(), out.size(), out.begin());
    } else {
      expand_rows(embedding_, token, out);
    }
  }

  /// Adds the learned embedding of a position, if there are such.
  void add_position(std::size_t position, std::span<T> x) const {
    if (positions_.rows() == 0) return;
    const std::span<const T> learned = positions_.row(position);
    for (std::size_t j = 0; j < x.size(); ++j) x[j] += learned[j];
  }

  /// Some rows of the unembedding, (count, width), which may lie in `scratch`.
  [[nodiscard]] matrix_view<const T> unembedding(std::size_t first, std::size_t count, matrix<T>& scratch) const {
    if (expanded()) return (tied_ ? expanded_embedding_ : expanded_unembedding_).view().row_range(first, count);
    scratch.resize_uninitialised(count, unembedding_.shape[1]);
    expand_rows(unembedding_, first, scratch.values());
    return scratch.view();
  }

 private:
  void expand_all(const decoder_config& config) {
    expanded_embedding_.resize_uninitialised(config.vocabulary, config.width);
    expand(embedding_, expanded_embedding_.values(), threads_);
    if (!tied_) {
      expanded_unembedding_.resize_uninitialised(config.vocabulary, config.width);
      expand(unembedding_, expanded_unembedding_.values(), threads_);
    }
    layers_.resize(stored_.size());
    for (std::size_t l = 0; l < stored_.size(); ++l) stored_[l].expand_into(layers_[l], threads_);
  }

  std::shared_ptr<const weight_files> files_;  // what the tensors below lie in
  std::size_t threads_;
  tensor_view embedding_, unembedding_;
  std::vector<detail::stored_layer> stored_;
  std::size_t elements_ = 0;
  bool tied_ = false;
  norm_weights<T> final_norm_;
  matrix<T> positions_;  // (context, width), or empty

  // empty where weights are expanded when they are needed
  matrix<T> expanded_embedding_, expanded_unembedding_;  // (vocabulary, width); the second is empty where they are tied
  std::vector<layer_weights<T>> layers_;
};

}  // namespace strata
