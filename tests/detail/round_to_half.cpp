#include "strata/detail/round_to_half.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The value of a positive finite half.
double half(int bits) {
  const int exponent = bits >> 10, mantissa = bits & 1023;
  return exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
}

}  // namespace

TEST_CASE("every half stays as it is; the middle of two goes to the even one, what is beside it to the nearer one") {
  for (int bits = 0; bits < 0x7c00; ++bits) {
    const double here = half(bits);
    const double next = bits == 0x7bff ? 65536.0 : half(bits + 1);
    const double above = bits == 0x7bff ? infinity : next;
    const double middle = (here + next) / 2;
    REQUIRE(strata::round_to_half(here) == here);
    REQUIRE(strata::round_to_half(static_cast<float>(here)) == static_cast<float>(here));
    REQUIRE(strata::round_to_half(-here) == -here);
    const double even = bits % 2 == 0 ? here : above;
    REQUIRE(strata::round_to_half(middle) == even);
    REQUIRE(strata::round_to_half(-middle) == -even);
    REQUIRE(strata::round_to_half(static_cast<float>(middle)) == static_cast<float>(even));  // the middle is a float
    REQUIRE(strata::round_to_half(std::nextafter(middle, 0.0)) == here);  // and these are not: rounded once
    REQUIRE(strata::round_to_half(std::nextafter(middle, infinity)) == above);
    REQUIRE(strata::round_to_half(std::nextafter(static_cast<float>(middle), 0.0F)) == static_cast<float>(here));
    REQUIRE(strata::round_to_half(std::nextafter(static_cast<float>(middle), 1e9F)) == static_cast<float>(above));
  }
}

TEST_CASE("exact values") {
  CHECK(strata::round_to_half(0.1F) == 0.0999755859375F);
  CHECK(strata::round_to_half(1.0 / 3) == 0.333251953125);
  CHECK(strata::round_to_half(65519.99) == 65504);
  CHECK(strata::round_to_half(65520.0F) == std::numeric_limits<float>::infinity());
  CHECK(strata::round_to_half(-1e300) == -infinity);
  CHECK(strata::round_to_half(0x1p-25) == 0);
  CHECK(strata::round_to_half(std::nextafter(0x1p-25, 1.0)) == 0x1p-24);
  CHECK(strata::round_to_half(std::numeric_limits<float>::denorm_min()) == 0);
  CHECK(std::signbit(strata::round_to_half(-0.0)));
  CHECK(std::signbit(strata::round_to_half(-1e-30F)));
  CHECK(strata::round_to_half(infinity) == infinity);
  CHECK(std::isnan(strata::round_to_half(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("a list of scores in place") {
  std::vector<float> scores{0.1F, 0.5F, 1e6F};
  strata::round_to_half(std::span<float>(scores));
  CHECK(scores == std::vector<float>{0.0999755859375F, 0.5F, std::numeric_limits<float>::infinity()});
}
