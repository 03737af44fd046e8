// strata compare-searches and strata trace --controls, through the program.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "program.hpp"

namespace compare_searches_test {

namespace {

const std::string prompts =
    "Once upon a time there was a king\twho\n\nThe wolf said to the old woman that\nOne day\nThe witch took out of her "
    "pocket a golden\n";

nlohmann::json compared(std::vector<std::string> added, const std::string& file_text = prompts) {
  const temporary_folder folder;
  const std::string file = folder.add("prompts", file_text).string(), json = (folder.path() / "c.json").string();
  added.insert(added.begin(), {"compare-searches", "--prompts", file, "--tokens", "6", "--json", json});
  const auto result = program::run(added);
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  CHECK(result.err.empty());
  auto made = nlohmann::json::parse(program::content_of(json));
  made["out"] = result.out;
  return made;
}

void refused(std::vector<std::string> added, const char* why) {
  const temporary_folder folder;
  added.insert(added.begin(), {"compare-searches", "--prompts", folder.add("prompts", prompts).string()});
  program::check_refused(program::run(added), 2, why);
}

void trace_refused(std::vector<std::string> added, const char* why) {
  added.insert(added.begin(), {"trace", "--text", "Once upon a time"});
  program::check_refused(program::run(added), 2, why);
}

}  // namespace

TEST_CASE("searches side by side, greedy first, with controls of the last one") {
  const auto all = compared({"--searches", "sensitivity,nested-swap:3x2"});
  CHECK(all["prompts"] == 3);
  REQUIRE(all["searches"].size() == 3);
  CHECK(all["searches"][0]["name"] == "greedy");
  CHECK(all["searches"][0]["tv_area_minus_greedy"] == 0);
  CHECK(all["searches"][2]["name"] == "nested-swap:3x2");
  for (const auto& of : all["searches"]) {
    CHECK(of["tv"].size() == 8);
    CHECK(of["tv"]["1"] == 0);
    CHECK(of["areas"].size() == 3);
    CHECK(of["plain_passes"].get<double>() > 0);
  }
  CHECK(all["searches"][2]["tv_area"].get<double>() < all["searches"][0]["tv_area"].get<double>());
  REQUIRE(all["controls"].size() == 7);
  CHECK(all["controls"][1]["name"] == "wrong target");
  const auto out = all["out"].get<std::string>();
  for (const char* part : {"3 prompts of 6 tokens", "nested-swap:3x2", "no-attention column", "1 shorter prompts"})
    CHECK(out.find(part) != std::string::npos);

  // One of its prompts traced alone is the same.
  const auto alone = compared({"--searches", "nested-swap:3x2", "--limit", "1", "--no-controls"});
  CHECK(alone["searches"][1]["areas"][0] == all["searches"][2]["areas"][0]);
  CHECK(alone["searches"][1]["se"].is_null());
  CHECK(alone["controls"].empty());
  const auto last = compared({"--searches", "nested-swap:3x2", "--skip", "1", "--limit", "1", "--no-controls"});
  CHECK(last["searches"][1]["areas"][0] == all["searches"][2]["areas"][1]);
}

TEST_CASE("a search is that of strata trace, also where something stands for dropped edges") {
  const std::vector<std::string> replaced{"--ablation", "mass-mean", "--frozen-pattern", "--rescale-nodes"};
  for (const bool with : {false, true}) {
    std::vector<std::string> trace{"--text",  "Once upon a time there was a",       "--search", "nested-swap",
                                   "--sizes", "0.001,0.003,0.01,0.03,0.1,0.2,0.4,1"};
    std::vector<std::string> compare{"--searches", "nested-swap", "--no-controls", "--tokens", "7"};
    if (with) trace.insert(trace.end(), replaced.begin(), replaced.end());
    if (with) compare.insert(compare.end(), replaced.begin(), replaced.end());
    const auto one = program::json_of(trace);
    compare.push_back("--sizes");
    compare.push_back("0.001,0.003,0.01,0.03,0.1,0.2,0.4,1");
    const temporary_folder folder;
    const std::string file = folder.add("prompts", "Once upon a time there was a").string(),
                      json = (folder.path() / "c.json").string();
    compare.insert(compare.begin(), {"compare-searches", "--prompts", file, "--json", json});
    REQUIRE(one["tokens"].size() == 7);
    REQUIRE(program::run(compare).code == 0);
    const auto made = nlohmann::json::parse(program::content_of(json));
    CHECK(made["searches"][1]["tv_area"] == one["tv_area"]);
    CHECK(made["options"]["rescaled_nodes"] == with);
  }
}

TEST_CASE("a table of sensitivities is a search, too") {
  const temporary_folder folder;
  const std::string file = (folder.path() / "s.json").string();
  const auto made = program::run({"calibrate", "--prompts", folder.add("p", prompts).string(), "--out", file});
  REQUIRE(made.code == 0);
  const auto all = compared({"--searches", "table", "--sensitivity", file, "--no-controls"});
  CHECK(all["searches"][1]["name"] == "table");
  refused({"--tokens", "6", "--searches", "table"}, "needs --sensitivity FILE");
}

TEST_CASE("what cannot be is refused") {
  refused({"--tokens", "6", "--searches", "greedier"}, "there is no search \"greedier\"");
  refused({"--tokens", "6", "--searches", "sensitivity,"}, "there is no search \"\"");
  refused({"--tokens", "0"}, "--tokens: 0");
  refused({"--tokens", "6", "--limit", "0"}, "--limit: 0");
  refused({"--tokens", "60"}, "of 4 prompts none has 60 tokens");
  refused({"--tokens", "6", "--limit", "1"}, "has to have two prompts, or give --no-controls");
  refused({"--tokens", "6", "--searches", "nested-swap", "--sensitivity", "none.json"}, "goes with the search table");
  refused({"--tokens", "6", "--searches", "sensitivity", "--objective", "kl"}, "goes with the searches nested-swap");
  refused({"--tokens", "6", "--searches", "sensitivity", "--max-memory", "100K"}, "a trace of 6 tokens takes");
  refused({"--tokens", "6", "--ablation", "resample", "--resample-text", "a"}, "about one prompt");
  refused({"--tokens", "6", "--sizes", "0.1,0.01"}, "0.01");
  refused({"--tokens", "6", "--sizes", "0.1"}, "two sizes or more");
  refused({"--tokens", "6", "--skip", "4"}, "no prompts behind those that --skip leaves out");
}

TEST_CASE("controls of one trace") {
  const std::string prompt = "Once upon a time there was a";
  const auto all = program::json_of({"--text", prompt, "--search", "nested-swap", "--budget", "17", "--controls"});
  REQUIRE(all["controls"].size() == 7);
  CHECK(all["controls"][4]["name"] == "embedding swap");
  CHECK(all["controls"][4]["tv"]["1"].get<double>() ==
        doctest::Approx(all["controls"][0]["tv"]["1"].get<double>()).epsilon(1e-5));  // zero ablation, all edges
  CHECK(all["controls"][3]["tv"]["1"] == 0);
  CHECK_FALSE(program::json_of({"--text", prompt}).contains("controls"));
  const auto other =
      program::json_of({"--text", prompt, "--controls", "--control-text", "The wolf said to the old woman"});
  CHECK(other["controls"][0] != all["controls"][0]);
  const auto out = program::run({"trace", "--text", prompt, "--controls", "--max-size", "0.2"}).out;
  CHECK(out.find("this trace") != std::string::npos);
  CHECK(out.find("context swap") != std::string::npos);

  trace_refused({"--control-text", "a"}, "goes with --controls");
  trace_refused({"--controls", "--control-text", "a"}, "as long or longer");
  trace_refused({"--controls", "--score", "l2"}, "not with --score");
  trace_refused({"--controls", "--select", "threshold", "--tau", "0.1"}, "not with --select");
  trace_refused({"--controls", "--max-size", "0.002"}, "it has to be 0.003 or more");
}

}  // namespace compare_searches_test
