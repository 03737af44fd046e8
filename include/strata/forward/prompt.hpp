/// What a prompt must be for a model, and corrupted prompts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/random_numbers.hpp"
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

/// The prompt with a random token of the vocabulary, another than before, at each of some places: corrupted input.
/// Throws: strata::option_error for a place behind the last token, or a vocabulary of one token.
[[nodiscard]] inline std::vector<token_id> with_noise(std::span<const token_id> tokens,
                                                      std::span<const std::size_t> places, std::size_t vocabulary,
                                                      std::uint64_t seed) {
  std::vector<token_id> noisy(tokens.begin(), tokens.end());
  random_numbers random(seed);
  for (const std::size_t place : places) {
    if (place >= tokens.size())
      raise<option_error>("noise at token ", place, ": the prompt has ", tokens.size(), " tokens, counted from 0");
    if (vocabulary < 2) raise<option_error>("noise needs a vocabulary of at least 2 tokens");
    const auto drawn = static_cast<token_id>(random.below(static_cast<std::uint32_t>(vocabulary - 1)));
    noisy[place] = drawn < tokens[place] ? drawn : drawn + 1;
  }
  return noisy;
}

}  // namespace strata
