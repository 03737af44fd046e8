// The order of all edges against the search with one heap entry for each edge, one core. For recorded scores it needs
// the model of examples/get_smollm2.sh, or another GGUF file whose path is in STRATA_BENCH_MODEL; STRATA_BENCH_LONG=1
// adds 1,024 tokens.
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <queue>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "interleaved.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/recorder.hpp"
#include "strata/search/best_first.hpp"
#include "strata/text/tokenizer.hpp"

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

// Exponential ones, as shares of their node.
std::vector<float> random_scores(const strata::graph& g) {
  std::mt19937 random(1);
  std::vector<float> score(g.edge_count());
  for (std::size_t level = 1; level <= g.levels(); ++level)
    for (std::size_t t = 0; t < g.tokens(); ++t) {
      const strata::node n{level, t};
      if (g.edge_count(n) == 0) continue;
      const auto node = std::span(score).subspan(g.first_edge(n), g.edge_count(n));
      double sum = 0;
      for (float& s : node) sum += s = std::exponential_distribution<float>()(random);
      for (float& s : node) s = static_cast<float>(s / sum);
    }
  return score;
}

// Not shares of anything: half of all edges lie above what led to their targets.
std::vector<float> uniform_scores(const strata::graph& g) {
  std::mt19937 random(1);
  std::vector<float> score(g.edge_count());
  for (float& s : score) s = std::uniform_real_distribution<float>()(random);
  return score;
}

// l1 scores of the first tokens of the README.
std::optional<std::vector<float>> recorded_scores(std::size_t tokens) {
  const char* const named = std::getenv("STRATA_BENCH_MODEL");
  const std::string path = named != nullptr ? named : STRATA_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!std::filesystem::exists(path)) {
    std::printf("%s is not there: sh examples/get_smollm2.sh fetches it\n", path.c_str());
    return std::nullopt;
  }
  std::ifstream readme(STRATA_SOURCE_DIR "/README.md");
  const std::string text{std::istreambuf_iterator<char>(readme), {}};
  std::vector<strata::token_id> prompt = strata::tokenizer::from_file(path).encode(text);
  REQUIRE(prompt.size() >= tokens);
  prompt.resize(tokens);
  const auto model = strata::decoder<float>::load(path);
  strata::recorder<float> record(strata::graph(model.shape(), tokens));
  static_cast<void>(model.forward(prompt, record));
  return record.take_scores();
}

void measure(const char* name, const strata::graph& g, const std::vector<float>& score, std::size_t repeats) {
  strata::edge_order ours, plain;
  const auto times = bench::in_turn(
      repeats, {[&] { ours = strata::best_first<float>(g, score); }, [&] { plain = plain_heap(g, score); },
                [&] { strata::detail::reaching<float>(g, score); }});
  const double median = bench::spread_of(times[0]).median;
  const bench::spread ratio = bench::ratio(times[1], times[0]);
  std::printf(
      "%-8s scores, %9zu edges: %7.1f ms, %5.1f M edges/s, of it %5.1f ms to reach the nodes; one heap entry an edge "
      "takes %5.2f times as long (%.2f to %.2f)\n",
      name, score.size(), 1e3 * median, 1e-6 * static_cast<double>(score.size()) / median,
      1e3 * bench::spread_of(times[2]).median, ratio.median, ratio.low, ratio.high);
  CHECK(ours == plain);
}

strata::edge_order searched(const strata::graph& g, const std::vector<float>& score, std::size_t limit) {
  return strata::best_first_by_node<float>(
      g, [&](strata::node n) { return std::span(score).subspan(g.first_edge(n), g.edge_count(n)); }, limit);
}

// Where a heap with one entry for each edge would take minutes and gigabytes.
void measure_long(const char* name, const strata::graph& g, const std::vector<float>& score) {
  strata::edge_order ours;
  const auto times = bench::in_turn(3, {[&] { ours = strata::best_first<float>(g, score); }});
  const double median = bench::spread_of(times[0]).median;
  std::printf("%-8s scores, %9zu edges: %7.1f ms, %5.1f M edges/s\n", name, score.size(), 1e3 * median,
              1e-6 * static_cast<double>(score.size()) / median);
  CHECK(ours == searched(g, score, score.size()));
}

// The first edges only: searched node by node, and sorted.
void measure_first(const char* name, const strata::graph& g, const std::vector<float>& score) {
  for (const std::size_t part : {1024U, 256U, 128U, 64U, 16U}) {
    const std::size_t limit = score.size() / part;
    strata::edge_order by_node, sorted;
    const auto times = bench::in_turn(15, {[&] { by_node = searched(g, score, limit); },
                                           [&] { sorted = strata::detail::whole_order<float>(g, score, limit); }});
    std::printf("%-8s scores, the first %6zu of %7zu edges: searched %6.2f ms, sorted %6.2f ms\n", name, limit,
                score.size(), 1e3 * bench::spread_of(times[0]).median, 1e3 * bench::spread_of(times[1]).median);
    CHECK(by_node == sorted);
  }
}

}  // namespace

TEST_CASE("order of all edges", "[order]") {
  for (const std::size_t tokens : {40U, 128U}) {
    const strata::graph g(30, 9, tokens, strata::block_kind::sequential);  // SmolLM2-135M
    const std::size_t repeats = tokens == 40 ? 21 : 9;
    measure("random", g, random_scores(g), repeats);
    measure("uniform", g, uniform_scores(g), repeats);
    if (const auto score = recorded_scores(tokens)) measure("recorded", g, *score, repeats);
  }
  if (std::getenv("STRATA_BENCH_LONG") == nullptr) return;
  const strata::graph g(30, 9, 1024, strata::block_kind::sequential);
  measure_long("random", g, random_scores(g));
  if (const auto score = recorded_scores(1024)) measure_long("recorded", g, *score);
}

TEST_CASE("order of the first edges", "[order]") {
  for (const std::size_t tokens : {40U, 128U}) {
    const strata::graph g(30, 9, tokens, strata::block_kind::sequential);
    measure_first("random", g, random_scores(g));
    if (const auto score = recorded_scores(tokens)) measure_first("recorded", g, *score);
  }
}
