#include "strata/generate.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "strata/forward/hooks.hpp"
#include "strata/forward/run.hpp"
#include "strata/measure/nucleus.hpp"
#include "strata/model/decoder.hpp"
#include "strata/trace.hpp"
#include "support/goldens.hpp"

namespace generate_test {

using strata::generate;
using strata::generation_options;
using strata::token_id;
using ids = std::vector<token_id>;

namespace {

// Of another model: its forward pass only, as a model of one's own has it; counts its runs.
struct without_cache {
  using scalar = double;
  [[nodiscard]] strata::model_shape shape() const { return model.shape(); }
  template <strata::forward_hooks<double> Hooks>
  std::vector<double> forward(std::span<const token_id> tokens, Hooks& hooks) {
    ++runs;
    return model.forward(tokens, hooks);
  }
  const strata::decoder<double>& model;
  int runs = 0;
};
static_assert(!strata::cached_forward_pass<without_cache>);

const strata::decoder<double>& model() {
  static const auto loaded = strata::decoder<double>::load(goldens::model_folder("llama"));
  return loaded;
}
const ids prompt{5, 17, 3, 60};

const auto nothing = [](const auto& /*step*/) { return true; };

// The text goes on as it does when everything is run again for each token.
ids generated_greedily(ids text, std::size_t length) {
  const std::size_t before = text.size();
  while (text.size() < before + length) {
    const auto logits = strata::run(model(), text);
    text.push_back(static_cast<token_id>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
  }
  return {text.begin() + static_cast<std::ptrdiff_t>(before), text.end()};
}

}  // namespace

TEST_CASE("greedy: the most probable token after each prefix, with and without a cache") {
  const ids expected = generated_greedily(prompt, 12);
  CHECK(generate(model(), prompt, {.length = 12}, nothing) == expected);
  without_cache pass{model()};
  CHECK(generate(pass, prompt, {.length = 12}, nothing) == expected);
  CHECK(pass.runs == 12);
}

TEST_CASE("sampling: the same tokens with and without a cache") {
  const generation_options options{.length = 20, .sampling = {.temperature = 1.5, .top_p = 0.9, .seed = 11}};
  without_cache pass{model()};
  const ids tokens = generate(model(), prompt, options, nothing);
  CHECK(tokens.size() == 20);
  CHECK(tokens == generate(pass, prompt, options, nothing));
  CHECK(tokens != generated_greedily(prompt, 20));
}

TEST_CASE("a step is told with what the token follows and its prediction, and can be traced") {
  without_cache pass{model()};
  ids text = prompt;
  std::size_t steps = 0;
  const ids tokens = generate(pass, prompt, {.length = 5}, [&](const strata::generated_token<double>& step) {
    CHECK(step.number == steps++);
    CHECK(std::equal(step.prompt.begin(), step.prompt.end(), text.begin(), text.end()));
    CHECK(static_cast<token_id>(strata::ranking<double>(step.logits)[0]) == step.token);
    strata::trace_options options;
    options.check = steps == 1;
    const auto traced = strata::trace(pass, step.prompt, options);
    CHECK(std::equal(traced.logits.begin(), traced.logits.end(), step.logits.begin(), step.logits.end(),
                     [](double a, double b) { return std::abs(a - b) < 1e-9; }));
    text.push_back(step.token);
    return true;
  });
  CHECK(steps == 5);
  CHECK(std::equal(tokens.begin(), tokens.end(), text.begin() + 4, text.end()));
}

TEST_CASE("it ends behind one of the ends, where a step says so, and where the length is reached") {
  const ids whole = generated_greedily(prompt, 12);
  const token_id end = whole[4];
  const auto length = static_cast<std::size_t>(std::find(whole.begin(), whole.end(), end) - whole.begin()) + 1;
  const auto ended = generate(model(), prompt, {.length = 12, .ends = {96, end}}, nothing);
  CHECK(ended == ids(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
  const auto stopped = generate(model(), prompt, {.length = 12}, [](const auto& step) { return step.number < 2; });
  CHECK(stopped == ids(whole.begin(), whole.begin() + 3));
  CHECK(generate(model(), prompt, {.length = 1}, nothing) == ids{whole[0]});
}

TEST_CASE("the last token of a full context is generated, and no more than fit are promised") {
  CHECK(generate(model(), ids(64, 5), {.length = 1}, nothing).size() == 1);
  CHECK(generate(model(), prompt, {.length = 61}, nothing).size() == 61);
  const auto refuse = [&](const ids& tokens, std::size_t length, const char* said) {
    bool called = false;
    CHECK_THROWS_WITH_AS(static_cast<void>(generate(model(), tokens, {.length = length},
                                                    [&](const auto& /*step*/) { return called = true; })),
                         said, strata::option_error);
    CHECK_FALSE(called);
  };
  refuse(prompt, 62, "the prompt has 4 tokens and 62 are to follow, the model's context is 64: at most 61 fit");
  refuse(ids(64, 5), 2, "the prompt has 64 tokens and 2 are to follow, the model's context is 64: at most 1 fits");
  refuse(ids(65, 5), 1, "the prompt has 65 tokens, the model's context is 64");
  refuse({}, 1, "the prompt is empty; it needs at least one token");
  refuse({97}, 1, "token 0 is 97, outside the vocabulary of 97");
  refuse(prompt, 0, "the length is 0 tokens, expected at least 1");
}

TEST_CASE("settings of the sampling that cannot be are refused before the first run") {
  without_cache pass{model()};
  CHECK_THROWS_AS(static_cast<void>(generate(pass, prompt, {.length = 1, .sampling = {.temperature = -1}}, nothing)),
                  strata::option_error);
  CHECK(pass.runs == 0);
}

}  // namespace generate_test
