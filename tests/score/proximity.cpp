#include "strata/score/proximity.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/score/proximity_shifted.hpp"

TEST_CASE("a small contribution keeps its digits beside a node value that is thousands of times as large") {
  // ‖x‖₁ − ‖x − c‖₁ of floats as it is written loses c: its sum is right to 1e-3 only.
  const std::vector<float> x{19903, -19903, 3}, c{1e-4F, -3e-4F, 2e-4F};
  CHECK(strata::proximity{}.single(std::span<const float>(c), std::span<const float>(x)) ==
        doctest::Approx(6e-4).epsilon(1e-6));
}

TEST_CASE("beyond the value it counts against the contribution, exactly") {
  const std::vector<double> x{1, -1, 0, -0.0}, c{3, 0.5, -2, 2};
  // |1| − |1 − 3| = −1; |−1| − |−1 − 0.5| = −0.5; −2; −2
  CHECK(strata::proximity{}.single(std::span<const double>(c), std::span<const double>(x)) == -5.5);
}

TEST_CASE("edges outside the window tie at exactly 0 in both forms, before the last step") {
  strata::matrix<float> weights(1, 3), vectors(3, 5), nodes(1, 5), scores(1, 3);
  for (float& v : vectors.values()) v = 2;
  for (float& v : nodes.values()) v = 1;
  weights(0, 1) = 0.25F;
  const std::vector<float> scales{1};
  const strata::head_contributions<float> head{weights, scales, vectors, nodes};
  strata::proximity{}.attention<float>(head, scores);
  CHECK(scores(0, 0) == 0);
  CHECK(scores(0, 1) == 2.5F);
  CHECK(scores(0, 2) == 0);
  strata::proximity_shifted{}.attention<float>(head, scores);
  CHECK(scores(0, 0) == 0);
  CHECK(scores(0, 1) == 2.5F);
}
