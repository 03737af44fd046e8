#include "strata/model/rope_scaling.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rope_scaling_test {

using nlohmann::json;
using strata::rope_kind;
using strata::rope_settings;

namespace {

rope_settings read(const char* text, std::vector<std::string>& warnings) {
  const json object = json::parse(text);
  strata::detail::config_reader reader(object, "c");
  const rope_settings settings = strata::detail::read_rope(reader, {8, 64}, warnings);
  reader.warn_of_unknown_keys(warnings);
  return settings;
}

rope_settings read(const char* text) {
  std::vector<std::string> warnings;
  const rope_settings settings = read(text, warnings);
  CHECK(warnings.empty());
  return settings;
}

void refused(const char* text, const char* message) { CHECK_THROWS_WITH_AS(read(text), message, strata::data_error); }

}  // namespace

TEST_CASE("no scaling") {
  CHECK(read("{}").theta == 10000);
  CHECK(read("{}").scaling.kind == rope_kind::none);
  CHECK(read(R"({"rope_theta":500000,"rope_scaling":null})").theta == 500000);
  CHECK(read(R"({"rope_scaling":{"rope_type":"default"}})").scaling.kind == rope_kind::none);
  CHECK(read(R"({"rope_scaling":{}})").scaling.kind == rope_kind::none);
}

TEST_CASE("linear scaling in the three spellings") {
  for (const char* text :
       {R"({"rope_theta":7.5,"rope_scaling":{"type":"linear","factor":4}})",
        R"({"rope_theta":7.5,"rope_scaling":{"rope_type":"linear","type":"linear","factor":4.0}})",
        R"({"rope_parameters":{"rope_theta":7.5,"rope_type":"linear","factor":4,"partial_rotary_factor":1.0}})"}) {
    CAPTURE(text);
    const rope_settings settings = read(text);
    CHECK(settings.theta == 7.5);
    CHECK(settings.scaling.kind == rope_kind::linear);
    CHECK(settings.scaling.factor == 4);
  }
}

TEST_CASE("scaling of Llama 3") {
  const rope_settings settings =
      read(R"({"rope_theta":500000.0,"rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.5,
              "high_freq_factor":4.5,"original_max_position_embeddings":8192}})");
  CHECK(settings.scaling.kind == rope_kind::llama3);
  CHECK(settings.scaling.factor == 8);
  CHECK(settings.scaling.low_frequency_factor == 1.5);
  CHECK(settings.scaling.high_frequency_factor == 4.5);
  CHECK(settings.scaling.original_context == 8192);
}

TEST_CASE("unknown keys within the scaling are reported") {
  std::vector<std::string> warnings;
  CHECK(read(R"({"rope_scaling":{"type":"linear","factor":2,"beta":1}})", warnings).scaling.factor == 2);
  CHECK(warnings == std::vector<std::string>{"c: unknown key \"rope_scaling.beta\" with value 1 is ignored; the model "
                                             "may compute something else with it"});
}

TEST_CASE("unsupported, incomplete and contradictory scalings are refused") {
  refused(R"({"rope_scaling":{"rope_type":"ntk","factor":4}})",
          "c: \"rope_scaling.rope_type\", expected default, linear, dynamic, llama3, yarn or longrope, found \"ntk\"");
  refused(R"({"rope_scaling":{"type":"mrope","factor":4}})",
          "c: \"rope_scaling.type\", expected default, linear, dynamic, llama3, yarn or longrope, found \"mrope\"");
  refused(R"({"rope_scaling":{"type":"yarn"}})", "c: \"rope_scaling.factor\" is missing");
  refused(R"({"rope_scaling":{"type":"longrope","short_factor":[1,2,3,4]}})",
          "c: \"rope_scaling.long_factor\" is missing");
  refused(R"({"rope_scaling":{"type":"longrope","short_factor":[1,2,3],"long_factor":[1,2,3,4]}})",
          "c: \"rope_scaling.short_factor\", expected a list of 4 numbers, found [1,2,3]");
  refused(R"({"rope_scaling":{"type":"longrope","short_factor":[1,2,3,0],"long_factor":[1,2,3,4]}})",
          "c: \"rope_scaling.short_factor\", expected numbers from 1e-06 to 1e+06, found 0");
  refused(R"({"rope_scaling":{"type":"linear","rope_type":"llama3"}})",
          "c: \"rope_scaling.type\", expected the same as \"rope_type\", \"llama3\", found \"linear\"");
  refused(R"({"rope_scaling":{"type":"linear"}})", "c: \"rope_scaling.factor\" is missing");
  refused(R"({"rope_scaling":{"type":"linear","factor":0}})",
          "c: \"rope_scaling.factor\", expected a number from 1 to 1e+06, found 0");
  refused(R"({"rope_scaling":{"type":"linear","factor":"4"}})",
          "c: \"rope_scaling.factor\", expected a number from 1 to 1e+06, found \"4\"");
  refused(R"({"rope_scaling":"linear"})", "c: \"rope_scaling\", expected an object, found \"linear\"");
  refused(R"({"rope_theta":-1})", "c: \"rope_theta\", expected a number from 1 to 1e+15, found -1");
  refused(R"({"rope_theta":1e300})", "c: \"rope_theta\", expected a number from 1 to 1e+15, found 1e+300");
  refused(R"({"rope_theta":10,"rope_parameters":{"rope_theta":20}})",
          "c: \"rope_theta\", expected the same as within the rope settings, 20, found 10");
  refused(R"({"rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_theta":20}})",
          "c: \"rope_scaling\", expected the same as \"rope_parameters\", {\"rope_theta\":20}, found "
          "{\"factor\":2,\"type\":\"linear\"}");
  refused(R"({"rope_parameters":{"full_attention":{"rope_type":"default"}}})",
          "c: \"rope_parameters.full_attention\" is not supported, expected no such key, found "
          "{\"rope_type\":\"default\"}");
  refused(R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,
              "original_max_position_embeddings":8192}})",
          "c: \"rope_scaling.high_freq_factor\", expected more than low_freq_factor, 4, found 4");
  refused(R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4}})",
          "c: \"rope_scaling.original_max_position_embeddings\" is missing");
}

}  // namespace rope_scaling_test
