/// Sensitivities of nodes (sensitivity.hpp) that were averaged over other prompts, by level and by where the token stands
/// relative to the last one: for models that give no gradient, and where a backward pass is too much.
///
/// The scale of S says how sure the model is of one prompt; what ranks edges is how S differs between nodes. So each
/// prompt's S is divided by the geometric mean of its last token's (levels ≥ 1), whatever the length of the prompt, and a
/// cell of the table is the geometric mean over prompts of the geometric mean over the prompt's nodes of the cell. Values of 0
/// and those that are not finite, as a node near zero gives them, are left out of the means.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/graph/graph.hpp"
#include "strata/graph/shape.hpp"
#include "strata/score/sensitivity.hpp"

namespace strata {

/// The columns of a table: distances are from the last token; the first token is "first" at any distance but 0.
inline constexpr std::array<std::string_view, 6> token_places{"last", "1", "2-3", "4-7", "8+", "first"};

/// The column of a token.
[[nodiscard]] constexpr std::size_t token_place(std::size_t token, std::size_t tokens) {
  const std::size_t distance = tokens - 1 - token;
  if (distance == 0) return 0;
  if (token == 0) return 5;
  return distance == 1 ? 1 : distance < 4 ? 2 : distance < 8 ? 3 : 4;
}

struct sensitivity_table {
  model_shape shape;
  std::size_t prompts = 0;  // that it is over
  matrix<double> cells;     // (levels + 1, token_places), > 0; 0: no prompt had a value

  /// S for a prompt. A cell without a value takes that of the nearest place that has one, those nearer to the last token
  /// first; where the whole level has none S is 0.
  /// Throws:   strata::option_error for a model of another shape.
  [[nodiscard]] node_sensitivities of_prompt(const model_shape& model, std::size_t tokens) const {
    if (model != shape) raise<option_error>("the sensitivities are of a model of another shape");
    STRATA_ASSERT(cells.rows() == graph(shape, tokens).levels() + 1 && cells.cols() == token_places.size(),
                  "sensitivity_table: a row for each level, a column for each place");
    auto of_nodes = std::make_shared<matrix<double>>(cells.rows(), tokens);
    for (std::size_t level = 0; level < cells.rows(); ++level)
      for (std::size_t t = 0; t < tokens; ++t) (*of_nodes)(level, t) = nearest(level, token_place(t, tokens));
    return of_nodes;
  }

 private:
  [[nodiscard]] double nearest(std::size_t level, std::size_t place) const {
    for (std::size_t p = place + 1; p-- > 0;)
      if (cells(level, p) > 0) return cells(level, p);
    for (std::size_t p = place + 1; p < cells.cols(); ++p)
      if (cells(level, p) > 0) return cells(level, p);
    return 0;
  }
};

/// Makes a table of one prompt after the other.
class sensitivity_average {
 public:
  explicit sensitivity_average(const model_shape& shape)
      : shape_(shape),
        logs_(graph(shape, 1).levels() + 1, token_places.size()),
        counts_(logs_.rows(), token_places.size()) {}

  /// of_nodes: S of a prompt, (levels + 1, tokens).
  /// Returns:  false for a prompt that says nothing: S of the last token's nodes is nowhere positive and finite.
  bool add(matrix_view<const double> of_nodes) {
    STRATA_ASSERT(of_nodes.rows == logs_.rows() && of_nodes.cols > 0, "sensitivity_average: S of another graph");
    mean_log scale;
    for (std::size_t level = 1; level < of_nodes.rows; ++level) scale.add(of_nodes(level, of_nodes.cols - 1));
    if (scale.count == 0) return false;
    for (std::size_t level = 0; level < of_nodes.rows; ++level) {
      std::array<mean_log, token_places.size()> means;
      for (std::size_t t = 0; t < of_nodes.cols; ++t) means[token_place(t, of_nodes.cols)].add(of_nodes(level, t));
      for (std::size_t place = 0; place < means.size(); ++place)
        if (means[place].count > 0) {
          logs_(level, place) += means[place].value() - scale.value();
          counts_(level, place) += 1;
        }
    }
    ++prompts_;
    return true;
  }

  [[nodiscard]] std::size_t prompts() const { return prompts_; }

  /// Throws:   strata::option_error where no prompt was added.
  [[nodiscard]] sensitivity_table table() const {
    if (prompts_ == 0) raise<option_error>("a table of sensitivities needs at least one prompt that has some");
    sensitivity_table made{shape_, prompts_, matrix<double>(logs_.rows(), logs_.cols())};
    for (std::size_t level = 0; level < logs_.rows(); ++level)
      for (std::size_t place = 0; place < logs_.cols(); ++place)
        if (counts_(level, place) > 0) made.cells(level, place) = std::exp(logs_(level, place) / counts_(level, place));
    return made;
  }

 private:
  struct mean_log {
    double sum = 0, count = 0;
    void add(double value) {
      if (value > 0 && value <= std::numeric_limits<double>::max()) sum += std::log(value), count += 1;
    }
    [[nodiscard]] double value() const { return sum / count; }
  };

  model_shape shape_;
  std::size_t prompts_ = 0;
  matrix<double> logs_, counts_;  // (levels + 1, token_places), over prompts
};

}  // namespace strata
