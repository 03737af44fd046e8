#include "strata/report/method_json.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "strata/model/decoder.hpp"

TEST_CASE("states, components, published figures and a metric as JSON") {
  const auto model = strata::decoder<double>::load(STRATA_TEST_DATA "/goldens/models/llama");
  const std::vector<int> tokens{3, 1, 4, 15, 9};
  strata::trace_options options;
  options.keep_logits = options.keep_states = true;
  options.sizes = {0.001, 0.1, 0.5, 1};
  const auto trace = strata::trace(model, tokens, options);

  const auto states = strata::states_json(trace);
  CHECK(states["l2_to_last"].size() == 4);
  CHECK(states["l2_to_last"][3] == 0);
  CHECK(states["step_l2"].size() == 3);
  CHECK(states["step_cosine"].size() == 3);
  CHECK(states["curvature"].size() == 2);
  CHECK(states["l2_to_last"][2].get<double>() == doctest::Approx(states["step_l2"][2].get<double>()));

  const auto components = strata::components_json(trace);
  REQUIRE(components["heads"].size() == 4);
  REQUIRE(components["layers"][0].size() == 3);
  for (std::size_t i = 0; i < 4; ++i) {
    strata::edge_id attention = 0, edges = 0;
    for (const auto& layer : components["heads"][i])
      for (const auto& count : layer) attention += count.get<strata::edge_id>();
    for (const auto& layer : components["layers"][i])
      for (const auto& count : layer) edges += count.get<strata::edge_id>();
    CHECK(attention == trace.curve[i].made_of.attention());
    CHECK(edges == trace.curve[i].edges);
  }

  const auto published = strata::published_json(trace);
  CHECK(published["entropy"].size() == 4);
  CHECK(published["density"].get<double>() > trace.density);  // a size without edges adds to it

  const auto circuit = strata::circuit_of(model, trace, strata::log_probability_of{7});
  const auto metric = strata::circuit_json(circuit, "log_probability:7");
  CHECK(metric["name"] == "log_probability:7");
  CHECK(metric["faithfulness"].size() == 4);
  CHECK(metric["faithfulness"][3] == 1);
  const auto none = strata::circuit_json({1, 1, {}, {}, {}}, "m");
  CHECK(none["faithfulness"].is_null());
  CHECK(none["cpr"].is_null());
}
