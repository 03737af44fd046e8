#include "strata/report/search_comparison_json.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("searches and controls by hand") {
  strata::search_comparison found{{0.001, 0.1, 1}, {}, {}};
  const auto add = [](std::vector<strata::compared>& to, const char* name, double passes,
                      const std::vector<double>& values) {
    strata::compared of{name, strata::matrix<double>(2, 3), {}, passes};
    std::copy(values.begin(), values.end(), of.variation.values().begin());
    of.areas = {values[0] + values[2], values[3]};
    to.push_back(of);
  };
  add(found.searches, "greedy", 1.5, {1, 0.5, 0, 0.5, 0.25, 0});
  add(found.searches, "nested-swap", 41, {0.5, 0.25, 0, 0.25, 0.125, 0});
  add(found.controls, "wrong target", 0, {1, 1, 1, 1, 1, 0.5});
  const auto searches = strata::searches_json(found);
  REQUIRE(searches.size() == 2);
  CHECK(
      searches[0].dump() ==
      R"({"name":"greedy","tv_area":0.75,"tv_area_minus_greedy":0.0,"se":0.0,"tv":{"0.001":0.75,"0.1":0.375,"1":0.0},)"
      R"("plain_passes":1.5,"areas":[1.0,0.5]})");
  CHECK(searches[1]["tv_area_minus_greedy"] == -0.375);
  CHECK(searches[1]["se"] == doctest::Approx(0.125));
  CHECK(strata::controls_json(found).dump() ==
        R"([{"name":"wrong target","tv_area":1.5,"tv":{"0.001":1.0,"0.1":1.0,"1":0.75}}])");

  strata::matrix<double> controls(strata::control_names.size(), 2);
  controls(1, 0) = 0.5;
  const auto one = strata::controls_json(std::vector<double>{0.01, 0.1}, controls.view());
  REQUIRE(one.size() == strata::control_names.size());
  CHECK(one[1].dump() == R"({"name":"wrong target","tv_area":0.25,"tv":{"0.01":0.5,"0.1":0.0}})");
  CHECK(strata::controls_json(strata::search_comparison{{0.1}, {}, {}}).empty());
}

TEST_CASE("of a single prompt there is no error") {
  strata::search_comparison found{{0.1}, {{"greedy", strata::matrix<double>(1, 1), {1}, 1}}, {}};
  CHECK(strata::searches_json(found)[0]["se"].is_null());
}
