// strata trace --search, through the program.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "program.hpp"

namespace search_test {

namespace {

const std::string prompt = "Once upon a time there was a";

nlohmann::json with(std::vector<std::string> added) {
  added.insert(added.begin(), {"--text", prompt, "--sizes", "0.02,0.05,0.1,0.2,1"});
  return program::json_of(added);
}

void refused(std::vector<std::string> added, const char* why) {
  added.insert(added.begin(), {"trace", "--text", prompt});
  program::check_refused(program::run(added), 2, why);
}

}  // namespace

TEST_CASE("greedy is the default, sensitivity that score, nested swap finds what is closer to the prediction") {
  const auto greedy = with({});
  CHECK(greedy["swap"].is_null());
  CHECK(with({"--search", "greedy"})["curve"] == greedy["curve"]);
  const auto sensitivity = with({"--search", "sensitivity"});
  CHECK(sensitivity["options"]["score"] == "sensitivity");
  CHECK(sensitivity["curve"] == with({"--score", "sensitivity"})["curve"]);
  const auto swap = with({"--search", "nested-swap"});
  CHECK(swap["options"]["score"] == "sensitivity");
  CHECK(swap["options"]["swap"]["objective"] == "kl");
  CHECK(swap["swap"]["steps"].size() == 8);
  CHECK(swap["swap"]["evaluations"] > 8);
  CHECK(swap["tv_area"].get<double>() < greedy["tv_area"].get<double>() - 0.1);
  const auto budget = with({"--search", "nested-swap", "--budget", "4"});
  CHECK(budget["swap"]["evaluations"] <= 4);
  CHECK(budget["options"]["swap"]["budget"] == 4);
  const auto trying = with({"--search", "trying-swaps"});
  CHECK(trying["options"]["swap"]["tried"].size() == 3);
  CHECK(swap["swap"]["trials"] == 0);
  CHECK(trying["swap"]["trials"] > 8);
  CHECK(trying["tv_area"].get<double>() < greedy["tv_area"].get<double>() - 0.1);
  const auto variation = with({"--search", "nested-swap", "--objective", "total_variation", "--score", "l1"});
  CHECK(variation["options"]["swap"]["objective"] == "total_variation");
  CHECK(variation["options"]["score"] == "l1");
}

TEST_CASE("with what stands for dropped edges the scores are of the difference") {
  const auto mass = with({"--search", "sensitivity", "--ablation", "mass-mean", "--frozen-pattern"});
  CHECK(mass["options"]["minus_dropped"] == true);
  CHECK(mass["curve"] ==
        with({"--score", "sensitivity", "--minus-dropped", "--ablation", "mass-mean", "--frozen-pattern"})["curve"]);
  const auto swap = with({"--search", "nested-swap", "--ablation", "mass-mean", "--frozen-pattern", "--rescale-nodes"});
  CHECK(swap["tv_area"].get<double>() < mass["tv_area"].get<double>());
}

TEST_CASE("the greedy trace says when a search by gradients finds a much smaller one") {
  const auto out = program::run({"trace", "--text", prompt}).out;
  CHECK(out.find("add --search nested-swap") != std::string::npos);
  for (const std::vector<std::string>& added : {std::vector<std::string>{"--search", "greedy"}, {"--score", "l2"}}) {
    std::vector<std::string> arguments{"trace", "--text", prompt};
    arguments.insert(arguments.end(), added.begin(), added.end());
    CHECK(program::run(arguments).out.find("add --search") == std::string::npos);
  }
}

TEST_CASE("searches that make no sense are refused") {
  refused({"--budget", "4"}, "--budget goes with --search nested-swap");
  refused({"--search", "nested-swap", "--budget", "1"}, "expected at least 2");
  refused({"--search", "sensitivity", "--objective", "kl"}, "--objective goes with --search nested-swap");
  refused({"--search", "sensitivity", "--score", "l2"}, "--search sensitivity goes with --score sensitivity");
  refused({"--search", "nested-swap", "--select", "top_scores"}, "gives an order of edges");
  refused({"--search", "nested-swap", "--freeze", "mlp"}, "without frozen components");
  refused({"--search", "nested-swap", "--published"}, "--published is about the greedy search");
  refused({"--search", "best"}, "expected greedy, sensitivity, nested-swap or trying-swaps");
}

}  // namespace search_test
