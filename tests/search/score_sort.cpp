#include "strata/search/score_sort.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

using strata::detail::falling_bits;

namespace {

template <class T>
void check_sorted(const std::vector<T>& scores, const std::vector<std::uint32_t>& ids) {
  std::vector<std::uint32_t> expected = ids;
  std::stable_sort(expected.begin(), expected.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return scores[a] > scores[b]; });
  std::vector<strata::detail::keyed_edge<T>> edges;
  for (const std::uint32_t id : ids) edges.push_back({falling_bits(scores[id]), id});
  std::vector<std::uint32_t> from_edges(ids.size());
  strata::detail::score_sort<T> sort(scores);
  sort(edges, from_edges.data());
  CHECK(from_edges == expected);
  std::vector<std::uint32_t> from_ids = ids;
  sort(from_ids);
  CHECK(from_ids == expected);
}

// Every score, in an order that is not that of the ids.
template <class T>
void check_sorted(const std::vector<T>& scores) {
  std::vector<std::uint32_t> ids(scores.size());
  std::iota(ids.begin(), ids.end(), 0U);
  std::shuffle(ids.begin(), ids.end(), std::mt19937(1));
  check_sorted(scores, ids);
}

template <class T>
void check_lengths(std::initializer_list<std::size_t> lengths) {
  using limits = std::numeric_limits<T>;
  std::mt19937 random(2);
  for (const std::size_t length : lengths) {
    std::vector<T> scores(length);
    for (T& s : scores) s = std::normal_distribution<T>()(random);
    check_sorted(scores);
    for (T& s : scores) s = T{1} + static_cast<T>(random() % 70'000) * limits::epsilon();
    check_sorted(scores);
  }
}

}  // namespace

TEST_CASE("falling numbers have ascending bits; zeros of both signs the same") {
  const float infinity = std::numeric_limits<float>::infinity();
  const float denormal = std::numeric_limits<float>::denorm_min();
  const std::vector<float> falling{infinity, 2, 1, denormal, 0, -denormal, -1, -infinity};
  for (std::size_t i = 1; i < falling.size(); ++i) {
    CHECK(falling_bits(falling[i - 1]) < falling_bits(falling[i]));
    CHECK(falling_bits(double{falling[i - 1]}) < falling_bits(double{falling[i]}));
  }
  CHECK(falling_bits(0.0F) == falling_bits(-0.0F));
  CHECK(falling_bits(0.0) == falling_bits(-0.0));
}

TEST_CASE("ids by falling score, equal ones as they were: lists of all lengths") {
  check_lengths<float>({0, 1, 2, 3, 39, 40, 41, 42, 300, 5000});
  check_lengths<double>({0, 1, 2, 40, 41, 300, 5000});
  check_sorted(std::vector<float>(100, 0.5F));
}

TEST_CASE("ids by falling score: lists that are sorted in parts") {
  check_lengths<float>({(std::size_t{1} << 20) + 1});
  check_sorted(std::vector<double>((std::size_t{1} << 20) + 3, 0.25));
}
