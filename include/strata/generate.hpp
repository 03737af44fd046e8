/// Generation: a text goes on with one token after the other, chosen from the model's next-token distribution. What is
/// done with each prediction, a trace for instance, is the caller's:
///
///   generate(model, prompt, {}, [&](const auto& step) {
///     show(step.token, strata::trace(model, step.prompt));
///     return true;
///   });
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/shape.hpp"
#include "strata/measure/sampling.hpp"

namespace strata {

struct generation_options {
  std::size_t length = 20;  // tokens at most
  sampling_options sampling{};
  std::vector<token_id> ends{};  // the text ends with the first of these, end-of-text for instance
};

/// A token that was generated.
template <class T>
struct generated_token {
  std::size_t number = 0;            // 0 for the first
  std::span<const token_id> prompt;  // what it follows: the prompt and all tokens generated before
  std::span<const T> logits;         // its prediction: (vocabulary)
  token_id token = 0;
};

/// Throws:   strata::option_error for a prompt that check_prompt refuses, a length of 0 or more than the model's context
///           holds behind the prompt, or as sampler.
inline void check_generation(const model_shape& shape, std::span<const token_id> prompt,
                             const generation_options& options) {
  check_prompt(shape, prompt);
  static_cast<void>(sampler(options.sampling));
  if (options.length == 0) raise<option_error>("the length is 0 tokens, expected at least 1");
  const std::size_t most = shape.context - prompt.size() + 1;  // the last token is not read again
  if (shape.context != 0 && options.length > most)
    raise<option_error>("the prompt has ", prompt.size(), prompt.size() == 1 ? " token" : " tokens", " and ",
                        options.length, options.length == 1 ? " is" : " are", " to follow, the model's context is ",
                        shape.context, ": at most ", most, most == 1 ? " fits" : " fit");
}

/// on_step:  called with a generated_token<T> for each token as it comes; returns false to stop.
/// Returns:  the generated tokens.
/// Throws:   as check_generation and run().
/// Cost:     a plain run of the prompt and of each token, with a cached_forward_pass; otherwise one of the whole text for
///           each token.
template <forward_pass Model, class OnStep>
std::vector<token_id> generate(Model& model, std::span<const token_id> prompt, const generation_options& options,
                               OnStep on_step) {
  using T = typename Model::scalar;
  const std::size_t vocabulary = model.shape().vocabulary;
  check_generation(model.shape(), prompt, options);
  sampler choose(options.sampling);
  std::vector<token_id> text(prompt.begin(), prompt.end());
  const auto go_on = [&](auto predict) {
    for (std::size_t i = 0; i < options.length; ++i) {
      const std::vector<T> logits = predict();
      detail::check_logits<T>(logits, vocabulary, 1);
      const auto token = static_cast<token_id>(choose.next(std::span<const T>(logits)));
      const bool goes_on = on_step(generated_token<T>{i, text, logits, token});
      text.push_back(token);
      if (!goes_on || std::find(options.ends.begin(), options.ends.end(), token) != options.ends.end()) return;
    }
  };
  if constexpr (cached_forward_pass<Model>) {
    auto cached = model.cached_run();
    std::size_t read = 0;
    go_on([&] {
      const std::span<const token_id> unread = std::span<const token_id>(text).subspan(read);
      read = text.size();
      return cached.append(unread);
    });
  } else {
    go_on([&] { return run(model, std::span<const token_id>(text)); });
  }
  return {text.begin() + static_cast<std::ptrdiff_t>(prompt.size()), text.end()};
}

}  // namespace strata
