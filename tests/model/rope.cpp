#include "strata/model/rope.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <vector>

TEST_CASE("a turn by half-split pairs is a multiplication of complex numbers") {
  const auto angles = strata::rope_angles({10000, {}}, 8, 6);
  REQUIRE(angles.size() == 4);
  CHECK(angles[0] == 1);
  CHECK(angles[3] == doctest::Approx(std::pow(10000.0, -0.75)));
  const strata::rope_table<double> rope({10000, {}}, 8, 8, 6);
  for (std::size_t position = 0; position < 6; ++position) {
    std::vector<double> row(16);  // two heads
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = std::sin(static_cast<double>(3 * j + 1));
    const std::vector<double> before = row;
    rope.turn(row, position);
    for (std::size_t head = 0; head < 16; head += 8)
      for (std::size_t i = 0; i < 4; ++i) {
        const auto turned = std::complex(before[head + i], before[head + i + 4]) *
                            std::polar(1.0, static_cast<double>(position) * angles[i]);
        CHECK(row[head + i] == doctest::Approx(turned.real()).epsilon(1e-14));
        CHECK(row[head + i + 4] == doctest::Approx(turned.imag()).epsilon(1e-14));
      }
  }
}

TEST_CASE("linear scaling divides all angles; llama3 keeps the fast ones, divides the slow ones, and mixes between") {
  const std::vector<double> plain = strata::rope_angles({10000, {}}, 64, 1);
  const std::vector<double> linear =
      strata::rope_angles({10000, {.kind = strata::rope_kind::linear, .factor = 4}}, 64, 1);
  const std::vector<double> llama3 =
      strata::rope_angles({10000, {.kind = strata::rope_kind::llama3, .factor = 8, .original_context = 128}}, 64, 1);
  bool kept = false, divided = false, mixed = false;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    CHECK(linear[i] == doctest::Approx(plain[i] / 4));
    const double wavelength = 2 * std::acos(-1.0) / plain[i];
    if (wavelength < 128 / 4.0) {
      CHECK(llama3[i] == plain[i]);
      kept = true;
    } else if (wavelength > 128) {
      CHECK(llama3[i] == doctest::Approx(plain[i] / 8));
      divided = true;
    } else {
      CHECK(llama3[i] < plain[i]);
      CHECK(llama3[i] > plain[i] / 8);
      mixed = true;
    }
  }
  CHECK(kept);
  CHECK(divided);
  CHECK(mixed);
}
