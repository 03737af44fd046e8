// Searches on one prompt against trace(), which does the same in one go; and their controls.
#include "strata/search_trial.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/forward/run.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/replacement.hpp"
#include "strata/search_comparison.hpp"
#include "strata/search_controls.hpp"
#include "strata/trace.hpp"
#include "support/goldens.hpp"
#include "support/plain_models.hpp"

namespace search_trial_test {

using strata::decoder;
using strata::search_method;

namespace {

using model = const decoder<double>;
using trial_of = strata::search_trial<model>;

const std::vector<double> sizes{0.02, 0.05, 0.1, 0.2, 0.4, 1};

struct golden_prompt {
  decoder<double> of;
  std::vector<int> tokens;
  explicit golden_prompt(const std::string& name)
      : of(decoder<double>::load(goldens::model_folder(name))), tokens(goldens::run(name).integer("tokens")) {}

  // Other tokens, of the same number.
  [[nodiscard]] std::vector<int> other() const {
    std::vector<int> made(tokens.rbegin(), tokens.rend());
    for (int& token : made) token = static_cast<int>((token + 7) % static_cast<int>(of.shape().vocabulary));
    return made;
  }
};

search_method swap_of(std::size_t count, std::size_t rounds) {
  search_method method = strata::method_named("nested-swap");
  method.swap->sizes = strata::geometric_sizes(0.05, 0.4, count);
  method.swap->rounds = rounds;
  return method;
}

std::vector<double> variation_of(const strata::trace_result<double>& traced) {
  std::vector<double> values;
  for (const auto& point : traced.curve) values.push_back(point.measured.total_variation);
  return values;
}

void check_close(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-9));
}

}  // namespace

TEST_CASE("methods by their names") {
  CHECK(strata::method_named("greedy").base == strata::base_score::l1);
  CHECK(strata::method_named("share_sensitivity").base == strata::base_score::share_sensitivity);
  CHECK_FALSE(strata::method_named("table").swap);
  const auto swap = strata::method_named("nested-swap"), small = strata::method_named("nested-swap:4x2");
  CHECK(swap.base == strata::base_score::sensitivity);
  CHECK(swap.swap->sizes == strata::swap_options().sizes);
  CHECK(swap.swap->rounds == 3);
  CHECK(small.swap->sizes.size() == 4);
  CHECK(small.swap->sizes.back() == swap.swap->sizes.back());
  CHECK(small.swap->rounds == 2);
  CHECK(small.name == "nested-swap:4x2");
  CHECK(strata::method_named("trying-swaps").swap->tried == strata::trying_swaps().tried);
  for (const char* name : {"", "l2", "nested-swap:", "nested-swap:4", "nested-swap:4x", "nested-swap:x2",
                           "nested-swap:4x2 ", "nested-swap:1x3", "nested-swap:4x0", "nested-swap:-4x2",
                           "nested-swap:4x99999999999999999999", "nested-swapped"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(static_cast<void>(strata::method_named(name)), strata::option_error);
  }
}

TEST_CASE("what a trial finds is what trace() finds, with zero ablation and with a frozen pattern and mass means") {
  for (const std::string name : {"llama", "gpt_neox"}) {
    const golden_prompt p(name);
    const auto frozen = strata::replacement_of(p.of, p.tokens);
    for (const bool replaced : {false, true}) {
      CAPTURE(name);
      CAPTURE(replaced);
      strata::ablation<double> dropped;
      if (replaced) dropped.mass = &frozen.mass, dropped.pattern = &frozen.pattern;
      strata::trace_options options;
      options.sizes = sizes;
      const trial_of trial(p.of, p.tokens, sizes, dropped);
      const auto greedy = strata::trace(p.of, p.tokens, options, strata::l1{}, dropped);
      CHECK(trial.find(strata::method_named("greedy"), trial.logits()) == greedy.order);
      check_close(trial.variation(greedy.order), variation_of(greedy));

      options.minus_dropped = true;
      const strata::sensitivity rule{strata::node_sensitivities_of(p.of, p.tokens)};
      const auto sensitive = strata::trace(p.of, p.tokens, options, rule, dropped);
      CHECK(trial.find(strata::method_named("sensitivity"), trial.logits()) == sensitive.order);
      CHECK(trial.find(strata::method_named("share_sensitivity"), trial.logits()) ==
            strata::trace(p.of, p.tokens, options, strata::share_sensitivity{rule.of_nodes}, dropped).order);
      const auto swap = swap_of(3, 2);
      options.swap = swap.swap;
      const auto swapped = strata::trace(p.of, p.tokens, options, rule, dropped);
      const auto found = trial.find(swap, trial.logits());
      CHECK(found == swapped.order);
      check_close(trial.variation(found), variation_of(swapped));
    }
  }
}

TEST_CASE("a table of sensitivities; what is not there is refused") {
  const golden_prompt p("llama");
  const trial_of trial(p.of, p.tokens, sizes);
  strata::sensitivity_average average(p.of.shape());
  REQUIRE(average.add(*strata::node_sensitivities_of(p.of, p.other())));
  const auto table = average.table();
  strata::trace_options options;
  options.sizes = sizes;
  const strata::sensitivity rule{table.of_prompt(p.of.shape(), p.tokens.size())};
  CHECK(trial.find(strata::method_named("table"), trial.logits(), &table) ==
        strata::trace(p.of, p.tokens, options, rule).order);
  CHECK_THROWS_WITH_AS(static_cast<void>(trial.find(strata::method_named("table"), trial.logits())),
                       doctest::Contains("needs a table"), strata::option_error);
  const std::vector<int> shorter(p.tokens.begin(), p.tokens.end() - 1);
  const auto order = trial.find(strata::method_named("greedy"), trial.logits());
  CHECK_THROWS_WITH_AS(static_cast<void>(trial.variation(order, shorter, trial.logits())),
                       doctest::Contains("equally long"), strata::option_error);

  plain::model plain("llama");
  const strata::search_trial<plain::model> without(plain, p.tokens, sizes);
  CHECK(without.variation(without.find(strata::method_named("greedy"), without.logits())).back() == 0);
  strata::sensitivity_table of_plain = table;
  of_plain.shape = plain.shape();  // which says no context
  const auto by_table = without.find(strata::method_named("table"), without.logits(), &of_plain);
  CHECK(by_table == trial.find(strata::method_named("table"), trial.logits(), &table));
  for (const search_method& method : {strata::method_named("sensitivity"), strata::method_named("nested-swap")})
    CHECK_THROWS_WITH_AS(static_cast<void>(without.find(method, without.logits())), doctest::Contains("gradients"),
                         strata::option_error);
}

TEST_CASE("sensitivities of a given token are those of the most probable one where it is that") {
  const golden_prompt p("llama");
  const auto logits = strata::run(p.of, std::span<const int>(p.tokens));
  strata::sensitivity_options of;
  of.token = static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  CHECK(std::ranges::equal(strata::node_sensitivities_of(p.of, p.tokens, of)->values(),
                           strata::node_sensitivities_of(p.of, p.tokens)->values()));
  of.token = *of.token == 0 ? 1 : 0;
  CHECK_FALSE(std::ranges::equal(strata::node_sensitivities_of(p.of, p.tokens, of)->values(),
                                 strata::node_sensitivities_of(p.of, p.tokens)->values()));
  for (const int wrong : {-1, static_cast<int>(p.of.shape().vocabulary)}) {
    of.token = wrong;
    CHECK_THROWS_AS(static_cast<void>(strata::node_sensitivities_of(p.of, p.tokens, of)), strata::option_error);
  }
}

TEST_CASE("controls: each of them made again by hand") {
  const golden_prompt p("llama");
  const auto other = p.other();
  const auto frozen = strata::replacement_of(p.of, p.tokens);
  strata::ablation<double> dropped;
  dropped.pattern = &frozen.pattern;
  dropped.mass = &frozen.mass;
  const trial_of trial(p.of, p.tokens, sizes, dropped);
  const auto swap = swap_of(2, 1);
  const auto found = trial.find(swap, trial.logits());
  constexpr std::uint64_t seed = 5;
  const auto controls = strata::controls_of(trial, swap, found, other, seed);
  const auto row = [&](strata::control which) {
    const auto values = controls.row(static_cast<std::size_t>(which));
    return std::vector<double>(values.begin(), values.end());
  };
  const std::vector<double> own = strata::run(p.of, std::span<const int>(p.tokens));
  const std::vector<double> theirs = strata::run(p.of, std::span<const int>(other));
  const double chance = strata::total_variation<double>(own, theirs);
  check_close(row(strata::control::other_prompt), std::vector<double>(sizes.size(), chance));

  const auto masked = [&](const strata::edge_order& order, std::size_t s, const std::vector<int>& tokens,
                          const std::vector<double>& from) {
    const auto count = std::min<std::size_t>(strata::edges_at_size(trial.edges(), sizes[s]), order.size());
    const auto mask = strata::edge_mask::prefix(trial.edges(), order, count);
    return strata::total_variation<double>(from, strata::run_masked(p.of, tokens, std::span(&mask, 1), dropped));
  };
  std::vector<int> last_kept(other);
  last_kept.back() = p.tokens.back();
  const auto random = strata::random_connected(trial.edges(), trial.edges().edge_count(), seed);
  const auto column = strata::last_token_without_attention(trial.edges());
  const trial_of on_other(p.of, p.tokens, sizes, dropped);
  const auto wrong = on_other.find(swap, theirs);
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    CAPTURE(s);
    CHECK(row(strata::control::embedding_swap)[s] == doctest::Approx(masked(found, s, other, own)).epsilon(1e-9));
    CHECK(row(strata::control::context_swap)[s] == doctest::Approx(masked(found, s, last_kept, own)).epsilon(1e-9));
    CHECK(row(strata::control::random_connected)[s] == doctest::Approx(masked(random, s, p.tokens, own)).epsilon(1e-9));
    CHECK(row(strata::control::no_attention)[s] == doctest::Approx(masked(column, s, p.tokens, own)).epsilon(1e-9));
    CHECK(row(strata::control::wrong_target)[s] == doctest::Approx(masked(wrong, s, p.tokens, theirs)).epsilon(1e-9));
  }
  CHECK(wrong != found);
  CHECK(row(strata::control::wrong_target).back() == doctest::Approx(chance));
  CHECK(row(strata::control::permuted_base).back() == 0);
  CHECK(row(strata::control::permuted_base) != trial.variation(found));
  CHECK(strata::controls_of(trial, swap, found, other, seed).values()[0] == controls.values()[0]);
  for (const std::vector<int>& wrong_prompt :
       {std::vector<int>{}, std::vector<int>{1}, std::vector<int>(other.size(), -1)})
    CHECK_THROWS_AS(static_cast<void>(strata::controls_of(trial, swap, found, wrong_prompt)), strata::option_error);
  CHECK_THROWS_AS(trial_of(p.of, std::vector<int>{}, sizes), strata::option_error);
  CHECK_THROWS_AS(trial_of(p.of, std::vector<int>{-1}, sizes), strata::option_error);
  CHECK_THROWS_AS(trial_of(p.of, p.tokens, sizes, {}, 0), strata::option_error);
}

TEST_CASE("a permutation keeps the values, follows its seed, and puts each value at each place") {
  std::vector<int> values(9);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int>(i);
  std::vector<std::vector<int>> counts(9, std::vector<int>(9, 0));
  for (std::uint64_t seed = 0; seed < 9000; ++seed) {
    auto made = strata::permuted(values, seed);
    for (std::size_t i = 0; i < made.size(); ++i) ++counts[i][static_cast<std::size_t>(made[i])];
    if (seed > 0) continue;
    CHECK(made == strata::permuted(values, seed));
    CHECK(made != strata::permuted(values, 1));
    std::sort(made.begin(), made.end());
    CHECK(made == values);
  }
  for (const auto& row : counts)
    for (const int count : row) CHECK(std::abs(count - 1000) < 150);  // five standard deviations
}

TEST_CASE("a comparison is its trials, prompt by prompt") {
  const golden_prompt p("llama");
  const std::vector<std::vector<int>> prompts{
      p.tokens, p.other(), strata::with_noise(p.tokens, std::vector<std::size_t>{1, 2}, p.of.shape().vocabulary, 3)};
  strata::comparison_options options;
  options.sizes = sizes;
  options.searches = {strata::method_named("greedy"), swap_of(2, 2)};
  std::size_t told = 0, total = 0;
  options.progress = [&](std::size_t done, std::size_t all) {
    CHECK(done <= all);
    ++told;
    total = all;
    return true;
  };
  const auto zero = [](const std::vector<int>&) { return strata::ablation<double>(); };
  const auto found = strata::compare_searches(p.of, std::span(prompts), options, zero);
  CHECK(told > total);  // also within searches
  REQUIRE(found.searches.size() == 2);
  REQUIRE(found.controls.size() == strata::control_names.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const trial_of trial(p.of, prompts[i], sizes);
    for (std::size_t k = 0; k < 2; ++k) {
      const auto order = trial.find(options.searches[k], trial.logits());
      const auto variation = trial.variation(order);
      const auto row = found.searches[k].variation.row(i);
      CHECK(std::vector<double>(row.begin(), row.end()) == variation);
      CHECK(found.searches[k].areas[i] == strata::tv_area(sizes, variation));
      if (k == 0) continue;
      const auto controls = strata::controls_of(trial, options.searches[k], order, prompts[(i + 1) % 3], i);
      for (std::size_t c = 0; c < controls.rows(); ++c)
        CHECK(std::ranges::equal(found.controls[c].variation.row(i), controls.row(c)));
    }
  }
  const auto difference = strata::paired_difference(found.searches[1].areas, found.searches[0].areas);
  CHECK(found.difference(1).mean == difference.mean);
  CHECK(found.difference(1).error == difference.error);
  CHECK(found.difference(0).mean == 0);
  for (const auto& of : found.searches) CHECK(of.plain_passes > 0);

  options.progress = [](std::size_t done, std::size_t) { return done < 2; };
  CHECK_THROWS_AS(static_cast<void>(strata::compare_searches(p.of, std::span(prompts), options, zero)),
                  strata::cancelled);
  options.progress = nullptr;
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::compare_searches(p.of, std::span(prompts).first(1), options, zero)),
                       doctest::Contains("two prompts"), strata::option_error);
  const std::vector<std::vector<int>> uneven{p.tokens, {1, 2, 3}};
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::compare_searches(p.of, std::span(uneven), options, zero)),
                       doctest::Contains("equally long"), strata::option_error);
  options.sizes = {1e-4, 0.1};
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::compare_searches(p.of, std::span(prompts), options, zero)),
                       doctest::Contains("two sizes"), strata::option_error);
  options.sizes = sizes;
  options.controls = false;
  CHECK(strata::compare_searches(p.of, std::span(prompts).first(1), options, zero).controls.empty());
  options.searches.clear();
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::compare_searches(p.of, std::span(prompts), options, zero)),
                       doctest::Contains("no search"), strata::option_error);
}

}  // namespace search_trial_test
