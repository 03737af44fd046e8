#include "strata/measure/published.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "strata/measure/softmax.hpp"

namespace {

using list = std::vector<double>;

}  // namespace

// numpy 2.4.6: −Σ q·log(q + 1e-7) of q = exp(x) / Σ exp(x).
TEST_CASE_TEMPLATE("the entropy agrees with numpy", T, float, double) {
  const std::vector<T> logits{3, 1, static_cast<T>(0.2), -1, -4, -20};
  const double found = strata::published_entropy<T>(std::span<const T>(logits));
  CHECK(found == doctest::Approx(0.6233835530745334).epsilon(sizeof(T) == 4 ? 1e-7 : 1e-14));
  const double difference = strata::entropy<T>(std::span<const T>(logits)) - found;
  CHECK(difference > 4e-7);
  CHECK(difference < 6e-7);
}

TEST_CASE("a sure prediction has an entropy below 0, a token without probability counts nothing") {
  const list sure{0, -std::numeric_limits<double>::infinity()};
  CHECK(strata::published_entropy<double>(sure) == doctest::Approx(-std::log(1 + 1e-7)).epsilon(1e-8));
}

// numpy 2.4.6, E = 5148: trapezoid(tv, log10(clip(h, 1e-8, 1))) and trapezoid(tv, h), h = n/E as float16 and back.
TEST_CASE("the density agrees with numpy") {
  list shares;
  for (const double edges : {0, 0, 1, 5, 20, 51, 514, 2574, 5148}) shares.push_back(edges / 5148);
  const list total_variation{0.98, 0.98, 0.97, 0.9, 0.7, 0.6, 0.4, 0.1, 0};
  CHECK(strata::published_density(shares, total_variation) == doctest::Approx(6.272235721080388).epsilon(1e-14));
  CHECK(strata::published_density(shares, total_variation, strata::size_axis::linear) ==
        doctest::Approx(0.17717050790786742).epsilon(1e-14));
}

TEST_CASE("an empty trace stands at 1e-8") {
  CHECK(strata::published_density(list{0, 1}, list{1, 1}) == doctest::Approx(8.0).epsilon(1e-15));
  CHECK(strata::published_density(list{2e-8, 1}, list{1, 1}) == doctest::Approx(8.0).epsilon(1e-15));  // 0 as a half
  CHECK(strata::published_density(list{}, list{}) == 0);
}

TEST_CASE("shares that are none, and that fall, are refused") {
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::published_density(list{0.5, 0.25}, list{1, 1})),
                       "share 1 is 0.25 after 0.5, expected no falling shares", strata::option_error);
  for (const double wrong : {-0.1, 1.1, std::nan("")})
    CHECK_THROWS_AS(static_cast<void>(strata::published_density(list{wrong}, list{1})), strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::published_density(list{0.5}, list{1, 1})), contract_violation);
}
