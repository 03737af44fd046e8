#include "strata/text/json_place.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace json_place_test {

using nlohmann::json;
using strata::detail::describe;
using strata::detail::json_place;

TEST_CASE("values in messages are short") {
  CHECK(describe(json(1.5)) == "1.5");
  CHECK(describe(json(nullptr)) == "null");
  CHECK(describe(json("ab")) == "\"ab\"");
  CHECK(describe(json({1, 2})) == "an array of 2 values");
  CHECK(describe(json({{"a", 1}})) == "an object of 1 keys");
  const std::string long_text(100, 'a');
  CHECK(describe(json(long_text)) == '"' + std::string(60, 'a') + "…\"");
  CHECK(describe(json(std::string(59, 'a') + "日日")) == '"' + std::string(59, 'a') + "…\"");
}

TEST_CASE("places know their path") {
  const json document = json::parse(R"({"a": {"b": [1, "x", null, true]}})");
  const json_place root(document, "f");
  const auto list = root["a"]["b"];
  CHECK(list.size() == 4);
  CHECK(list.element(0).index_below(2) == 1);
  CHECK(list.element(1).text() == "x");
  CHECK(list.element(2).is_null());
  CHECK(list.element(3).truth());
  CHECK(root.find("c").is_null());
  CHECK(root.find("c").truth_or(true));
  const auto fails = [](auto use, const char* message) { CHECK_THROWS_WITH_AS(use(), message, strata::data_error); };
  fails([&] { return list.element(0).index_below(1); }, "f: key \"a.b[0]\" is 1, expected a whole number below 1");
  fails([&] { return list.element(1).truth(); }, "f: key \"a.b[1]\" is \"x\", expected true or false");
  fails([&] { return list.text(); }, "f: key \"a.b\" is an array of 4 values, expected a string");
  fails([&] { return list["k"].is_null(); }, "f: key \"a.b\" is an array of 4 values, expected an object");
  fails([&] { return root["a"]["k"].is_null(); }, "f: key \"a\" lacks \"k\"");
  fails([&] { return root["a"].list().size(); }, "f: key \"a\" is an object of 1 keys, expected an array");
}

TEST_CASE("sequences are flattened") {
  const json document = json::parse(R"({"type": "Sequence", "list": [
      {"type": "a"}, {"type": "Sequence", "list": [{"type": "b"}, {"type": "c"}]}, {"type": "Sequence", "list": []}]})");
  std::string types;
  for (const auto& part : sequence_parts(json_place(document, "f"), "list")) types += part["type"].text();
  CHECK(types == "abc");
  const json none;
  CHECK(sequence_parts(json_place(none, "f"), "list").empty());
}

}  // namespace json_place_test
