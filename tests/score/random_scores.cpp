#include "strata/score/random_scores.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "strata/score/recorder.hpp"
#include "support/replay.hpp"

namespace {

template <class T>
std::vector<T> recorded(std::uint64_t seed) {
  const replay::recorded_pass<T> pass("llama");
  strata::recorder<T, strata::random_scores> record(pass.graph(), {seed});
  static_cast<void>(pass.drive(record, [](std::size_t, const auto&) {}));
  return record.take_scores();
}

}  // namespace

TEST_CASE("values of another implementation, in units of 2^-24") {
  struct expected {
    std::uint64_t seed, edge, value;
  };
  for (const expected& e : {expected{0, 0, 10946269}, expected{0, 1, 570621}, expected{0, 2, 14142614},
                            expected{0, 1000000007, 11174983}, expected{1, 0, 6177195}, expected{1, 1, 15334752},
                            expected{42, 2, 7492501}, expected{42, std::uint64_t{1} << 63, 16075451},
                            expected{std::numeric_limits<std::uint64_t>::max(), 1000000007, 130295}})
    CHECK(strata::random_scores{e.seed}.edge(e.edge) == static_cast<double>(e.value) * 0x1p-24);
}

TEST_CASE("the same numbers in float and in double; another seed gives others") {
  const auto narrow = recorded<float>(3);
  const auto wide = recorded<double>(3);
  REQUIRE(narrow.size() == wide.size());
  for (std::size_t e = 0; e < wide.size(); ++e) {
    CHECK(static_cast<double>(narrow[e]) == wide[e]);
    CHECK(wide[e] == strata::random_scores{3}.edge(e));
  }
  const auto other = recorded<double>(4);
  std::size_t equal = 0;
  for (std::size_t e = 0; e < wide.size(); ++e) equal += wide[e] == other[e] ? 1 : 0;
  CHECK(equal < 3);
}

TEST_CASE("uniform in [0, 1): each tenth holds about a tenth, for neighbouring edges and neighbouring seeds") {
  const auto spread = [](auto number) {
    std::array<int, 10> tenths{};
    for (std::uint64_t i = 0; i < 100000; ++i) {
      const double x = number(i);
      REQUIRE(x >= 0);
      REQUIRE(x < 1);
      ++tenths[static_cast<std::size_t>(10 * x)];
    }
    for (const int count : tenths) {  // a standard deviation is 95
      CHECK(count > 9600);
      CHECK(count < 10400);
    }
  };
  spread([](std::uint64_t i) { return strata::random_scores{1}.edge(i); });
  spread([](std::uint64_t i) { return strata::random_scores{i}.edge(1); });
}
