#include "strata/report/generation_json.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "strata/generate.hpp"
#include "strata/model/decoder.hpp"
#include "strata/trace.hpp"
#include "support/goldens.hpp"

namespace {

using json = nlohmann::json;

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

// Three tokens of a small model, the second not traced; as a reader gets it.
json generated(const strata::trace_description& about, strata::trace_options traces = {}) {
  const auto model = strata::decoder<double>::load(goldens::model_folder("llama"));
  const std::vector<strata::token_id> prompt{5, 17, 3};
  const strata::generation_options options{
      .length = 3, .sampling = {.temperature = 0.5, .top_p = 0.9, .seed = 7}, .ends = {96}};
  strata::generation_json out(prompt, options, traces, 2, about);
  strata::generate(model, prompt, options, [&](const strata::generated_token<double>& step) {
    std::optional<strata::trace_result<double>> trace;
    if (step.number != 1) trace = strata::trace(model, step.prompt, traces);
    out.add(step, trace ? &*trace : nullptr);
    return true;
  });
  return json::parse(strata::json_text(out.document()));
}

}  // namespace

TEST_CASE("the keys are these and no others; a new one goes into docs/json.md") {
  const json out = generated({"a/model", 0, {}, {}});
  CHECK(keys_of(out) == std::set<std::string>{"schema", "version", "model", "options", "prompt", "steps"});
  CHECK(out["schema"] == 1);
  CHECK(out["model"]["path"] == "a/model");
  CHECK(out["model"]["parameters"].is_null());
  CHECK(keys_of(out["options"]) == std::set<std::string>{"length", "temperature", "top_p", "seed", "ends", "every",
                                                         "sizes", "attention_mask", "score", "ablation"});
  REQUIRE(out["steps"].size() == 3);
  for (const json& step : out["steps"])
    CHECK(keys_of(step) == std::set<std::string>{"token", "piece", "probability", "entropy", "trace"});
  CHECK(out["steps"][1]["trace"].is_null());
  CHECK(keys_of(out["steps"][0]["trace"]) == std::set<std::string>{"edges_total", "self_check", "entropy", "density",
                                                                   "tv_area", "top", "smallest", "swap", "curve"});
}

TEST_CASE("what was asked for, what the tokens are, and what was measured") {
  strata::trace_options traces;
  traces.sizes = {0.01, 0.1, 1};
  traces.max_size = 0.5;
  strata::trace_description about{"a/model", 12, {}, {}};
  about.piece = [](strata::token_id token) -> std::optional<std::string> {
    if (token == 3) return std::nullopt;
    return token == 17 ? std::string("\xC3") : "<" + std::to_string(token) + ">";
  };
  const json out = generated(about, traces);
  CHECK(out["options"]["length"] == 3);
  CHECK(out["options"]["temperature"] == 0.5);
  CHECK(out["options"]["top_p"] == 0.9);
  CHECK(out["options"]["seed"] == 7);
  CHECK(out["options"]["ends"] == json{96});
  CHECK(out["options"]["every"] == 2);
  CHECK(out["options"]["sizes"] == json{0.01, 0.1});
  CHECK(out["prompt"][0] == json{{"token", 5}, {"piece", "<5>"}});
  CHECK(out["prompt"][1] == json{{"token", 17}, {"piece", "\uFFFD"}, {"bytes", "c3"}});
  CHECK(out["prompt"][2] == json{{"token", 3}, {"piece", nullptr}});
  for (const json& step : out["steps"]) {
    CHECK(step["probability"] > 0);
    CHECK(step["probability"] < 1);
    if (step["trace"].is_null()) continue;
    CHECK(step["trace"]["curve"].size() == 2);
    CHECK(step["entropy"].get<double>() == doctest::Approx(step["trace"]["entropy"].get<double>()));
    for (const json& top : step["trace"]["top"])
      if (top["token"] == step["token"])
        CHECK(step["probability"].get<double>() == doctest::Approx(top["probability"].get<double>()));
  }
}
