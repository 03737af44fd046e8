/// What files of means know their model by: a few tokens and the logits that it gave for them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

struct model_probe {
  std::vector<token_id> tokens;
  std::vector<float> logits;  // of the last one: (vocabulary)

  /// Throws:   strata::option_error if the model is another one: another shape, or logits that differ by more than a
  ///           thousandth of the largest.
  /// what:     the file holds, for the message.
  template <forward_pass Model>
  void require_model(Model& model, const model_shape& shape, const std::string& file, const char* what) const {
    if (model.shape() != shape) raise<option_error>(file, ": ", what, " of a model of another shape");
    const auto found = run(model, tokens);
    double difference = 0, largest = 0;  // of finite logits: the reader has seen to it, and run()
    for (std::size_t i = 0; i < found.size(); ++i) {
      difference = std::max(difference, std::abs(static_cast<double>(found[i]) - static_cast<double>(logits[i])));
      largest = std::max(largest, std::abs(static_cast<double>(logits[i])));
    }
    if (!(difference <= 1e-3 * largest))
      raise<option_error>(file, ": ", what, " of another model: of its ", tokens.size(),
                          " probe tokens this one makes logits that differ by ", difference);
  }
};

template <forward_pass Model>
[[nodiscard]] model_probe probe_of(Model& model, std::span<const token_id> tokens) {
  const auto logits = run(model, tokens);
  return {{tokens.begin(), tokens.end()}, {logits.begin(), logits.end()}};
}

}  // namespace strata
