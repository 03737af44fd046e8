#include "strata/model/json_text.hpp"

#include <doctest/doctest.h>

#include <string>

namespace json_text_test {

using nlohmann::json;
using strata::detail::in_quotes;
using strata::detail::parse_json;
using strata::detail::shown;

namespace {

void refused(const std::string& text, const char* message) {
  CHECK_THROWS_WITH_AS(static_cast<void>(parse_json(text, "f")), message, strata::data_error);
}

}  // namespace

TEST_CASE("well-formed JSON is read") {
  CHECK(parse_json(R"({"a":[1,{"a":2}],"b":{"a":3}} )", "f") == json{{"a", {1, {{"a", 2}}}}, {"b", {{"a", 3}}}});
  CHECK(parse_json(R"([{"a":1},{"a":1}])", "f").size() == 2);
}

TEST_CASE("malformed JSON is refused with the place") {
  refused("", "f: malformed JSON or UTF-8 at byte 1 of 0");
  refused("{\"a\":1", "f: malformed JSON or UTF-8 at byte 7 of 6");
  refused("{} x", "f: malformed JSON or UTF-8 at byte 4 of 4");
  refused("{\"a\xff\":1}", "f: malformed JSON or UTF-8 at byte 4 of 8");
  refused("{\"\xc0\xaf\":1}", "f: malformed JSON or UTF-8 at byte 3 of 8");
  refused("[NaN]", "f: malformed JSON or UTF-8 at byte 2 of 5");
  refused("[1e999]", "f: malformed JSON, a number is outside the range of a double");
  refused(std::string("{}\0", 3), "f: malformed JSON or UTF-8 at byte 3 of 3");
}

TEST_CASE("a key that occurs twice in one object is refused") {
  refused(R"({"a":1,"b":2,"a":3})", "f: the key \"a\" occurs twice");
  refused(R"({"x":{"a":1,"\u0061":3}})", "f: the key \"a\" occurs twice");
  refused(R"([[{"k":[{"k":0}],"k":1}]])", "f: the key \"k\" occurs twice");
}

TEST_CASE("nesting is bounded") {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  CHECK(parse_json(nested(64), "f").size() == 1);
  refused(nested(65), "f: JSON is nested deeper than 64 levels");
  refused(std::string(1000000, '['), "f: JSON is nested deeper than 64 levels");
}

TEST_CASE("texts and values in messages are escaped and kept short") {
  CHECK(in_quotes("a\nb\"") == R"("a\nb\"")");
  CHECK(in_quotes("é") == "\"é\"");
  CHECK(in_quotes("\xff") == "\"\xef\xbf\xbd\"");
  CHECK(in_quotes(std::string(300, 'x')) == '"' + std::string(200, 'x') + "…\"");
  CHECK(shown(json("text")) == "\"text\"");
  CHECK(shown(json{1, 2.5, nullptr}) == "[1,2.5,null]");
  CHECK(shown(json::parse(R"({"a":1})")) == R"({"a":1})");
  CHECK(shown(json::parse("[[1],2]")) == "an array of 2 elements");
  CHECK(shown(json(std::vector<int>(9))) == "an array of 9 elements");
  CHECK(shown(json::parse(R"({"a":{}})")) == "an object of 1 elements");
  CHECK(shown(json{std::string(300, 'x')}) == "[\"" + std::string(78, 'x') + "…");
}

}  // namespace json_text_test
