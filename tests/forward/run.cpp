#include "strata/forward/run.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "strata/graph/edge_strata.hpp"
#include "strata/model/decoder.hpp"
#include "support/plain_models.hpp"

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

// A plug-in model of which every thread gets one of its own.
struct with_copies : plain::model {
  explicit with_copies(std::string golden) : plain::model(golden), name(std::move(golden)) {}
  [[nodiscard]] with_copies copy() const { return with_copies(name); }
  std::string name;
};

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

TEST_CASE("nested masks of a plug-in model: alone, in batches, in threads with a copy each, the same") {
  static_assert(strata::copied_forward_pass<with_copies> && !strata::copied_forward_pass<plain::model>);
  static_assert(!strata::sweeping_forward_pass<plain::model>);
  with_copies model("llama");
  const std::vector<int> tokens = goldens::run("llama").integer("tokens");
  const strata::graph g(model.shape(), tokens.size());
  std::vector<strata::edge_id> ids(static_cast<std::size_t>(g.edge_count()));
  std::iota(ids.begin(), ids.end(), strata::edge_id{0});
  strata::edge_order order(g.edge_count());
  for (auto e = ids.rbegin(); e != ids.rend(); ++e) order.push_back(*e);
  const std::vector<std::size_t> sizes{0, 100, 250, 400, ids.size()};
  const strata::edge_strata nested(g, order, sizes);
  std::vector<strata::edge_mask> masks;
  for (std::size_t m = 0; m < sizes.size(); ++m) masks.push_back(nested.mask(m));

  std::vector<double> expected;
  for (const strata::edge_mask& mask : masks) {
    const auto one = strata::run_masked(model, tokens, std::span(&mask, 1));
    expected.insert(expected.end(), one.begin(), one.end());
  }
  const auto with = [&](std::size_t batch, std::size_t threads) {
    return strata::run_masked(model, tokens, nested, strata::attention_mask::after_softmax, {batch, threads});
  };
  CHECK(with(1, 1) == expected);
  CHECK(with(1, 3) == expected);
  for (const std::size_t batch : {2U, 4U, 7U}) {
    const auto some = with(batch, 1);
    REQUIRE(some.size() == expected.size());
    for (std::size_t i = 0; i < some.size(); ++i) CHECK(some[i] == doctest::Approx(expected[i]).epsilon(1e-10));
    CHECK(with(batch, 2) == some);
  }

  std::size_t calls = 0;
  const auto stop_at_3 = [&](std::size_t done, std::size_t total) {
    CHECK(total == sizes.size());
    CHECK(done == calls++);
    if (done == 3) throw strata::cancelled("stop");
  };
  CHECK_THROWS_AS(static_cast<void>(
                      strata::run_masked(model, tokens, nested, strata::attention_mask::after_softmax, {}, stop_at_3)),
                  strata::cancelled);
}

TEST_CASE("final states are what the unembedding reads: of hooks, batches, sweeps; asking for them changes nothing") {
  const strata::decoder<double> model = strata::decoder<double>::load(goldens::model_folder("llama_rope_llama3"));
  const std::vector<int> tokens = goldens::run("llama_rope_llama3").integer("tokens");
  const strata::graph g(model.shape(), tokens.size());
  std::vector<strata::edge_mask> masks{strata::edge_mask::none(g), strata::edge_mask::all(g)};
  for (const std::size_t kept : {3U, 5U})
    masks.push_back(
        strata::edge_mask::where(g, [&](const strata::edge& e) { return (e.source + e.level) % kept != 0; }));

  strata::matrix<double> swept, single;
  const auto logits = strata::run_masked(model, tokens, masks, {}, &swept);
  CHECK(logits == strata::run_masked(model, tokens, masks));
  REQUIRE(swept.rows() == masks.size());
  REQUIRE(swept.cols() == model.shape().width);
  for (std::size_t m = 0; m < masks.size(); ++m) {
    const auto one = strata::run_masked(model, tokens, std::span(&masks[m], 1), {}, &single);
    REQUIRE(single.rows() == 1);
    for (std::size_t j = 0; j < single.cols(); ++j) CHECK(std::abs(single(0, j) - swept(m, j)) <= 1e-10);
  }
  for (std::size_t j = 0; j < swept.cols(); ++j) CHECK(swept(0, j) == 0);  // RMSNorm of nothing

  plain::model other("gpt2");
  const std::vector<int> prompt = goldens::run("gpt2").integer("tokens");
  const strata::graph of_other(other.shape(), prompt.size());
  const std::vector<strata::edge_mask> both{strata::edge_mask::none(of_other), strata::edge_mask::all(of_other)};
  strata::matrix<double> batch;
  static_cast<void>(strata::run_masked(other, prompt, both, {}, &batch));
  REQUIRE(batch.rows() == 2);
  for (std::size_t m = 0; m < 2; ++m) {
    static_cast<void>(strata::run_masked(other, prompt, std::span(&both[m], 1), {}, &single));
    for (std::size_t j = 0; j < single.cols(); ++j) CHECK(std::abs(single(0, j) - batch(m, j)) <= 1e-10);
  }
}
