// Scores, selections, ablations, masks and files of the graph, through the program.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "program.hpp"

namespace method_test {

namespace {

const std::string prompt = "The witch took out of her pocket a";
const std::vector<std::string> base{"--text", prompt, "--sizes", "0.001,0.01,0.1,0.4,1"};

nlohmann::json with(std::vector<std::string> added) {
  added.insert(added.begin(), base.begin(), base.end());
  return program::json_of(added);
}

std::vector<std::string> command(const char* name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), name);
  return arguments;
}

void refused(std::vector<std::string> added, const char* why, int code = 2) {
  added.insert(added.begin(), {"trace", "--text", prompt});
  program::check_refused(program::run(added), code, why);
}

}  // namespace

TEST_CASE("every score rule ranks in its own way and is named in the JSON") {
  std::set<std::string> curves;
  for (const std::string rule : {"l1", "l2", "l1_over_node", "proximity", "proximity_shifted", "cosine", "leverage",
                                 "random", "sensitivity", "share_sensitivity"}) {
    CAPTURE(rule);
    const auto trace = with({"--score", rule});
    CHECK(trace["options"]["score"] == rule);
    CHECK(trace["curve"].back()["tv"] == 0);
    curves.insert(trace["curve"].dump());
  }
  CHECK(curves.size() == 10);
  CHECK(with({"--score", "random", "--seed", "1"})["curve"] != with({"--score", "random", "--seed", "2"})["curve"]);
  CHECK(with({"--score", "leverage", "--leverage-k", "1"})["curve"] != with({"--score", "leverage"})["curve"]);
}

TEST_CASE("selections, frozen components and the published ways") {
  const auto plain = with({});
  CHECK(plain["options"]["selection"] == "best_first");
  const auto random = with({"--select", "random_connected", "--seed", "3"});
  CHECK(random["options"]["seed"] == 3);
  CHECK(random["curve"][2]["edges"] == plain["curve"][2]["edges"]);
  CHECK(random["curve"][2]["tv"] > plain["curve"][2]["tv"]);
  const auto nucleus = program::json_of({"--text", prompt, "--select", "nucleus", "--tau", "0.9"});
  CHECK(nucleus["curve"].size() == 1);
  CHECK(nucleus["options"]["tau"] == 0.9);
  const auto frozen = with({"--freeze", "mlp,L0.H1"});
  CHECK(frozen["options"]["frozen"] == "mlp,L0.H1");
  CHECK(frozen["curve"][1]["edges"] > plain["curve"][1]["edges"]);
  const auto inverse = with({"--inverse"});
  CHECK(inverse["curve"].back()["composition"]["attention"] == 0);
  CHECK(inverse["curve"].back()["composition"]["mlp"] == 0);
  const auto published = with({"--published"});
  CHECK(published["options"]["attention_mask"] == "ignored");
  CHECK(published["options"]["published"]["round_to_half"] == true);
  CHECK(published["curve"] != plain["curve"]);
  CHECK(with({"--published", "--freeze", "mlp"})["curve"][1]["edges"] == plain["curve"][1]["edges"]);

  const auto empty = program::json_of({"--text", prompt, "--select", "threshold", "--tau", "2"});
  CHECK(empty["curve"][0]["edges"] == 0);
  CHECK(empty["curve"][0]["size"] == 0);
  CHECK(empty["density"] == 0);
  const auto both = with({"--published", "--inverse"});
  CHECK(both["published"]["density"].is_number());
  CHECK(both["smallest"]["tv"]["0.5"].is_null());
  CHECK(with({"--published", "--attention-mask", "before_softmax"})["options"]["attention_mask"] == "before_softmax");
  const auto all_directions = with({"--score", "leverage", "--leverage-k", "18446744073709551615"});
  CHECK(all_directions["options"]["leverage_k"].get<std::uint64_t>() == 18446744073709551615U);

  refused({"--select", "threshold"}, "--select threshold needs --tau");
  refused({"--select", "threshold", "--tau", "nan"}, "--tau: is not a number");
  refused({"--select", "threshold", "--tau", "1", "--sizes", "0.1"}, "--sizes does nothing with --select threshold");
  refused({"--select", "random_connected", "--score", "l2"}, "--score does nothing");
  refused({"--seed", "1"}, "--seed goes with");
  refused({"--leverage-k", "2"}, "--leverage-k does nothing");
  refused({"--published", "--ablation", "resample", "--resample-text", prompt}, "which --published does not take");
  refused({"--tau", "1"}, "--tau goes with");
  refused({"--freeze", "L6"}, "component L6: the model has 6 layers");
  refused({"--freeze", "heads"}, "component \"heads\" is not known");
  refused({"--select", "random_connected", "--freeze", "mlp"}, "--freeze does nothing with --select random_connected");
  refused({"--score", "l3"}, "expected l1, l2,");
  refused({"--score", "leverage", "--leverage-k", "0"}, "k is 0");
}

TEST_CASE("masks are written, read back and give the same figures, also on another prompt of their length") {
  const temporary_folder folder;
  const std::string masks = (folder.path() / "masks.json").string(), json = (folder.path() / "e.json").string();
  const auto trace = with({"--masks", masks});
  const auto evaluated = [&](std::vector<std::string> prompt_of, std::vector<std::string> added = {}) {
    prompt_of.insert(prompt_of.end(), {"--mask", masks, "--json", json});
    prompt_of.insert(prompt_of.end(), added.begin(), added.end());
    const auto result = program::run(command("evaluate", prompt_of));
    CAPTURE(result.err);
    REQUIRE(result.code == 0);
    return nlohmann::json::parse(program::content_of(json));
  };
  const auto same = evaluated({"--text", prompt});
  REQUIRE(same["curve"].size() == trace["curve"].size());
  for (std::size_t i = 0; i < same["curve"].size(); ++i) {
    CHECK(same["curve"][i]["edges"] == trace["curve"][i]["edges"]);
    CHECK(same["curve"][i]["composition"] == trace["curve"][i]["composition"]);
    CHECK(std::abs(same["curve"][i]["tv"].get<double>() - trace["curve"][i]["tv"].get<double>()) <= 1e-4);
  }
  CHECK(same["options"]["masks"] == masks);
  const auto noisy = evaluated({"--text", prompt}, {"--noise", "1,3", "--seed", "4"});
  CHECK(noisy["tokens"][0] == same["tokens"][0]);
  CHECK(noisy["tokens"][1] != same["tokens"][1]);
  CHECK(noisy["tokens"][3] != same["tokens"][3]);
  CHECK(noisy["curve"][2]["tv"] != same["curve"][2]["tv"]);
  CHECK(noisy["curve"].back()["tv"] == 0);
  const auto ignored = evaluated({"--text", prompt}, {"--attention-mask", "ignored"});
  CHECK(ignored["curve"][2]["tv"] != same["curve"][2]["tv"]);

  const std::string nothing = (folder.path() / "nothing.json").string();
  static_cast<void>(program::json_of({"--text", prompt, "--select", "threshold", "--tau", "2", "--masks", nothing}));
  REQUIRE(program::run({"evaluate", "--text", prompt, "--mask", nothing, "--json", json}).code == 0);
  const auto of_nothing = nlohmann::json::parse(program::content_of(json));
  CHECK(of_nothing["curve"][0]["edges"] == 0);
  CHECK(of_nothing["options"]["check"] == false);
  CHECK(of_nothing["options"]["selection"].is_null());

  program::check_refused(program::run({"evaluate", "--text", "Once upon a time", "--mask", masks}), 1, "tokens");
  program::check_refused(program::run({"evaluate", "--text", prompt, "--mask", masks, "--noise", "99"}), 2,
                         "noise at token 99");
  program::check_refused(program::run({"evaluate", "--text", prompt, "--mask", masks, "--seed", "1"}), 2, "--noise");
  program::check_refused(program::run({"evaluate", "--text", prompt}), 2, "--mask");
  refused({"--sizes", "0.1,0.2", "--inverse", "--masks", masks}, "not nested");
}

TEST_CASE("edges as a table, a small trace as a drawing") {
  const temporary_folder folder;
  const auto file = [&](const char* name) { return (folder.path() / name).string(); };
  const auto trace = with({"--edges", file("e.csv"), "--dot", file("t.dot"), "--graphml", file("t.graphml"),
                           "--drawn-size", "0.01", "--max-size", "0.1"});
  const std::string csv = program::content_of(file("e.csv"));
  const auto lines = static_cast<std::size_t>(std::count(csv.begin(), csv.end(), '\n'));
  CHECK(lines == trace["curve"].back()["edges"].get<std::size_t>() + 1);
  CHECK(csv.starts_with("position,edge,kind,layer,head,level,source,target,score\n0,"));
  const std::string dot = program::content_of(file("t.dot"));
  CHECK(dot.starts_with("digraph"));
  CHECK(dot.find("witch") == std::string::npos);  // a token that the small trace does not reach
  CHECK(program::content_of(file("t.graphml")).find("<graphml") != std::string::npos);
  static_cast<void>(
      program::json_of({"--text", prompt, "--edges", file("e.npz"), "--select", "threshold", "--tau", "0.1"}));
  CHECK(program::content_of(file("e.npz")).starts_with("PK"));
  refused({"--edges", file("e.txt")}, ".csv or .npz");
  refused({"--drawn-size", "0.1"}, "--drawn-size goes with");
  refused({"--dot", file("x.dot"), "--drawn-size", "0.7"}, "is not one of the sizes");
  CHECK_FALSE(std::filesystem::exists(file("x.dot")));
}

TEST_CASE("mean, resample and mass-mean ablation, frozen patterns and rescaled nodes") {
  const temporary_folder folder;
  const std::string means = (folder.path() / "means").string();
  const std::string prompts = folder
                                  .add("prompts",
                                       "The king took out of his house a horse and went away\tx\n\n"
                                       "short\nOnce upon a time there was a little girl who lived here\n")
                                  .string();
  const auto made = program::run({"reference", "--prompts", prompts, "--tokens", "9", "--out", means});
  CAPTURE(made.err);
  REQUIRE(made.code == 0);
  CHECK(made.out.find("means over 2 prompts of 9 tokens") != std::string::npos);
  CHECK(made.out.find("1 shorter prompts were left out") != std::string::npos);
  const auto skipped = program::run(
      {"reference", "--prompts", prompts, "--tokens", "9", "--out", means + "1", "--skip", "1", "--limit", "1"});
  CHECK(skipped.out.find("means over 1 prompts of 9 tokens") != std::string::npos);
  CHECK(program::content_of(means + "1") != program::content_of(means));
  const auto zero = with({});
  const auto mean = with({"--ablation", "mean", "--reference", means});
  CHECK(mean["options"]["ablation"] == "mean");
  CHECK(mean["curve"].back()["tv"] == 0);
  CHECK(mean["curve"][1]["tv"] != zero["curve"][1]["tv"]);
  const auto own = with({"--ablation", "resample", "--resample-text", prompt});
  for (const auto& point : own["curve"]) CHECK(point["tv"].get<double>() < 1e-3);  // stands in for itself
  const auto other = with({"--ablation", "resample", "--resample-text", "The prince put back into his pocket a"});
  CHECK(other["curve"][1]["tv"].get<double>() > 1e-2);

  const auto frozen = with({"--frozen-pattern"});
  CHECK(frozen["options"]["frozen_pattern"] == true);
  CHECK(frozen["curve"][3]["tv"] != zero["curve"][3]["tv"]);
  CHECK(frozen["curve"].back()["tv"] == 0);
  const std::string mass = (folder.path() / "mass").string();
  const auto small = program::run({"reference", "--prompts", prompts, "--tokens", "9", "--out", mass, "--mass-mean"});
  REQUIRE(small.code == 0);
  CHECK(std::filesystem::file_size(mass) < std::filesystem::file_size(means) / 10);
  const auto own_mass = with({"--ablation", "mass-mean", "--frozen-pattern"});
  CHECK(own_mass["options"]["ablation"] == "mass-mean");
  CHECK(own_mass["curve"][1]["tv"] != frozen["curve"][1]["tv"]);
  const auto stored_mass = with({"--ablation", "mass-mean", "--frozen-pattern", "--reference", mass});
  CHECK(stored_mass["curve"][1]["tv"] != own_mass["curve"][1]["tv"]);
  const auto rescaled = with({"--ablation", "mass-mean", "--frozen-pattern", "--rescale-nodes"});
  CHECK(rescaled["options"]["rescaled_nodes"] == true);
  CHECK(rescaled["curve"][1]["tv"] != own_mass["curve"][1]["tv"]);
  const auto causal = with({"--ablation", "mass-mean", "--frozen-pattern", "--causal-mean"});
  CHECK(causal["options"]["causal_mean"] == true);
  CHECK(causal["curve"][1]["tv"] != own_mass["curve"][1]["tv"]);
  refused({"--ablation", "mass-mean", "--reference", mass, "--causal-mean"}, "without --reference");
  refused({"--causal-mean"}, "--causal-mean goes with --ablation mass-mean");
  refused({"--ablation", "mass-mean", "--reference", means}, "is no file of mean outputs of heads", 1);
  refused({"--ablation", "mean", "--reference", mass}, "is no file of means of edges", 1);
  refused({"--ablation", "mass-mean", "--attention-mask", "before_softmax"}, "after_softmax only");
  refused({"--frozen-pattern", "--attention-mask", "ignored"}, "do not go with --attention-mask ignored");
  refused({"--rescale-nodes", "--published"}, "which --published takes");

  refused({"--ablation", "mean"}, "needs --reference");
  refused({"--ablation", "resample"}, "needs another prompt");
  refused({"--reference", means}, "goes with --ablation mean");
  refused({"--resample-text", prompt}, "go with --ablation resample");
  refused({"--ablation", "resample", "--resample-text", "Once"}, "they must be equally long");
  refused({"--ablation", "mean", "--reference", means, "--attention-mask", "ignored"}, "after_softmax only");
  program::check_refused(program::run({"trace", "--text", prompt + " knife and then she said", "--ablation", "mean",
                                       "--reference", means}),
                         2, "the means of dropped edges are of 9");
  program::check_refused(program::run({"reference", "--prompts", prompts, "--tokens", "90", "--out", means}), 2,
                         "none has 90 tokens");
  program::check_refused(program::run({"trace", "--text", prompt, "--ablation", "mean", "--reference", prompts}), 1,
                         "prompts");
}

}  // namespace method_test
