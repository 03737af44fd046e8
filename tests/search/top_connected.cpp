#include "strata/search/top_connected.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "search/connected_edges.hpp"
#include "strata/search/prune.hpp"
#include "support/selections.hpp"

using strata::connection;
using strata::edge_id;
using strata::edge_mask;
using strata::graph;

namespace {

edge_mask random_mask(const graph& g, unsigned tenths, std::mt19937& random) {
  edge_mask mask(g);
  for (edge_id e = 0; e < g.edge_count(); ++e)
    if (random() % 10 < tenths) mask.insert(e);
  return mask;
}

}  // namespace

TEST_CASE("as the sets have it: any scores, edges alive and edges locked") {
  std::mt19937 random(1);
  std::size_t full = 0, short_of = 0;
  reference::for_small_graphs([&](const graph& g, const std::vector<strata::edge>&) {
    if (g.edge_count() > 60) return;
    for (const auto& scores : selections::many_scores<float>(g.edge_count(), random))
      for (const unsigned tenths : {10U, 7U}) {
        const edge_mask alive = random_mask(g, tenths, random);
        const edge_mask lock = random_mask(g, static_cast<unsigned>(random() % 4), random);
        for (edge_id n = lock.count(); n <= g.edge_count() + 1; n += 1 + n / 3) {
          const edge_mask found = strata::top_connected<float>(scores, n, alive, lock);
          CHECK(found == reference::mask_of(
                             g, reference::top_n(g, scores, n, reference::set_of(alive), reference::set_of(lock))));
          CHECK(strata::prune(found, connection::from_input) == found);
          ++(found.count() == n ? full : short_of);
        }
      }
  });
  CHECK(full > 100);
  CHECK(short_of > 100);
}

TEST_CASE("an edge that completes a path which does not fit ends the selection") {
  const graph g(2, 1, 1, strata::block_kind::parallel);  // residual, attention, mlp; the same again
  const std::vector<double> scores{1, 2, 3, 6, 5, 4};
  const edge_mask all = edge_mask::all(g), none(g);
  const auto taken = [&](edge_id n) { return reference::set_of(strata::top_connected<double>(scores, n, all, none)); };
  CHECK(taken(3).empty());  // the three of the last level come first, alone they lead nowhere; a fourth is one too many
  CHECK(taken(4) == reference::edge_set{2, 3, 4, 5});
  CHECK(taken(5) == reference::edge_set{1, 2, 3, 4, 5});
  CHECK(reference::set_of(strata::top_connected<double>(scores, 3, all, reference::mask_of(g, {0, 5}))) ==
        reference::edge_set{0, 3, 5});
}

TEST_CASE("a long graph, in which more edges are sorted than one stretch of digits holds") {
  const graph g(2, 8, 600, strata::block_kind::parallel);
  std::mt19937 random(5);
  std::vector<float> scores(g.edge_count());
  for (float& s : scores) s = static_cast<float>(random() % 100000);  // many are equal
  const edge_id n = g.edge_count() / 10;
  const edge_mask found = strata::top_connected<float>(scores, n, edge_mask::all(g), edge_mask::none(g));
  CHECK(found.count() <= n);
  CHECK(found.count() > n / 2);
  CHECK(strata::prune(found, connection::from_input) == found);
  float lowest = 100000;
  for (edge_id e = 0; e < g.edge_count(); ++e)
    if (found.contains(e)) lowest = std::min(lowest, scores[e]);
  edge_mask above(g), with_equal(g);
  for (edge_id e = 0; e < g.edge_count(); ++e) {
    if (scores[e] > lowest) above.insert(e);
    if (scores[e] >= lowest) with_equal.insert(e);
  }
  CHECK((strata::prune(above, connection::from_input) - found).count() == 0);
  CHECK((found - strata::prune(with_equal, connection::from_input)).count() == 0);
  CHECK(strata::prune(with_equal, connection::from_input).count() > n);
}

TEST_CASE("a score that is not a number is refused with its node; more locked than wanted is a wrong call") {
  const graph g(2, 2, 3, strata::block_kind::sequential);
  selections::refuses_not_a_number(g, [&](const std::vector<double>& scores) {
    return strata::top_connected<double>(scores, 5, edge_mask::all(g), edge_mask::none(g));
  });
  const std::vector<double> scores(g.edge_count());
  CHECK_THROWS_AS(static_cast<void>(strata::top_connected<double>(scores, 5, edge_mask::all(g), edge_mask::all(g))),
                  contract_violation);
}
