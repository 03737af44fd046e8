#include "strata/model/sensitivity_file.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "strata/core/error.hpp"
#include "support/temporary_folder.hpp"

namespace sensitivity_file_test {

using nlohmann::json;
using strata::matrix;
using strata::model_shape;

namespace {

const model_shape small{1, 2, 4, 10, 0, strata::block_kind::sequential};

strata::sensitivity_table some_table() {
  strata::sensitivity_table table{small, 3, matrix<double>(3, 6)};
  for (std::size_t i = 0; i < 17; ++i) table.cells.values()[i] = 1 / (static_cast<double>(i) + 3);
  return table;
}

// What reading says of a table that was changed.
std::string refusal(const std::function<void(json&)>& change, const model_shape& model = small) {
  json all = json::parse(strata::sensitivity_text(some_table()));
  change(all);
  try {
    static_cast<void>(strata::sensitivities_in(all.dump(), "s.json", model));
  } catch (const strata::error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a table to a file and back, to the bit; an empty cell is null") {
  const strata::sensitivity_table table = some_table();
  const std::string text = strata::sensitivity_text(table);
  CHECK(json::parse(text)["levels"][2][5].is_null());
  const temporary_folder folder;
  const auto read = strata::read_sensitivities(folder.add("s.json", text), small);
  CHECK(read.prompts == 3);
  CHECK(read.shape == small);
  for (std::size_t i = 0; i < 18; ++i) CHECK(read.cells.values()[i] == table.cells.values()[i]);
  CHECK_THROWS_AS(static_cast<void>(strata::read_sensitivities(folder.path() / "none.json", small)),
                  strata::data_error);
}

TEST_CASE("what is no table, or one of another model, is refused with a sentence") {
  CHECK(refusal([](json&) {}).empty());
  CHECK(refusal([](json& all) { all["more"] = 1; }).empty());
  CHECK(refusal([](json& all) { all = json::array(); }) == "s.json: the key \"kind\" is missing");
  CHECK(refusal([](json& all) { all["kind"] = "strata mask"; }) ==
        "s.json: is no file of sensitivities, such as strata calibrate writes");
  CHECK(refusal([](json& all) { all["schema"] = 2; }) == "s.json: \"schema\" is 2, expected 1");
  CHECK(refusal([](json& all) { all.erase("places"); }) == "s.json: the key \"places\" is missing");
  CHECK(refusal([](json& all) { all["places"][0] = "first"; }).starts_with("s.json: \"places\" are others than"));
  CHECK(refusal([](json& all) { all["prompts"] = 0; }) == "s.json: \"prompts\" is 0, expected a number of 1 or more");
  CHECK(refusal([](json& all) { all["prompts"] = -1; }) == "s.json: \"prompts\" is -1, expected a number of 1 or more");
  CHECK(refusal([](json& all) { all["levels"].erase(2); }) ==
        "s.json: \"levels\" is an array of 2 elements, expected 3 rows");
  CHECK(refusal([](json& all) { all["levels"][1].erase(5); }).starts_with("s.json: level 1 is [0."));
  for (const json& wrong : {json(0), json(-1.5), json("1"), json(true)}) {
    CAPTURE(wrong);
    CHECK(refusal([&](json& all) { all["levels"][1][2] = wrong; }) ==
          "s.json: level 1, place 2 is " + wrong.dump() + ", expected a positive number or null");
  }
  model_shape other = small;
  other.width = 8;
  CHECK(
      refusal([](json&) {}, other)
          .starts_with("s.json: sensitivities of a model of another shape, {\"block\":\"sequential\",\"context\":0,"));
  CHECK_THROWS_AS(static_cast<void>(strata::sensitivities_in("{", "s.json", small)), strata::data_error);
}

}  // namespace sensitivity_file_test
