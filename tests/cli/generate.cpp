// strata generate: a text that goes on, and the trace of each token.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "program.hpp"

namespace generate_test {

using program::check_refused;
using program::run;

namespace {

const std::string prompt = "Once upon a time there was a";

program::outcome generate(std::vector<std::string> added) {
  added.insert(added.begin(), {"generate", "--text", prompt});
  return run(added);
}

nlohmann::json json_of(std::vector<std::string> arguments) {
  const temporary_folder folder;
  const std::string file = (folder.path() / "generation.json").string();
  arguments.insert(arguments.begin(), "generate");
  arguments.insert(arguments.end(), {"--json", file});
  const program::outcome result = run(arguments);
  REQUIRE(result.code == 0);
  CHECK(result.err.empty());
  return nlohmann::json::parse(program::content_of(file));
}

std::string text_of(const nlohmann::json& tokens) {
  std::string text;
  for (const auto& token : tokens) text += token["piece"].get<std::string>();
  return text;
}

std::vector<int> ids_of(const nlohmann::json& tokens) {
  std::vector<int> ids;
  for (const auto& token : tokens) ids.push_back(token["token"]);
  return ids;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("greedy: every token is what a trace of the text so far predicts, and its trace is that trace") {
  const auto generated = json_of({"--text", prompt, "--length", "6"});
  CHECK(generated["schema"] == 1);
  CHECK(text_of(generated["prompt"]) == prompt);
  REQUIRE(generated["steps"].size() == 6);
  CHECK(text_of(generated["steps"]) == " little house in the middle of");
  CHECK(generated["options"]["temperature"] == 0);
  CHECK(generated["options"]["ends"].size() == 1);
  std::string text = prompt;
  for (const auto& step : generated["steps"]) {
    const auto traced = program::json_of({"--text", text});
    CHECK(step["token"] == traced["top"][0]["token"]);
    CHECK(step["probability"].get<double>() ==
          doctest::Approx(traced["top"][0]["probability"].get<double>()).epsilon(1e-4));
    CHECK(step["entropy"].get<double>() == doctest::Approx(traced["entropy"].get<double>()).epsilon(1e-4));
    auto shortened = traced;
    for (const char* said_once : {"schema", "version", "model", "options", "tokens", "pieces"})
      CHECK(shortened.erase(said_once) == 1);
    CHECK(step["trace"] == shortened);
    text += step["piece"].get<std::string>();
  }
}

TEST_CASE("what is printed: a line for each token, the text and the densities") {
  const auto generated = json_of({"--text", prompt, "--length", "20"});
  const auto result = generate({});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  CHECK_FALSE(has(result.out, "\033"));
  std::istringstream lines(result.out);
  std::string line;
  std::getline(lines, line);
  CHECK(line.starts_with("      token "));
  for (const auto& step : generated["steps"]) {
    std::getline(lines, line);
    CHECK((has(line, '"' + step["piece"].get<std::string>() + '"') || has(line, "\"\\n\"")));
    char density[32];
    std::snprintf(density, sizeof density, "%.2f", step["trace"]["density"].get<double>());
    CHECK(has(line, density));
    const auto& size = step["trace"]["smallest"]["tv"]["0.2"];
    CHECK(has(line, "size " + (size.is_null() ? "" : size.dump())));
  }
  CHECK(has(result.out, "\n\n" + prompt + " little house in the middle of the wood, and the little girl"));
  CHECK(has(result.out, "\nDensity "));
  CHECK(has(result.out, ", mean "));
}

TEST_CASE("README shows what is printed; of densities and sizes the last digits may differ on another processor") {
  const std::string command =
      "generate --text \"The poor woman could not help it, and she began to weep bit\" --length 8\n```\n\n```\n";
  const std::string readme = program::content_of(STRATA_SOURCE_DIR "/README.md");
  const std::size_t begin = readme.find(command);
  REQUIRE(begin != std::string::npos);
  std::istringstream shown(readme.substr(begin + command.size()));
  std::istringstream printed(
      run({"generate", "--text", "The poor woman could not help it, and she began to weep bit", "--length", "8"}).out);
  int lines = 0;
  for (std::string line, in_readme; std::getline(printed, line); ++lines) {
    REQUIRE(std::getline(shown, in_readme));
    const std::size_t same = line.starts_with("   ") ? 48 : line.starts_with("Density") ? 7 : std::string::npos;
    CHECK(in_readme.substr(0, same) == line.substr(0, same));
  }
  CHECK(lines == 13);
  std::string end;
  CHECK(std::getline(shown, end));
  CHECK(end == "```");
}

TEST_CASE("the length, and which tokens are traced") {
  const auto traced = [](const nlohmann::json& generated) {
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < generated["steps"].size(); ++i)
      if (!generated["steps"][i]["trace"].is_null()) numbers.push_back(i);
    return numbers;
  };
  const std::vector<std::string> seven{"--text", prompt, "--sizes", "0.1,1", "--length", "7"};
  const auto with = [&](const char* every) {
    std::vector<std::string> arguments = seven;
    arguments.insert(arguments.end(), {"--every", every});
    return json_of(arguments);
  };
  CHECK(traced(json_of(seven)).size() == 7);
  CHECK(traced(with("3")) == std::vector<std::size_t>{0, 3, 6});
  CHECK(traced(with("100")) == std::vector<std::size_t>{0});
  CHECK(traced(with("0")).empty());
  CHECK(with("0")["options"]["sizes"].is_null());
  CHECK(text_of(with("0")["steps"]) == text_of(json_of(seven)["steps"]));
  CHECK_FALSE(has(generate({"--every", "0"}).out, "ensity"));
}

TEST_CASE("sizes and what dropping means are those of a trace") {
  const auto generated = json_of({"--text", prompt, "--length", "2", "--sizes", "0.01,0.1,1", "--max-size", "0.1",
                                  "--attention-mask", "before_softmax"});
  CHECK(generated["options"]["sizes"] == nlohmann::json{0.01, 0.1});
  CHECK(generated["options"]["attention_mask"] == "before_softmax");
  auto traced = program::json_of({"--text", prompt, "--sizes", "0.01,0.1", "--attention-mask", "before_softmax"});
  CHECK(generated["steps"][0]["trace"]["curve"] == traced["curve"]);
  // Of a single size there is no density.
  const auto single = generate({"--length", "2", "--sizes", "1"});
  CHECK(has(single.out, "size 1 "));
  CHECK_FALSE(has(single.out, "Density"));
}

TEST_CASE("the same seed draws the same tokens, another one others; without one it is greedy") {
  const auto tokens = [](std::vector<std::string> added) {
    added.insert(added.begin(), {"--text", prompt, "--every", "0"});
    return ids_of(json_of(added)["steps"]);
  };
  CHECK(tokens({"--seed", "1"}) == tokens({"--seed", "1"}));
  CHECK(tokens({"--seed", "1"}) == tokens({"--seed", "1", "--temperature", "1", "--top-p", "1"}));
  CHECK(tokens({"--seed", "1"}) != tokens({"--seed", "2"}));
  CHECK(tokens({"--top-p", "0.5"}) == tokens({"--top-p", "0.5", "--temperature", "1", "--seed", "0"}));
  CHECK(tokens({"--seed", "1", "--threads", "1"}) == tokens({"--seed", "1"}));
  CHECK(tokens({"--seed", "1", "--max-memory", "6M"}) == tokens({"--seed", "1"}));
  const auto greedy = tokens({});
  CHECK(greedy == tokens({"--temperature", "0", "--seed", "7"}));
  CHECK(greedy == tokens({"--top-p", "0.000001"}));
  CHECK(greedy == tokens({"--temperature", "0.00001", "--seed", "7"}));
  CHECK(greedy != tokens({"--seed", "1"}));
}

TEST_CASE("end-of-text ends it, and is in the table but not in the text") {
  const program::model_copy model;
  const auto whole = json_of({"--text", prompt, "--every", "0"});
  const std::string end = whole["steps"][4]["piece"];
  model.folder.add("tokenizer_config.json", nlohmann::json{{"eos_token", end}}.dump());
  const auto ended = json_of({"--model", model.path(), "--text", prompt, "--every", "0"});
  REQUIRE(ended["steps"].size() == 5);
  CHECK(ended["options"]["ends"] == nlohmann::json::array({whole["steps"][4]["token"]}));
  const auto result = run({"generate", "--model", model.path(), "--text", prompt, "--every", "0"});
  CHECK(has(result.out, std::string("\"") + end + "\""));
  CHECK(result.out.ends_with(prompt + " little house in the\n"));
}

TEST_CASE("token ids, with and without a tokenizer") {
  std::string ids;
  for (const int id : ids_of(json_of({"--text", prompt, "--length", "1"})["prompt"]))
    ids.append(ids.empty() ? 0 : 1, ',').append(std::to_string(id));
  const auto with = json_of({"--tokens", ids, "--length", "3"});
  CHECK(with["steps"] == json_of({"--text", prompt, "--length", "3"})["steps"]);
  const program::model_copy model;
  model.remove("tokenizer.json");
  const auto without = json_of({"--model", model.path(), "--tokens", ids, "--length", "3"});
  CHECK(without["options"]["ends"].empty());
  CHECK(without["steps"][0]["piece"].is_null());
  CHECK(ids_of(without["steps"]) == ids_of(with["steps"]));
  const auto result = run({"generate", "--model", model.path(), "--tokens", "5,6", "--length", "1", "--every", "0"});
  CHECK(has(result.out, "\"") == false);
  CHECK(has(result.out, "\n\n[5][6]["));
}

TEST_CASE(
    "on a terminal: tokens coloured from the lowest density to the highest, with a legend, but not with NO_COLOR") {
  const std::vector<std::string> arguments{"generate", "--text", prompt, "--length", "8"};
  const auto coloured = program::run_on_terminal(arguments);
  CHECK(coloured.code == 0);
  CHECK(has(coloured.out, "evaluating 0 %"));
  const std::size_t begin = coloured.out.find("\033[2m" + prompt);
  REQUIRE(begin != std::string::npos);
  const std::string text = coloured.out.substr(begin);
  std::vector<double> densities;
  const auto generated = json_of({"--text", prompt, "--length", "8"});
  for (const auto& step : generated["steps"]) densities.push_back(step["trace"]["density"]);
  const auto coloured_as = [&](std::vector<double>::iterator of, const char* colour) {
    const std::string piece = generated["steps"][static_cast<std::size_t>(of - densities.begin())]["piece"];
    return has(text, std::string("\033[38;5;") + colour + "m" + piece + "\033[0m");
  };
  CHECK(coloured_as(std::min_element(densities.begin(), densities.end()), "32"));
  CHECK(coloured_as(std::max_element(densities.begin(), densities.end()), "161"));
  CHECK(has(text, "██\033[38;5;161m██\033[0m"));
  const auto plain = program::run_on_terminal(arguments, {"NO_COLOR=1"});
  CHECK_FALSE(has(plain.out, "\033[38"));
  CHECK_FALSE(has(plain.out, "██"));
  CHECK(has(plain.out, " to "));
}

TEST_CASE("control characters and parts of characters do not reach the screen") {
  const auto result = run({"generate", "--text", "a\nb\tc\033[31m\\", "--every", "0", "--length", "1"});
  CHECK(has(result.out, "\n\na\nb\tc\\u{1B}[31m\\"));
  // Bytes that are tokens: a whole character is shown, a part as its byte.
  const std::string out = run({"generate", "--tokens", "132,5,170", "--every", "0", "--length", "1"}).out;
  for (const char c : out) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
}

TEST_CASE("generations that cannot be") {
  check_refused(generate({"--length", "0"}), 2, "the length is 0 tokens, expected at least 1");
  for (const char* wrong : {"", "x", "-1", "1.5"}) {
    check_refused(generate({"--length", wrong}), 2, "--length: ");
    check_refused(generate({"--every", wrong}), 2, "--every: ");
    check_refused(generate({"--seed", wrong}), 2, "--seed: ");
  }
  check_refused(generate({"--temperature", "-0.5"}), 2,
                "the temperature is -0.5, expected a number that is not negative");
  for (const char* wrong : {"nan", "inf"}) check_refused(generate({"--temperature", wrong}), 2, "the temperature is ");
  for (const char* wrong : {"0", "-1", "1.1", "nan"})
    check_refused(generate({"--top-p", wrong}), 2, "expected 0 < p <= 1");
  check_refused(generate({"--top-p", "much"}), 2, "--top-p: ");
  check_refused(generate({"--target", "1"}), 2, "--target");
  check_refused(generate({"--tokens", "1"}), 2, "one of three ways");
  check_refused(run({"generate"}), 2, "--text \"Once upon a time");
  check_refused(run({"trace", "--text", "a", "--length", "3"}), 2, "--length");
  std::string ids = "1";
  for (int i = 1; i < 250; ++i) ids += ",1";
  check_refused(run({"generate", "--tokens", ids}), 2,
                "the prompt has 250 tokens and 20 are to follow, the model's context is 256: at most 7 fit");
  CHECK(run({"generate", "--tokens", ids, "--length", "7", "--every", "0"}).code == 0);
  for (int i = 250; i < 257; ++i) ids += ",1";
  check_refused(run({"generate", "--tokens", ids}), 2, "the prompt has 257 tokens, the model's context is 256");
  check_refused(generate({"--max-memory", "100K"}), 2,
                "keys and values of 27 tokens take 0.2 MB, the bound for all is 0.1 MB");
  check_refused(generate({"--max-memory", "700K"}), 2, "a trace of 26 tokens takes ");
}

TEST_CASE("a generation that fails leaves an older file as it was") {
  const temporary_folder folder;
  const std::string file = folder.add("generation.json", "old").string();
  check_refused(generate({"--length", "300", "--json", file}), 2, "at most");
  CHECK(program::content_of(file) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

}  // namespace generate_test
