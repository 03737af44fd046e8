#include "strata/score/check_forward_pass.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "strata/forward/mask_list.hpp"
#include "strata/forward/masker.hpp"
#include "strata/model/decoder.hpp"
#include "support/plain_models.hpp"

using plain::mistake;

namespace {

std::vector<int> tokens_of(const std::string& name) { return goldens::run(name).integer("tokens"); }

}  // namespace

TEST_CASE("correct passes of every family go through, with and without the other rows of the last layer") {
  for (const std::string& name : plain::models()) {
    CAPTURE(name);
    plain::model model(name);
    for (const bool trimmed : {false, true}) {
      model.only_last_row_at_the_end = trimmed;
      const auto report = strata::check_forward_pass(model, tokens_of(name));
      CHECK(report.self_check_error < 1e-13);
      CHECK(report.batch_error < 1e-13);
    }
  }
}

// What a refusal must say, by mistake.
const std::vector<std::string> phrases{"",
                                       "instead of its bias; it does not follow the weights that attend left",
                                       "layer 0: the pass does not go on with the residual stream that the hook left",
                                       "layer 0, token 0: the attention output is not the sum of its contributions",
                                       "layer 0, token 0: the attention output is not the sum of its contributions",
                                       "layer 0, token 0: the attention output is not the sum of its contributions",
                                       "layer 0, token 0: the attention output is not the sum of its contributions",
                                       "layer 0, token 0, head 0: the weight of the later token 1 is",
                                       "a batch of two masks differs from two runs by",
                                       "layer 0, token 0: the attention output is not the sum of its contributions",
                                       "layer 0: the MLP output of zero nodes differs between tokens",
                                       "the logits do not come from what finish left in x",
                                       "layer 1, token 0: the residual stream changed between the joins",
                                       "attend got a negative weight",
                                       "layer 1: the values of zero nodes differ between tokens",
                                       "layer 0, token 0: attend was not called for head 2 of 4",
                                       "layer 0, token 1: the attention output is not the sum of its contributions",
                                       "layer 0, token 0: the attention output is not the sum of its contributions"};

TEST_CASE("17 typical mistakes in a plug-in model are each refused, before and after post-norms") {
  for (const std::string name : {"llama_bias", "olmo2_bias"}) {
    for (int i = 1; i <= plain::mistakes; ++i) {
      CAPTURE(name);
      CAPTURE(i);
      plain::model model(name);
      model.with = static_cast<mistake>(i);
      std::string said;
      try {
        if (model.with == mistake::values_cached) {  // the first run fills its cache
          strata::no_hooks<double> none;
          static_cast<void>(strata::run(model, tokens_of(name), none));
          model.record_values = false;
        }
        static_cast<void>(strata::check_forward_pass(model, tokens_of(name)));
      } catch (const strata::contract_error& e) {
        said = e.what();
      }
      CAPTURE(said);
      CHECK(said.find(phrases[static_cast<std::size_t>(i)]) != std::string::npos);
    }
  }
}

namespace {

// A model that calls its block kind by the wrong name.
struct misdeclared : plain::model {
  using plain::model::model;
  strata::model_shape shape() const {
    auto s = plain::model::shape();
    s.block = s.block == strata::block_kind::parallel ? strata::block_kind::sequential : strata::block_kind::parallel;
    return s;
  }
};

}  // namespace

TEST_CASE("the wrong block kind is refused") {
  for (const std::string name : {"gpt_neox", "gpt_neox_seq"}) {
    misdeclared model(name);
    CHECK_THROWS_AS(static_cast<void>(strata::check_forward_pass(model, tokens_of(name))), strata::contract_error);
  }
}

TEST_CASE("equal tokens, and a first MLP that gives zeros, are no reason to refuse a parallel block") {
  plain::model model("gpt_neox");
  CHECK_NOTHROW(static_cast<void>(strata::check_forward_pass(model, std::vector<strata::token_id>{5, 5, 5})));
}

namespace {

// The decoder, with its calls counted, and with wrong logits for one of the masks of a batch or of a sweep.
struct altered {
  using scalar = double;
  static constexpr std::size_t none = 2;

  strata::model_shape shape() const { return decoder.shape(); }

  template <class Hooks>
  std::vector<double> forward(std::span<const strata::token_id> tokens, Hooks& hooks, std::size_t batch = 1) {
    ++runs;
    std::vector<double> logits = decoder.forward(tokens, hooks, batch);
    if (batch > 1 && wrong_in_batch != none) logits[wrong_in_batch * shape().vocabulary] += 1;
    return logits;
  }

  template <strata::mask_list Masks>
  std::vector<double> sweep(std::span<const strata::token_id> tokens, const Masks& masks,
                            const strata::ablation<double>& dropped, const strata::sweep_progress& progress) {
    ++runs;
    std::vector<double> logits = decoder.sweep(tokens, masks, dropped, progress);
    if (wrong_in_sweep != none) logits[wrong_in_sweep * shape().vocabulary] += 1;
    return logits;
  }

  strata::decoder<double> decoder;
  std::size_t wrong_in_batch = none, wrong_in_sweep = none;
  int runs = 0;
};

static_assert(strata::batched_forward_pass<altered> && strata::sweeping_forward_pass<altered>);

}  // namespace

TEST_CASE("a batch and a sweep that are wrong for any of their masks are refused") {
  const auto tokens = tokens_of("llama_bias");
  const auto model = strata::decoder<double>::load(goldens::model_folder("llama_bias"));
  for (const std::size_t mask : {std::size_t{0}, std::size_t{1}}) {
    CAPTURE(mask);
    altered batch{model}, sweep{model};
    batch.wrong_in_batch = mask;
    sweep.wrong_in_sweep = mask;
    CHECK_THROWS_AS(static_cast<void>(strata::check_forward_pass(batch, tokens)), strata::contract_error);
    CHECK_THROWS_AS(static_cast<void>(strata::check_forward_pass(sweep, tokens)), strata::contract_error);
  }
}

TEST_CASE("seven runs are enough, since each of them expands the weights of a model that is too large for the memory") {
  altered model{strata::decoder<double>::load(goldens::model_folder("llama_bias"))};
  CHECK_NOTHROW(static_cast<void>(strata::check_forward_pass(model, tokens_of("llama_bias"))));
  CHECK(model.runs == 7);
}
