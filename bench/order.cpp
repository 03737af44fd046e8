// The order of all edges against the search with one heap entry for each edge, one core.
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <cstdint>
#include <cstdio>
#include <queue>
#include <random>
#include <vector>

#include "interleaved.hpp"
#include "strata/search/best_first.hpp"

namespace {

strata::edge_order plain_heap(const strata::graph& g, const std::vector<float>& score) {
  struct entry {
    float score;
    std::uint64_t pushed;
    strata::edge_id edge;
    bool operator<(const entry& b) const { return score != b.score ? score < b.score : pushed > b.pushed; }
  };
  std::priority_queue<entry> heap;
  std::vector<bool> seen((g.levels() + 1) * g.tokens());
  strata::edge_order order(g.edge_count());
  std::uint64_t pushed = 0;
  const auto reach = [&](strata::node n) {
    if (n.level == 0 || seen[n.level * g.tokens() + n.token]) return;
    seen[n.level * g.tokens() + n.token] = true;
    for (strata::edge_id e = g.first_edge(n); e < g.first_edge(n) + g.edge_count(n); ++e)
      heap.push({score[e], pushed++, e});
  };
  reach(g.output());
  while (!heap.empty()) {
    const strata::edge_id e = heap.top().edge;
    heap.pop();
    order.push_back(e);
    reach(g.at(e).source_node());
  }
  return order;
}

}  // namespace

TEST_CASE("order of all edges", "[order]") {
  for (const std::size_t tokens : {40U, 128U}) {
    const strata::graph g(30, 9, tokens, strata::block_kind::sequential);  // SmolLM2-135M
    std::mt19937 random(1);
    std::vector<float> score(g.edge_count());
    for (std::size_t level = 1; level <= g.levels(); ++level)
      for (std::size_t t = 0; t < tokens; ++t) {
        const strata::node n{level, t};
        if (g.edge_count(n) == 0) continue;
        const auto node = std::span(score).subspan(g.first_edge(n), g.edge_count(n));
        double sum = 0;
        for (float& s : node) sum += s = std::exponential_distribution<float>()(random);
        for (float& s : node) s = static_cast<float>(s / sum);
      }
    strata::edge_order ours, plain;
    const auto times = bench::in_turn(tokens == 40 ? 15 : 5, {[&] { ours = strata::best_first<float>(g, score); },
                                                              [&] { plain = plain_heap(g, score); }});
    const double median = bench::spread_of(times[0]).median;
    const bench::spread ratio = bench::ratio(times[1], times[0]);
    std::printf(
        "order of %8zu edges: %7.1f ms, %5.1f M edges/s; one heap entry an edge takes %.2f times as long (%.2f to "
        "%.2f)\n",
        score.size(), 1e3 * median, 1e-6 * static_cast<double>(score.size()) / median, ratio.median, ratio.low,
        ratio.high);
    CHECK(ours == plain);
  }
}
