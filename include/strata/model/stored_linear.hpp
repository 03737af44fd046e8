/// A matrix and its bias as they lie in weight files: one tensor, or several whose rows follow one another, and the
/// order of their rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/model/tensor_view.hpp"
#include "strata/model/weight_files.hpp"
#include "strata/model/weight_layout.hpp"

namespace strata::detail {

/// The tensor of that name, or of the name without the model's prefix: "transformer.wte.weight" is also found as
/// "wte.weight", the name in files that hold the model without its head.
[[nodiscard]] inline std::string resolved(const weight_files& files, const std::string& name) {
  if (files.contains(name)) return name;
  for (const std::string_view prefix : {"model.", "transformer.", "gpt_neox."})
    if (name.starts_with(prefix))
      if (std::string bare = name.substr(prefix.size()); files.contains(bare)) return bare;
  return name;
}

[[nodiscard]] inline const tensor_view& find_tensor(const weight_files& files, const std::string& name,
                                                    std::initializer_list<std::size_t> shape) {
  return files.tensor(resolved(files, name), shape);
}

/// The row of a stored tensor that is row r of the computation, for heads of a width.
[[nodiscard]] constexpr std::size_t stored_row(row_order order, std::size_t r, std::size_t rows,
                                               std::size_t head_width) {
  const std::size_t head = r / head_width;
  const std::size_t i = r % head_width;
  switch (order) {
    case row_order::by_head: {  // rows: 3 · heads · head_width
      const std::size_t heads = rows / (3 * head_width);
      return (head % heads * 3 + head / heads) * head_width + i;
    }
    case row_order::rotary_pairs:
      return head * head_width + i % (head_width / 2) * 2 + i / (head_width / 2);
    default:
      return r;
  }
}

/// Checked against the files when it is made; expanded as often as is asked.
class stored_linear {
 public:
  /// A tensor that gives `rows` rows of the matrix.
  struct part {
    std::string name;  // without ".weight"
    std::size_t rows = 0;
    row_order order = row_order::as_computed;
  };

  stored_linear() = default;

  /// Shape:    weights (rows of all parts, cols), or (cols, rows) where they are transposed; biases (rows).
  /// Throws:   strata::data_error for a tensor that is missing or has another shape.
  stored_linear(const weight_files& files, std::span<const part> parts, std::size_t cols, bool bias,
                bool transposed = false, std::size_t head_width = 1)
      : cols_(cols), head_width_(head_width), transposed_(transposed) {
    for (const part& p : parts) {
      piece& added = pieces_.emplace_back();
      added.rows = p.rows;
      added.order = p.order;
      added.weight = transposed ? find_tensor(files, p.name + ".weight", {cols, p.rows})
                                : find_tensor(files, p.name + ".weight", {p.rows, cols});
      if (bias)
        added.bias = find_tensor(files, p.name + ".bias", {p.rows});
      else if (const std::string name = resolved(files, p.name + ".bias"); files.contains(name))
        raise<data_error>(files.tensor(name).where, " is there, but by the settings the matrix has no bias");
      rows_ += p.rows;
    }
  }

  [[nodiscard]] std::size_t rows() const { return rows_; }

  /// Number of weights, biases included.
  [[nodiscard]] std::size_t elements() const {
    std::size_t count = rows_ * cols_;
    for (const piece& p : pieces_) count += p.bias ? p.rows : 0;
    return count;
  }

  /// Shape:    weights becomes (rows, cols), bias (rows) or empty.
  template <class T>
  void expand_into(matrix<T>& weights, std::vector<T>& bias, std::size_t threads = 1) const {
    weights.resize_uninitialised(rows_, cols_);
    bias.clear();
    std::size_t first = 0;
    for (const piece& p : pieces_) {
      expand_weight(p, weights.view().row_range(first, p.rows), threads);
      if (p.bias) expand_bias(p, bias);
      first += p.rows;
    }
  }

 private:
  struct piece {
    std::size_t rows = 0;
    row_order order = row_order::as_computed;
    tensor_view weight;
    std::optional<tensor_view> bias;
  };

  template <class T>
  void expand_weight(const piece& p, matrix_view<T> to, std::size_t threads) const {
    if (transposed_) {
      matrix<T> stored;
      stored.resize_uninitialised(cols_, p.rows);
      expand(p.weight, stored.values(), threads);
      transpose(stored, to, threads);
    } else if (p.order == row_order::as_computed) {
      expand(p.weight, std::span<T>(to.data, to.rows * to.cols), threads);
    } else {
      parallel_rows(threads, p.rows, [&](std::size_t r) {
        expand_rows(p.weight, stored_row(p.order, r, p.rows, head_width_), to.row(r));
      });
    }
  }

  template <class T>
  static void transpose(const matrix<T>& from, matrix_view<T> to, std::size_t threads) {
    constexpr std::size_t block = 32;  // rows that are written while their cache lines are there
    parallel_for(threads, (to.rows + block - 1) / block, [&](std::size_t b) {
      const std::size_t first = b * block, end = std::min(first + block, to.rows);
      for (std::size_t j = 0; j < to.cols; ++j)
        for (std::size_t i = first; i < end; ++i) to.data[i * to.row_stride + j] = from.data()[j * from.cols() + i];
    });
  }

  template <class T>
  void expand_bias(const piece& p, std::vector<T>& bias) const {
    std::vector<T> stored(p.rows);
    expand(*p.bias, std::span<T>(stored));
    for (std::size_t r = 0; r < p.rows; ++r) bias.push_back(stored[stored_row(p.order, r, p.rows, head_width_)]);
  }

  std::vector<piece> pieces_;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t head_width_ = 1;
  bool transposed_ = false;
};

}  // namespace strata::detail
