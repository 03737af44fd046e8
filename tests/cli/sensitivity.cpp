// Scores by sensitivity, and the tables that strata calibrate makes, through the program.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "program.hpp"

namespace sensitivity_test {

namespace {

const std::string prompt = "The witch took out of her pocket a";

nlohmann::json with(std::vector<std::string> added) {
  added.insert(added.begin(), {"--text", prompt, "--sizes", "0.01,0.1,0.4,1"});
  return program::json_of(added);
}

void refused(std::vector<std::string> added, const char* why) {
  added.insert(added.begin(), {"trace", "--text", prompt});
  program::check_refused(program::run(added), 2, why);
}

// Prompts as in the file of the bundled model: more after a tab, and an empty line.
std::string prompts_in(const temporary_folder& folder) {
  return folder
      .add("prompts", "Once upon a time there was a king\twho\n\nThe wolf said to the old woman\nOne day the prince\n")
      .string();
}

}  // namespace

TEST_CASE("sensitivities from backward passes: of the top token, of several, of random signs") {
  const auto top = with({"--score", "sensitivity"});
  CHECK(top["options"]["sensitivity"] == "top:1");
  CHECK(top["curve"].back()["tv"] == 0);
  CHECK(with({"--score", "sensitivity", "--sensitivity-of", "top:1"})["curve"] == top["curve"]);
  const auto five = with({"--score", "sensitivity", "--sensitivity-of", "top:5"});
  CHECK(five["options"]["sensitivity"] == "top:5");
  CHECK(five["curve"] != top["curve"]);
  CHECK(with({"--score", "sensitivity", "--sensitivity-of", "random:2"})["curve"] != top["curve"]);
  CHECK(with({"--score", "l2"})["options"]["sensitivity"].is_null());
}

TEST_CASE("calibrate makes a table that a trace reads; of fewer or shorter prompts it is another") {
  const temporary_folder folder;
  const std::string prompts = prompts_in(folder), file = (folder.path() / "s.json").string();
  const auto made = program::run({"calibrate", "--prompts", prompts, "--out", file});
  REQUIRE(made.code == 0);
  CHECK(made.err.empty());
  CHECK(made.out.find("over 3 prompts") != std::string::npos);
  const auto table = nlohmann::json::parse(program::content_of(file));
  CHECK(table["prompts"] == 3);
  CHECK(table["kind"] == "strata sensitivities");

  const auto trace = with({"--score", "share_sensitivity", "--sensitivity", file});
  CHECK(trace["options"]["sensitivity"] == file);
  CHECK(trace["curve"].back()["tv"] == 0);
  CHECK(trace["curve"] != with({"--score", "share_sensitivity"})["curve"]);
  CHECK(trace["curve"] != with({"--score", "l1"})["curve"]);

  const std::string other = (folder.path() / "other.json").string();
  REQUIRE(program::run({"calibrate", "--prompts", prompts, "--out", other, "--limit", "1"}).code == 0);
  const auto one = nlohmann::json::parse(program::content_of(other));
  CHECK(one["prompts"] == 1);
  CHECK(one["levels"] != table["levels"]);
  REQUIRE(program::run({"calibrate", "--prompts", prompts, "--out", other, "--tokens", "3"}).code == 0);
  const auto shorter = nlohmann::json::parse(program::content_of(other));
  CHECK(shorter["levels"][0][2].is_null());  // no token is further than one from the last, but the first
  CHECK_FALSE(shorter["levels"][0][5].is_null());
}

TEST_CASE("tables of other models, and options that say nothing, are refused") {
  const temporary_folder folder;
  const std::string prompts = prompts_in(folder), file = (folder.path() / "s.json").string();
  REQUIRE(program::run({"calibrate", "--prompts", prompts, "--out", file, "--limit", "1"}).code == 0);
  auto table = nlohmann::json::parse(program::content_of(file));
  table["shape"]["heads"] = 77;
  const std::string foreign = folder.add("foreign.json", table.dump()).string();
  refused({"--score", "sensitivity", "--sensitivity", foreign}, "sensitivities of a model of another shape");
  refused({"--sensitivity", file}, "--sensitivity goes with --score sensitivity and --score share_sensitivity");
  refused({"--sensitivity-of", "top:2"}, "--sensitivity-of goes with --score sensitivity");
  refused({"--score", "sensitivity", "--sensitivity", file, "--sensitivity-of", "top:2"}, "only one of them");
  refused({"--score", "sensitivity", "--sensitivity-of", "best"}, "expected top:K or random:N");
  refused({"--score", "sensitivity", "--sensitivity-of", "top:0"}, "--sensitivity-of: 0, expected at least 1");
  refused({"--minus-dropped"}, "--minus-dropped goes with --ablation mean");
  program::check_refused(program::run({"trace", "--text", prompt, "--score", "sensitivity", "--sensitivity", prompts}),
                         1, "malformed JSON");
  program::check_refused(program::run({"calibrate", "--prompts", prompts, "--out", file, "--limit", "0"}), 2,
                         "--limit: 0, expected at least 1");
  program::check_refused(program::run({"calibrate", "--prompts", folder.add("none", "\n\n").string(), "--out", file}),
                         2, "holds no prompts");
}

TEST_CASE("scores of what an edge contributes minus what stands for it") {
  const std::vector<std::string> resample{"--ablation", "resample", "--resample-text",
                                          "The tailor took out of his basket a"};
  std::vector<std::string> arguments{"--score", "sensitivity"};
  arguments.insert(arguments.end(), resample.begin(), resample.end());
  const auto plain = with(arguments);
  arguments.push_back("--minus-dropped");
  const auto minus = with(arguments);
  CHECK(plain["options"]["minus_dropped"] == false);
  CHECK(minus["options"]["minus_dropped"] == true);
  CHECK(minus["curve"] != plain["curve"]);
  CHECK(minus["curve"].back()["tv"] == 0);
}

}  // namespace sensitivity_test
