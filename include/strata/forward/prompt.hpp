/// What a prompt must be for a model.
#pragma once

#include <cstddef>
#include <span>

#include "strata/core/error.hpp"
#include "strata/graph/shape.hpp"

namespace strata {

/// Throws: strata::option_error for an empty prompt, one longer than the model's context, or an id outside the
/// vocabulary.
inline void check_prompt(const model_shape& shape, std::span<const token_id> tokens) {
  if (tokens.empty()) raise<option_error>("the prompt is empty; it needs at least one token");
  if (shape.context != 0 && tokens.size() > shape.context)
    raise<option_error>("the prompt has ", tokens.size(), " tokens, the model's context is ", shape.context);
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || static_cast<std::size_t>(tokens[i]) >= shape.vocabulary)
      raise<option_error>("token ", i, " is ", tokens[i], ", outside the vocabulary of ", shape.vocabulary);
}

}  // namespace strata
