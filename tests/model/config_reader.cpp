#include "strata/model/config_reader.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

namespace config_reader_test {

using nlohmann::json;
using strata::detail::config_reader;

namespace {

void refused(const std::function<void()>& read, const char* message) {
  CHECK_THROWS_WITH_AS(read(), message, strata::data_error);
}

}  // namespace

TEST_CASE("values of the right type and range are read, null and missing keys are not there") {
  const json object = json::parse(R"({"n":7,"x":0.5,"i":2,"yes":true,"word":"w","none":null})");
  config_reader reader(object, "f");
  CHECK(reader.count("n") == 7);
  CHECK(reader.count("n", 7) == 7);
  CHECK(reader.real("x", 0.5, 1) == 0.5);
  CHECK(reader.real("i", 0, 2) == 2.0);
  CHECK(reader.optional_flag("yes") == true);
  CHECK(reader.optional_text("word") == "w");
  CHECK_FALSE(reader.optional_count("none"));
  CHECK_FALSE(reader.optional_real("absent", 0, 1));
  CHECK_FALSE(reader.optional_flag("none"));
  CHECK_FALSE(reader.optional_text("absent"));
  CHECK(reader.find("none") == nullptr);
}

TEST_CASE("values of another type or outside the range are refused") {
  const json object = json::parse(
      R"({"zero":0,"minus":-3,"half":0.5,"huge":16777217,"more":18446744073709551616,"text":"3","yes":true})");
  config_reader reader(object, "f", "outer");
  const auto count = [&](const char* key) { return [&reader, key] { static_cast<void>(reader.count(key)); }; };
  refused(count("zero"), "f: \"outer.zero\", expected a whole number from 1 to 16777216, found 0");
  refused(count("minus"), "f: \"outer.minus\", expected a whole number from 1 to 16777216, found -3");
  refused(count("half"), "f: \"outer.half\", expected a whole number from 1 to 16777216, found 0.5");
  refused(count("huge"), "f: \"outer.huge\", expected a whole number from 1 to 16777216, found 16777217");
  refused(count("more"), "f: \"outer.more\", expected a whole number from 1 to 16777216, found 1.8446744073709552e+19");
  refused(count("text"), "f: \"outer.text\", expected a whole number from 1 to 16777216, found \"3\"");
  refused(count("yes"), "f: \"outer.yes\", expected a whole number from 1 to 16777216, found true");
  refused(count("absent"), "f: \"outer.absent\" is missing");
  refused([&] { static_cast<void>(reader.real("half", 1, 2)); },
          "f: \"outer.half\", expected a number from 1 to 2, found 0.5");
  refused([&] { static_cast<void>(reader.real("text", 1, 2)); },
          "f: \"outer.text\", expected a number from 1 to 2, found \"3\"");
  refused([&] { static_cast<void>(reader.real("absent", 1, 2)); }, "f: \"outer.absent\" is missing");
  refused([&] { static_cast<void>(reader.optional_flag("zero")); },
          "f: \"outer.zero\", expected true or false, found 0");
  refused([&] { static_cast<void>(reader.optional_text("zero")); }, "f: \"outer.zero\", expected a text, found 0");
  refused([] { config_reader(json::array(), "f"); }, "f: expected an object, found []");
  refused([] { config_reader(json(1), "f", "outer"); }, "f: \"outer\", expected an object, found 1");
}

TEST_CASE("a setting that must be neutral is refused with another value") {
  const json object = json::parse(R"({"one":1.0,"two":2,"window":null,"bits":{"w":4}})");
  config_reader reader(object, "f");
  const strata::detail::neutral_setting fine[] = {{"one", 1}, {"window", nullptr}, {"absent", false}};
  reader.require_neutral(fine);
  const strata::detail::neutral_setting two[] = {{"two", 1}};
  refused([&] { reader.require_neutral(two); }, "f: \"two\" is not supported, expected 1 or no such key, found 2");
  const strata::detail::neutral_setting bits[] = {{"bits", nullptr}};
  refused([&] { reader.require_neutral(bits); }, "f: \"bits\" is not supported, expected no such key, found {\"w\":4}");
}

TEST_CASE("keys that were neither read nor ignored are reported, unless they are null") {
  const json object = json::parse(R"({"read":1,"ignored":2,"new":[3],"unset":null})");
  config_reader reader(object, "f");
  static_cast<void>(reader.count("read"));
  reader.ignore({"ignored", "not there"});
  std::vector<std::string> warnings;
  reader.warn_of_unknown_keys(warnings);
  CHECK(warnings == std::vector<std::string>{"f: unknown key \"new\" with value [3] is ignored; the model may compute "
                                             "something else with it"});
}

}  // namespace config_reader_test
