#include "strata/forward/run.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace {

// Returns what it is told to, as if it were logits.
struct saying {
  using scalar = float;
  std::vector<float> logits;
  strata::model_shape shape() const { return {1, 1, 2, 3, 0, strata::block_kind::sequential}; }
  template <class Hooks>
  std::vector<float> forward(std::span<const strata::token_id> /*tokens*/, Hooks& /*hooks*/) const {
    return logits;
  }
};

std::vector<float> logits_of(const saying& model) {
  const std::vector<strata::token_id> tokens{0, 1};
  return strata::run(model, std::span<const strata::token_id>(tokens));
}

}  // namespace

TEST_CASE("logits are as many as the vocabulary, and numbers below +infinity") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(logits_of({{1, 2, -infinity}}).size() == 3);
  CHECK_THROWS_AS(static_cast<void>(logits_of({{1, 2}})), strata::contract_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(logits_of({{1, std::nanf(""), 0}})), "logit 1 is not a number or +infinity",
                       strata::numeric_error);
  CHECK_THROWS_AS(static_cast<void>(logits_of({{1, 2, infinity}})), strata::numeric_error);
}

TEST_CASE("a pass without batches runs mask by mask") {
  static_assert(!strata::batched_forward_pass<saying>);
  const std::vector<strata::token_id> tokens{0, 1};
  const saying model{{1, 2, 3}};
  const strata::graph g(model.shape(), 2);
  const std::vector<strata::edge_mask> masks{strata::edge_mask::all(g), strata::edge_mask::none(g)};
  CHECK(strata::run_masked(model, std::span<const strata::token_id>(tokens), masks) ==
        std::vector<float>{1, 2, 3, 1, 2, 3});
}
