#include "strata/text/merge_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

using strata::bpe_merge;

namespace {

// The definition, a whole scan for every merge.
std::vector<std::int32_t> merged_slowly(const std::vector<bpe_merge>& merges, std::vector<std::int32_t> symbols) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::size_t> ranks;
  for (std::size_t r = 0; r < merges.size(); ++r) ranks[{merges[r].left, merges[r].right}] = r;
  for (;;) {
    std::size_t best = merges.size();
    std::size_t place = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = ranks.find({symbols[i], symbols[i + 1]});
      if (found != ranks.end() && found->second < best) {
        best = found->second;
        place = i;
      }
    }
    if (best == merges.size()) return symbols;
    symbols[place] = merges[best].merged;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

}  // namespace

TEST_CASE("merges are found by their pair") {
  const std::vector<bpe_merge> merges{{0, 1, 5}, {1, 0, 6}, {0, 0, 7}, {0, 1, 8}};
  const strata::merge_table table(merges);
  CHECK(table.find(1, 0).merged == 6);
  CHECK(table.find(1, 0).rank == 1);
  CHECK(table.find(0, 1).merged == 8);  // the later of two
  CHECK(table.find(0, 1).rank == 3);
  CHECK(table.find(1, 1).merged < 0);
  CHECK(strata::merge_table().find(0, 0).merged < 0);
}

TEST_CASE("the table holds many merges") {
  std::vector<bpe_merge> merges;
  for (std::int32_t i = 0; i < 300; ++i)
    for (std::int32_t k = 0; k < 300; ++k) merges.push_back({i, k * 1000, i * 300 + k});
  const strata::merge_table table(merges);
  for (const auto& [left, right, id] : merges) REQUIRE(table.find(left, right).merged == id);
  CHECK(table.find(300, 0).merged < 0);
}

TEST_CASE("of equal pairs the leftmost is merged first") {
  const strata::merge_table table(std::vector<bpe_merge>{{0, 0, 1}});
  strata::merger merge(table);
  std::vector<std::int32_t> symbols{0, 0, 0};
  merge(symbols);
  CHECK(symbols == std::vector<std::int32_t>{1, 0});
}

TEST_CASE("words without anything to merge stay as they are") {
  const strata::merge_table table;
  strata::merger merge(table);
  for (const std::vector<std::int32_t>& word : {std::vector<std::int32_t>{}, {3}, {3, 4}, {3, 3, 3}}) {
    auto symbols = word;
    merge(symbols);
    CHECK(symbols == word);
  }
}

TEST_CASE("random merges over random words give what the definition gives") {
  std::mt19937 random(7);
  const auto below = [&random](std::int32_t bound) {
    return static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(bound));
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<bpe_merge> merges;
    const std::int32_t letters = 2 + below(3);
    for (std::int32_t id = letters; id < letters + 12; ++id) merges.push_back({below(id), below(id), id});
    std::shuffle(merges.begin(), merges.end(), random);
    const strata::merge_table table(merges);
    strata::merger merge(table);
    for (int word = 0; word < 10; ++word) {
      std::vector<std::int32_t> symbols(static_cast<std::size_t>(below(40)));
      for (auto& symbol : symbols) symbol = below(letters);
      const auto expected = merged_slowly(merges, symbols);
      merge(symbols);
      REQUIRE(symbols == expected);
    }
  }
}

TEST_CASE("a long word is merged") {
  std::vector<bpe_merge> merges;
  for (std::int32_t id = 0; id < 17; ++id) merges.push_back({id, id, id + 1});
  const strata::merge_table table(merges);
  strata::merger merge(table);
  std::vector<std::int32_t> symbols(std::size_t{1} << 17, 0);
  merge(symbols);
  CHECK(symbols == std::vector<std::int32_t>{17});
}

TEST_CASE("negative ids are a wrong call") {
  CHECK_THROWS_AS(strata::merge_table(std::vector<bpe_merge>{{0, -1, 2}}), contract_violation);
}

TEST_CASE("merges of equal rank are done from left to right") {
  // a b c; ab 3, bc 4
  const std::vector<strata::bpe_merge> merges{{1, 2, 4}, {0, 1, 3}};
  const auto merged = [&](std::vector<std::int32_t> ranks) {
    const strata::merge_table table(merges, ranks);
    std::vector<std::int32_t> symbols{0, 1, 2};
    strata::merger merge(table);
    merge(symbols);
    return symbols;
  };
  CHECK(merged({5, 5}) == std::vector<std::int32_t>{3, 2});
  CHECK(merged({5, 6}) == std::vector<std::int32_t>{0, 4});
  CHECK(merged({6, 5}) == std::vector<std::int32_t>{3, 2});
}
