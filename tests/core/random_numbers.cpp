#include "strata/core/random_numbers.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <limits>

TEST_CASE("known numbers, also when compiled") {
  strata::random_numbers zero(0);
  CHECK(zero.next() == 0xe220a8397b1dcdafU);
  CHECK(zero.next() == 0x6e789e6aa1b965f4U);
  CHECK(zero.next() == 0x06c45d188009454fU);
  strata::random_numbers other(1234567);
  CHECK(other.next() == 6457827717110365317U);
  CHECK(other.next() == 3203168211198807973U);
  static_assert(strata::random_numbers(1234567).next() == 6457827717110365317U);
}

TEST_CASE("known numbers below a bound, one of which has to be drawn again") {
  strata::random_numbers random(42);
  for (const std::uint32_t expected : {7U, 1U, 2U, 3U, 0U, 8U, 2U, 8U, 3U, 6U}) CHECK(random.below(10) == expected);
  for (const std::uint32_t expected : {1540188348U, 1560039898U, 1995478232U, 610305327U})
    CHECK(random.below(3'000'000'000U) == expected);
}

TEST_CASE("numbers below a bound: all of them, about equally often") {
  strata::random_numbers random(1);
  std::array<int, 7> found{};
  for (int i = 0; i < 70'000; ++i) ++found[random.below(7)];
  for (const int count : found) {
    CHECK(count > 9'500);
    CHECK(count < 10'500);
  }
  // With a bound of ¾·2³² every fourth number is drawn again; otherwise one third of the results would be twice as frequent.
  int lowest_third = 0;
  for (int i = 0; i < 30'000; ++i) lowest_third += random.below(3U << 30) % 3 == 0 ? 1 : 0;
  CHECK(lowest_third > 9'500);
  CHECK(lowest_third < 10'500);
  for (int i = 0; i < 100; ++i) CHECK(random.below(1) == 0);
  CHECK_THROWS_AS(random.below(0), contract_violation);
}
