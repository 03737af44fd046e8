#include "strata/search/nested_swap.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "search/connected_edges.hpp"
#include "strata/core/error.hpp"
#include "strata/search/best_first.hpp"
#include "strata/search/prune.hpp"
#include "support/reference_graph.hpp"

using reference::edge_set;
using strata::edge_id;
using strata::edge_mask;
using strata::graph;
using strata::scored_mask;
using strata::swap_options;
using strata::swap_result;

namespace {

// A model with one number at each node: a constant + Σ over kept edges of weight · tanh(source); an embedding is 1. Its value at a
// mask is the squared distance of the output from that of the whole graph.
class small_model {
 public:
  // coarse: gradients rounded to quarters, so that many are equal or 0.
  small_model(const graph& g, std::mt19937& random, bool coarse = false)
      : graph_(g), weights_(g.edge_count()), coarse_(coarse) {
    std::normal_distribution<double> normal;
    for (double& w : weights_) w = normal(random);
    whole_ = nodes(edge_mask::all(g)).back();
  }

  scored_mask<double> operator()(const edge_mask& mask, bool with_gradient) const {
    const std::vector<double> values = nodes(mask);
    const double off = values.back() - whole_;
    scored_mask<double> found{off * off, {}};
    if (!with_gradient) return found;
    found.gradient.resize(weights_.size());
    std::vector<double> slopes(values.size());
    slopes.back() = 2 * off;
    for (edge_id e = weights_.size(); e-- > 0;) {  // ids rise with the level
      const double source = std::tanh(values[slot(graph_.at(e).source_node())]);
      const double above = slopes[slot(graph_.at(e).target_node())];
      found.gradient[e] = above * weights_[e] * source;
      if (mask.contains(e)) slopes[slot(graph_.at(e).source_node())] += above * weights_[e] * (1 - source * source);
    }
    if (coarse_)
      for (double& of_edge : found.gradient) of_edge = std::round(4 * of_edge) / 4;
    return found;
  }

  // What sensitivity scores would be: |weight · source · slope| in the whole graph.
  std::vector<double> scores() const {
    edge_mask most = edge_mask::all(graph_);
    most.erase(0);
    std::vector<double> scores = (*this)(most, true).gradient;
    for (double& s : scores) s = std::abs(s);
    return scores;
  }

 private:
  std::size_t slot(strata::node n) const { return n.level * graph_.tokens() + n.token; }

  std::vector<double> nodes(const edge_mask& mask) const {
    std::vector<double> values((graph_.levels() + 1) * graph_.tokens(), 0.25);
    std::fill_n(values.begin(), graph_.tokens(), 1.0);
    for (edge_id e = 0; e < weights_.size(); ++e)
      if (mask.contains(e))
        values[slot(graph_.at(e).target_node())] += weights_[e] * std::tanh(values[slot(graph_.at(e).source_node())]);
    return values;
  }

  graph graph_;
  std::vector<double> weights_;
  double whole_ = 0;
  bool coarse_;
};

struct found_by_sets {
  std::vector<edge_id> order;
  std::vector<edge_set> masks;
  std::vector<std::size_t> accepted;
  std::size_t evaluations = 0, trials = 0, grown = 0;
};

// The edges outside the mask between nodes that it feeds, those of lowest gradients below 0.
edge_set taken_in(const graph& g, const edge_set& mask, const std::vector<double>& gradient, std::size_t wanted) {
  const auto nodes = reference::reaching_and_fed(g, mask);
  const auto live = [&](strata::node at) {
    return nodes.first.count({at.level, at.token}) > 0 && nodes.second.count({at.level, at.token}) > 0;
  };
  std::vector<edge_id> outside;
  for (edge_id e = 0; e < g.edge_count(); ++e) {
    const strata::edge at = g.at(e);
    if (mask.count(e) == 0 && gradient[e] < 0 && live(at.target_node()) && (at.level == 1 || live(at.source_node())))
      outside.push_back(e);
  }
  std::stable_sort(outside.begin(), outside.end(), [&](edge_id a, edge_id b) { return gradient[a] < gradient[b]; });
  outside.resize(std::min(outside.size(), wanted));
  return {outside.begin(), outside.end()};
}

// The search, step by step as it is described, with sets.
found_by_sets search_by_sets(const graph& g, const std::vector<double>& base, const small_model& model,
                             const swap_options& options) {
  found_by_sets found;
  edge_set all;
  for (edge_id e = 0; e < g.edge_count(); ++e) all.insert(e);
  const std::size_t most = options.sizes.size() * (options.rounds + 1);
  const std::size_t budget = options.budget > 0 ? std::min(options.budget, most) : most;
  const auto value_at = [&](const edge_set& mask) { return model(reference::mask_of(g, mask), false).value; };
  const auto gradient_at = [&](const edge_set& mask) {
    ++found.evaluations;
    return model(reference::mask_of(g, mask), true).gradient;
  };
  // Of several masks the first of lowest value.
  const auto best_of = [&](const std::vector<edge_set>& masks) {
    found.trials += masks.size();
    std::size_t best = 0;
    for (std::size_t i = 1; i < masks.size(); ++i)
      if (value_at(masks[i]) < value_at(masks[best])) best = i;
    return best;
  };
  edge_set kept;
  std::vector<double> at_kept;  // the gradient, where it is known
  for (const double size : options.sizes) {
    const auto n = static_cast<edge_id>(size * static_cast<double>(g.edge_count()));
    edge_set mask = reference::top_n(g, base, n, all, kept);
    std::size_t accepted = 0;
    if (!mask.empty() && kept.size() < n && options.rounds > 0 && budget - found.evaluations >= 2) {
      if (options.grow && !kept.empty() && budget - found.evaluations >= 3) {
        if (at_kept.empty()) at_kept = gradient_at(kept);
        std::vector<edge_set> starts{mask};
        for (const std::size_t count : {n - kept.size(), (n - kept.size()) / 2}) {
          edge_set grown = taken_in(g, kept, at_kept, count);
          grown.insert(kept.begin(), kept.end());
          starts.push_back(reference::top_n(g, base, n, all, grown));
        }
        const std::size_t best = best_of(starts);
        found.grown += best > 0 ? 1 : 0;
        mask = starts[best];
      }
      std::vector<double> gradient = gradient_at(mask);
      double f = options.swapped;
      for (std::size_t round = 0; round < options.rounds && found.evaluations < budget; ++round) {
        std::vector<double> falling = gradient;
        for (double& s : falling) s = -s;
        std::vector<edge_set> swaps;
        for (const double multiple : options.tried.empty() ? std::vector<double>{1} : options.tried) {
          edge_set alive =
              taken_in(g, mask, gradient,
                       std::max<std::size_t>(1, static_cast<std::size_t>(multiple * f * static_cast<double>(n))));
          alive.insert(mask.begin(), mask.end());
          const edge_set swapped = reference::top_n(g, falling, n, alive, kept);
          if (swapped != mask && std::count(swaps.begin(), swaps.end(), swapped) == 0) swaps.push_back(swapped);
        }
        const double before = f;
        f *= options.narrow;
        if (swaps.empty()) continue;
        const edge_set swapped = options.tried.empty() ? swaps[0] : swaps[best_of(swaps)];
        const bool last = round + 1 == options.rounds || budget - found.evaluations == 1;
        const bool lower = value_at(swapped) < value_at(mask);
        std::vector<double> there;
        if (options.tried.empty() ? !last || (options.grow && budget - found.evaluations > 1) : lower && !last)
          there = gradient_at(swapped);
        else if (options.tried.empty())
          ++found.evaluations;  // the value alone
        if (!lower) continue;
        f = before * options.widen;
        mask = swapped;
        gradient = there;
        ++accepted;
        if (last) break;
      }
      at_kept = gradient;
    }
    reference::take_best_first(g, base, mask, found.order);
    found.masks.push_back(mask);
    found.accepted.push_back(accepted);
    kept = mask;
  }
  reference::take_best_first(g, base, all, found.order);
  return found;
}

swap_options sizes_of_small_graphs() {
  swap_options options;
  options.sizes = {0.02, 0.1, 0.2, 0.35, 0.5, 0.7, 0.71, 0.9};
  return options;
}

void check_order(const graph& g, const strata::edge_order& order) {
  REQUIRE(order.size() == g.edge_count());
  edge_mask prefix(g);
  for (const edge_id e : order) {
    CHECK(!prefix.contains(e));
    prefix.insert(e);
    CHECK(strata::prune(prefix) == prefix);
  }
}

}  // namespace

TEST_CASE("as the sets have it, with any budget and number of rounds") {
  std::mt19937 random(1);
  std::size_t accepted = 0, refused = 0, shorter = 0, grown = 0, trials = 0;
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    if (g.edge_count() > 90 || g.layers() == 1) return;
    const small_model fine(g, random), coarse(g, random, true);
    const std::vector<double> base = fine.scores();
    for (const std::size_t rounds : {3U, 1U, 6U, 0U})
      for (const std::size_t variant : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U, 10U, 11U, 12U, 13U, 14U}) {
        const std::size_t budget = std::vector<std::size_t>{0, 1, 2, 5, 11}[variant % 5];
        if (rounds != 3 && budget % 5 != 0) continue;
        const small_model& model = rounds == 6 || budget == 11 ? coarse : fine;
        swap_options options = sizes_of_small_graphs();
        options.rounds = rounds;
        options.budget = budget;
        options.swapped = 0.3;
        options.grow = variant >= 5;
        if (variant >= 10) options.tried = {2, 1, 0.2};
        const swap_result found = strata::nested_swap<double>(g, base, model, options);
        const found_by_sets expected = search_by_sets(g, base, model, options);
        CHECK(std::vector<edge_id>(found.order.begin(), found.order.end()) == expected.order);
        CHECK(found.evaluations == expected.evaluations);
        CHECK(found.trials == expected.trials);
        grown += expected.grown;
        trials += found.trials;
        if (budget > 0) CHECK(found.evaluations <= budget);
        REQUIRE(found.steps.size() == options.sizes.size());
        for (std::size_t i = 0; i < found.steps.size(); ++i) {
          const strata::swap_step& step = found.steps[i];
          const edge_mask mask = reference::mask_of(g, expected.masks[i]);
          CHECK(step.size == options.sizes[i]);
          CHECK(step.edges == mask.count());
          CHECK(step.edges <= strata::edges_at_size(g, step.size));
          CHECK(step.accepted == expected.accepted[i]);
          CHECK(edge_mask::prefix(g, found.order, static_cast<std::size_t>(step.edges)) == mask);
          shorter += step.edges < strata::edges_at_size(g, step.size) ? 1 : 0;
          accepted += step.accepted;
          if (std::isnan(step.first)) {
            CHECK(std::isnan(step.last));
            continue;
          }
          CHECK(step.last == model(mask, false).value);
          CHECK((step.accepted > 0 ? step.last < step.first : step.last == step.first));
          refused += step.accepted < rounds ? 1 : 0;
        }
        check_order(g, found.order);
      }
  });
  CHECK(accepted > 100);
  CHECK(refused > 100);
  CHECK(shorter > 100);
  CHECK(grown > 100);
  CHECK(trials > 1000);
}

TEST_CASE("without rounds or with a budget of one nothing is evaluated: the scores decide") {
  std::mt19937 random(2);
  const graph g(2, 2, 4, strata::block_kind::sequential);
  const small_model model(g, random);
  const std::vector<double> base = model.scores();
  const auto never = [](const edge_mask&, bool) -> scored_mask<double> {
    FAIL("evaluated");
    return {};
  };
  swap_options options = sizes_of_small_graphs();
  options.rounds = 0;
  const swap_result by_scores = strata::nested_swap<double>(g, base, never, options);
  options.rounds = 3;
  options.budget = 1;
  CHECK(strata::nested_swap<double>(g, base, never, options).order == by_scores.order);
  CHECK(by_scores.evaluations == 0);
  options.sizes.clear();
  CHECK(strata::nested_swap<double>(g, base, never, options).order == strata::best_first<double>(g, base));
}

TEST_CASE("a swap finds what the scores do not show") {
  // Of the four edges into the output only attention to token 0 makes the prediction; its score is the lowest.
  const graph g(1, 1, 2, strata::block_kind::parallel);
  const edge_id right = g.attention_edge(g.output(), 0, 0);
  std::vector<float> base(g.edge_count(), 2);
  base[right] = 1;
  const auto distance = [&](const edge_mask& mask, bool) {
    const float missing = mask.contains(right) ? 0.0F : 1.0F;
    scored_mask<float> found{missing, std::vector<float>(g.edge_count())};
    found.gradient[right] = -1 - missing;
    return found;
  };
  swap_options options;
  options.sizes = {0.25};
  const swap_result found = strata::nested_swap<float>(g, base, distance, options);
  CHECK(found.order[0] == right);
  CHECK(found.steps[0].first == 1);
  CHECK(found.steps[0].last == 0);
  CHECK(found.steps[0].accepted == 1);
  CHECK(found.evaluations == 2);  // after it no other edge is worth a swap
  options.rounds = 0;
  CHECK(strata::nested_swap<float>(g, base, distance, options).order[3] == right);
}

TEST_CASE("the gradient is asked for where it is read") {
  std::mt19937 random(4);
  const graph g(3, 2, 4, strata::block_kind::parallel);
  const small_model model(g, random);
  std::vector<bool> asked;
  const auto told = [&](const edge_mask& mask, bool with_gradient) {
    CHECK(strata::prune(mask, strata::connection::from_input) == mask);
    asked.push_back(with_gradient);
    return model(mask, with_gradient);
  };
  swap_options options;
  options.sizes = {0.3, 0.6};
  options.rounds = 2;
  static_cast<void>(strata::nested_swap<double>(g, model.scores(), told, options));
  CHECK(asked == std::vector<bool>{true, true, false, true, true, false});
  asked.clear();
  options.rounds = 9;
  options.budget = 2;
  static_cast<void>(strata::nested_swap<double>(g, model.scores(), told, options));
  CHECK(asked == std::vector<bool>{true, false});
}

TEST_CASE("gradients that are huge, or the same everywhere, only cost a swap") {
  std::mt19937 random(5);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    if (g.edge_count() > 90) return;
    const small_model model(g, random);
    for (const double huge : {1e308, -1e308, 0.0}) {
      const auto misled = [&](const edge_mask& mask, bool with_gradient) {
        scored_mask<double> found = model(mask, with_gradient);
        for (double& of_edge : found.gradient)
          if (huge == 0 || random() % 8 == 0) of_edge = huge == 0 ? -1 : huge;
        return found;
      };
      const swap_result found = strata::nested_swap<double>(g, model.scores(), misled, sizes_of_small_graphs());
      check_order(g, found.order);
      for (const strata::swap_step& step : found.steps) CHECK(!(step.last > step.first));
    }
  });
}

TEST_CASE("a swap after which the value is the same does not stay") {
  const graph g(2, 2, 3, strata::block_kind::parallel);
  std::vector<double> base(g.edge_count());
  std::iota(base.begin(), base.end(), 1.0);
  const auto flat = [&](const edge_mask&, bool) {
    scored_mask<double> found{1, base};
    for (double& of_edge : found.gradient) of_edge -= 100;
    return found;
  };
  swap_options options = sizes_of_small_graphs();
  const swap_result found = strata::nested_swap<double>(g, base, flat, options);
  CHECK(found.evaluations > options.sizes.size());
  for (const strata::swap_step& step : found.steps) CHECK(step.accepted == 0);
  options.rounds = 0;
  CHECK(found.order == strata::nested_swap<double>(g, base, flat, options).order);
}

TEST_CASE("an infinite value is a value, one that is no number is refused; of a gradient only the order counts") {
  const graph g(2, 1, 2, strata::block_kind::sequential);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> base(g.edge_count(), 1);
  scored_mask<double> given{infinity, std::vector<double>(g.edge_count(), -1)};
  swap_options options;
  options.sizes = {1};
  std::size_t evaluations = 0;
  const auto search = [&](const std::vector<double>& scores) {
    const auto give = [&](const edge_mask&, bool) {
      ++evaluations;
      return given;
    };
    return strata::nested_swap<double>(g, scores, give, options);
  };
  CHECK(search(base).steps.back().last == infinity);
  given.gradient[g.mlp_edge({2, 1})] = -infinity;
  const auto infinite = search(base).order;
  given.gradient[g.mlp_edge({2, 1})] = -std::numeric_limits<double>::max();
  CHECK(infinite == search(base).order);
  given.gradient[g.mlp_edge({2, 1})] = std::numeric_limits<double>::quiet_NaN();
  const auto no_number = search(base).order;
  given.gradient[g.mlp_edge({2, 1})] = 0;
  CHECK(no_number == search(base).order);
  given = {std::numeric_limits<double>::quiet_NaN(), std::vector<double>(g.edge_count())};
  CHECK_THROWS_WITH_AS(static_cast<void>(search(base)), "the value of evaluation 1 is not a number",
                       strata::numeric_error);
  std::vector<double> scores = base;
  scores[3] = infinity;
  evaluations = 0;
  CHECK_THROWS_AS(static_cast<void>(search(scores)), strata::numeric_error);
  CHECK(evaluations == 0);
  given.gradient.pop_back();
  given.value = 1;
  CHECK_THROWS_AS(static_cast<void>(search(base)), contract_violation);
}

TEST_CASE("progress is told before each evaluation, and stops the search") {
  std::mt19937 random(6);
  const graph g(2, 2, 4, strata::block_kind::sequential);
  const small_model model(g, random);
  const std::vector<double> base = model.scores();
  std::vector<std::size_t> told;
  swap_options options = sizes_of_small_graphs();
  options.progress = [&](std::size_t done, std::size_t total) {
    told.push_back(done);
    CHECK(total == 32);
    return true;
  };
  const std::size_t evaluations = strata::nested_swap<double>(g, base, model, options).evaluations;
  std::vector<std::size_t> expected(evaluations);
  std::iota(expected.begin(), expected.end(), std::size_t{0});
  CHECK(told == expected);
  std::size_t made = 0;
  const auto counted = [&](const edge_mask& mask, bool with_gradient) {
    ++made;
    return model(mask, with_gradient);
  };
  options.budget = 9;
  options.progress = [](std::size_t done, std::size_t total) {
    CHECK(total == 9);
    return done < 4;
  };
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::nested_swap<double>(g, base, counted, options)),
                       "stopped at stage search", strata::cancelled);
  CHECK(made == 4);
}

TEST_CASE("trying swaps: at most as many evaluations as the default, and the reference's result at its sizes") {
  std::mt19937 random(8);
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    if (g.edge_count() > 90) return;
    const small_model model(g, random);
    const std::vector<double> base = model.scores();
    swap_options options = strata::trying_swaps();
    CHECK(options.sizes.size() * (1 + options.rounds) == 32);
    for (double& size : options.sizes) size *= 4;
    const swap_result found = strata::nested_swap<double>(g, base, model, options);
    const found_by_sets expected = search_by_sets(g, base, model, options);
    CHECK(std::vector<edge_id>(found.order.begin(), found.order.end()) == expected.order);
    CHECK(found.evaluations == expected.evaluations);
    CHECK(found.evaluations <= 32);
    CHECK(found.trials == expected.trials);
  });
}

TEST_CASE("options out of range are refused; the sizes of the default rise by one factor") {
  std::mt19937 random(7);
  const graph g(1, 1, 2, strata::block_kind::sequential);
  const small_model model(g, random);
  const auto refused = [&](auto change, const char* message) {
    swap_options options;
    change(options);
    CHECK_THROWS_WITH_AS(static_cast<void>(strata::nested_swap<double>(g, model.scores(), model, options)), message,
                         strata::option_error);
  };
  refused([](swap_options& o) { o.sizes = {0.1, 0.1}; }, "size 0.1 after 0.1, expected rising sizes in (0, 1]");
  refused([](swap_options& o) { o.sizes = {0.1, 1.5}; }, "size 1.5 after 0.1, expected rising sizes in (0, 1]");
  refused([](swap_options& o) { o.swapped = 0; }, "the swapped share is 0, expected a positive number");
  refused([](swap_options& o) { o.widen = std::nan(""); },
          "the factor after a swap that stays is nan, expected a positive number");
  refused(
      [](swap_options& o) {
        o.tried = {1, 0};
      },
      "a multiple of the swapped share is 0, expected a positive number");
  refused([](swap_options& o) { o.narrow = -1; },
          "the factor after a swap that does not is -1, expected a positive number");
  const std::vector<double> sizes = swap_options{}.sizes;
  REQUIRE(sizes.size() == 8);
  CHECK(sizes.front() == 2e-3);
  CHECK(sizes.back() == 0.2);
  for (std::size_t i = 1; i < sizes.size(); ++i)
    CHECK(sizes[i] / sizes[i - 1] == doctest::Approx(std::pow(100.0, 1.0 / 7)));
}
