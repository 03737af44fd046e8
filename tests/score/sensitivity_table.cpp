#include "strata/score/sensitivity_table.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "strata/core/error.hpp"

using strata::matrix;
using strata::model_shape;

namespace {

const model_shape small{1, 2, 4, 10, 0, strata::block_kind::sequential};  // levels 0, 1, 2

}  // namespace

TEST_CASE("the place of a token: the last one, its distance, the first one") {
  std::vector<std::size_t> places;
  for (std::size_t t = 0; t < 12; ++t) places.push_back(strata::token_place(t, 12));
  CHECK(places == std::vector<std::size_t>{5, 4, 4, 4, 3, 3, 3, 3, 2, 2, 1, 0});
  CHECK(strata::token_place(0, 1) == 0);
  CHECK(strata::token_place(0, 2) == 5);
}

TEST_CASE("cells are geometric means, over nodes and then over prompts, in units of the prompt's last token") {
  matrix<double> first(3, 5), second(3, 2);
  // places: first, 2-3, 2-3, 1, last
  const double values[3][5] = {{9, 2, 8, 5, 7}, {1, 4, 9, 6, 2}, {0, 0, 0, 0, 8}};
  for (std::size_t i = 0; i < 15; ++i) first.values()[i] = values[i / 5][i % 5];
  for (double& v : second.values()) v = 12;
  second(2, 0) = 0;
  second(2, 1) = 3;  // unit: 6
  strata::sensitivity_average average(small);
  CHECK(average.add(first));  // unit: √(2 · 8) = 4
  CHECK(average.add(second));
  const strata::sensitivity_table table = average.table();
  CHECK(table.prompts == 2);
  CHECK(table.shape == small);
  CHECK(table.cells(0, 0) == doctest::Approx(std::sqrt(7.0 / 4 * 2)));
  CHECK(table.cells(1, 2) == doctest::Approx(6.0 / 4));  // √(4 · 9), of one prompt only
  CHECK(table.cells(1, 1) == doctest::Approx(6.0 / 4));
  CHECK(table.cells(1, 5) == doctest::Approx(std::sqrt(1.0 / 4 * 2)));
  CHECK(table.cells(2, 0) == doctest::Approx(std::sqrt(8.0 / 4 * 3 / 6)));
  CHECK(table.cells(2, 5) == 0);
  CHECK(table.cells(1, 4) == 0);
}

TEST_CASE("a prompt's scale does not matter") {
  matrix<double> some(3, 4);
  for (std::size_t i = 0; i < 12; ++i) some.values()[i] = static_cast<double>(i * i % 7 + 1);
  strata::sensitivity_average plain(small), scaled(small);
  plain.add(some);
  for (double& v : some.values()) v *= 1e-30;
  scaled.add(some);
  for (std::size_t i = 0; i < plain.table().cells.values().size(); ++i)
    CHECK(scaled.table().cells.values()[i] == doctest::Approx(plain.table().cells.values()[i]).epsilon(1e-12));
}

TEST_CASE("values of 0 and those that are not finite are left out; a prompt with nothing else says nothing") {
  matrix<double> some(3, 3);
  some.fill(2);
  some(1, 2) = std::numeric_limits<double>::infinity();
  some(0, 1) = std::numeric_limits<double>::quiet_NaN();
  some(0, 0) = 0;
  strata::sensitivity_average average(small);
  CHECK_THROWS_AS(static_cast<void>(average.table()), strata::option_error);
  CHECK(average.add(some));
  const auto table = average.table();
  CHECK(table.cells(0, 0) == doctest::Approx(1));
  CHECK(table.cells(0, 1) == 0);
  CHECK(table.cells(1, 0) == 0);
  some.fill(0);
  CHECK_FALSE(average.add(some));
  CHECK(average.table().prompts == 1);
}

TEST_CASE("for a prompt: each node its cell, and where that is empty the nearest place of the level") {
  strata::sensitivity_table table{small, 1, matrix<double>(3, 6)};
  for (std::size_t p = 0; p < 6; ++p) table.cells(0, p) = static_cast<double>(p + 1);
  table.cells(1, 1) = 5, table.cells(1, 4) = 7;
  const auto long_prompt = *table.of_prompt(small, 12), short_prompt = *table.of_prompt(small, 2);
  const std::vector<double> level_0{6, 5, 5, 5, 4, 4, 4, 4, 3, 3, 2, 1}, level_1{7, 7, 7, 7, 5, 5, 5, 5, 5, 5, 5, 5};
  CHECK(std::vector<double>(long_prompt.row(0).begin(), long_prompt.row(0).end()) == level_0);
  CHECK(std::vector<double>(long_prompt.row(1).begin(), long_prompt.row(1).end()) == level_1);
  CHECK(long_prompt(2, 11) == 0);
  CHECK(short_prompt(0, 0) == 6);
  CHECK(short_prompt(0, 1) == 1);
  model_shape other = small;
  other.heads = 3;
  CHECK_THROWS_WITH_AS(static_cast<void>(table.of_prompt(other, 2)),
                       "the sensitivities are of a model of another shape", strata::option_error);
}
