// The bundled model's known answers, and the traces that the documentation shows.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "program.hpp"

namespace {

const std::string witch = "The poor woman could not help it, and she began to weep bit";
const std::string fox = "'I will help you,' said the fox, 'if you will do as I tell";

const nlohmann::json& first_faithful(const nlohmann::json& trace, double bound) {
  for (const auto& point : trace["curve"])
    if (point["tv"] < bound) return point;
  return trace["curve"].back();
}

}  // namespace

TEST_CASE("all prompts of examples/model/prompts.tsv: tokens, entropy and the five best tokens") {
  std::ifstream file(program::example_model + "/prompts.tsv");
  std::string line;
  std::getline(file, line);
  int prompts = 0;
  while (std::getline(file, line)) {
    std::vector<std::string> fields;
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, '\t');) fields.push_back(cell);
    REQUIRE(fields.size() >= 15);
    const auto prompt = nlohmann::json::parse(fields[1]).get<std::string>();
    CAPTURE(prompt);
    const auto trace = program::json_of({"--text", prompt, "--sizes", "1"});
    CHECK(trace["tokens"].size() == std::stoul(fields[2]));
    CHECK(std::abs(trace["entropy"].get<double>() - std::stod(fields[4])) <= 0.002);
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(trace["top"][i]["piece"] == nlohmann::json::parse(fields[5 + 2 * i]));
      CHECK(std::abs(trace["top"][i]["probability"].get<double>() - std::stod(fields[6 + 2 * i])) <= 0.002);
    }
    std::string joined;
    for (const auto& piece : trace["pieces"]) joined += piece.get<std::string>();
    CHECK(joined == prompt);
    ++prompts;
  }
  CHECK(prompts == 20);
}

TEST_CASE("\"bit\" is continued by \"ter\" from 15 of 5,148 edges") {
  const auto trace = program::json_of({"--text", witch});
  CHECK(trace["edges_total"] == 5148);
  const auto& point = first_faithful(trace, 0.2);
  CHECK(point["edges"] == 15);
  CHECK(point["tv"].get<double>() == doctest::Approx(0.04).epsilon(0.13));
  CHECK(point["top1"] == true);
  CHECK(point["top_piece"] == "ter");
  CHECK(trace["smallest"]["tv"]["0.2"] == 0.003);

  const std::string out = program::run({"trace", "--text", witch}).out;
  CAPTURE(out);
  for (const char* part : {"The| poor| woman", "15 tokens", "\"ter\" 97.9 %", "reaches no input", "15 of 5,148 edges",
                           "attention ", "residual ", "first quarter of the layers", "Density 2.40 of 5"})
    CHECK(out.find(part) != std::string::npos);
}

TEST_CASE("\"as I tell\" is continued by \" you\" from about 145 of 7,257 edges") {
  const auto trace = program::json_of({"--text", fox});
  CHECK(trace["edges_total"] == 7257);
  const auto& point = first_faithful(trace, 0.2);
  CHECK(std::abs(point["edges"].get<double>() - 145) <= 5);
  CHECK(std::abs(point["tv"].get<double>() - 0.15) <= 0.01);
  CHECK(point["top_piece"] == " you");
  CHECK(point["nucleus"].get<int>() > 0);
}

TEST_CASE("info: shape, parameters and edges of the bundled model") {
  const auto whole = program::run({"info"});
  CHECK(whole.code == 0);
  for (const char* part : {"llama, sequential", "1,369,728", "2,048", "8 (4 for keys and values) of width 16",
                           "1,321,731 for a prompt of 256 tokens"})
    CHECK(whole.out.find(part) != std::string::npos);
  CHECK(program::run({"info", "--tokens", "15"}).out.find("5,148 for a prompt of 15 tokens\n") != std::string::npos);
  CHECK(program::run({"info", "--tokens", "1"}).out.find("66 for a prompt of 1 token\n") != std::string::npos);
}

TEST_CASE("info: memory and time of a trace, before it runs") {
  const auto has = [](std::vector<std::string> arguments, const std::string& part) {
    arguments.insert(arguments.begin(), "info");
    const auto result = program::run(arguments);
    CAPTURE(result.out);
    CHECK(result.code == 0);
    CHECK(result.out.find(part) != std::string::npos);
  };
  has({"--threads", "1"}, " for a trace and 5.5 MB for expanded weights; scores are stored\n");
  has({"--max-memory", "1M"}, "weights expanded layer by layer; scores are");
  has({"--max-memory", "1M"}, "; above the bound of 1.0 MB, it would be refused\n");
  has({}, " plain runs at most: ");
  has({}, " to order, up to 26 with masks\n");
  has({"--max-size", "0.001"}, "up to 9 with masks\n");
}

TEST_CASE("info of a model whose context is stretched to the longest that is read") {
  const program::model_copy model;
  model.set_config("max_position_embeddings", 16777216);
  const auto result = program::run({"info", "--model", model.path()});
  CHECK(result.code == 0);
  CHECK(result.out.find("edges        5,629,500,255,633,411 for a prompt of 16777216 tokens") != std::string::npos);
  CHECK(result.out.find(" TB for a trace") != std::string::npos);
  CHECK(result.out.find("\ntime ") != std::string::npos);
}

TEST_CASE("help and version") {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--help"}, {"trace", "--help"}, {"info", "--help"}, {"--version"}}) {
    const auto result = program::run(arguments);
    CHECK(result.code == 0);
    CHECK(result.err.empty());
    CHECK(result.out.size() > 5);
  }
  CHECK(program::run({"--version"}).out.starts_with("strata "));
}
