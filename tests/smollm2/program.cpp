// The program with a real model: what README shows.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "cli/program.hpp"

namespace {

const std::string model_file = STRATA_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";

bool there() {
  const bool exists = std::filesystem::exists(model_file);
  if (!exists) MESSAGE("skipped: " << model_file << " is not there (sh examples/get_smollm2.sh fetches it)");
  CHECK_MESSAGE((exists || std::getenv("STRATA_REQUIRE_ALL") == nullptr), "STRATA_REQUIRE_ALL asks for this test");
  return exists;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("the capital of France: the answer, and the output that README shows") {
  if (!there()) return;
  const auto result = program::run({"trace", "--model", model_file, "--text", "The capital of France is"});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  const std::vector<std::string> printed = lines_of(result.out);
  REQUIRE(printed.size() > 10);
  CHECK(printed[0] == "prompt   The| capital| of| France| is");
  CHECK(printed[2].starts_with("next     \" Paris\" 77."));

  const std::vector<std::string> readme = lines_of(program::content_of(STRATA_SOURCE_DIR "/README.md"));
  const auto first = std::find(readme.begin(), readme.end(), printed[0]);
  REQUIRE(readme.end() - first > static_cast<std::ptrdiff_t>(printed.size()));
  for (std::size_t i = 0; i < printed.size(); ++i) {
    // The last digits of KL and TV may differ on another processor: of such lines, sizes and edges.
    const std::string& shown = *(first + static_cast<std::ptrdiff_t>(i));
    const bool point =
        printed[i].starts_with("≤") || (printed[i].starts_with(" ") && printed[i].find("\"") != std::string::npos);
    CHECK(shown.substr(0, point ? 18 : std::string::npos) == printed[i].substr(0, point ? 18 : std::string::npos));
  }
  CHECK(*(first + static_cast<std::ptrdiff_t>(printed.size())) == "```");
}

TEST_CASE("a memory bound changes the memory, not the result") {
  if (!there()) return;
  const std::vector<std::string> arguments{"trace",        "--model", model_file, "--tokens",
                                           "504,3575,282", "--sizes", "0.5"};
  std::vector<std::string> bounded = arguments;
  bounded.insert(bounded.end(), {"--max-memory", "100M"});
  const auto whole = program::run(arguments), by_layer = program::run(bounded);
  CHECK(whole.code == 0);
  CHECK(by_layer.code == 0);
  CHECK(whole.out == by_layer.out);
}

TEST_CASE("info") {
  if (!there()) return;
  const auto result = program::run({"info", "--model", model_file, "--tokens", "5"});
  CHECK(result.code == 0);
  for (const char* part : {"llama, sequential blocks", "134,515,008", "49,152",
                           "97 MB of Q4_1, Q8_0 and F32; 538 MB when expanded", "4,398 for a prompt of 5 tokens"})
    CHECK(result.out.find(part) != std::string::npos);
}

TEST_CASE("begin-of-text is put in front where that is asked for") {
  if (!there()) return;
  const auto with = program::run({"trace", "--model", model_file, "--text", "Paris", "--bos", "--sizes", "1"});
  CHECK(with.code == 0);
  CHECK(with.out.starts_with("prompt   <|im_start|>|Paris\n"));
  const auto without = program::run({"trace", "--model", model_file, "--text", "Paris", "--no-bos", "--sizes", "1"});
  CHECK(without.out.starts_with("prompt   Paris\n"));
}

TEST_CASE("a chat: the answer is generated up to end-of-text, and the same at any memory bound") {
  if (!there()) return;
  const std::string question = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";
  std::vector<std::string> arguments{"generate", "--model", model_file, "--text", question, "--every", "0"};
  const auto result = program::run(arguments);
  CHECK(result.code == 0);
  CHECK(result.out.find("   8  \"<|im_end|>\"") != std::string::npos);
  CHECK(result.out.ends_with("\n\n" + question + "The capital of France is Paris.\n"));
  arguments.insert(arguments.end(), {"--max-memory", "100M", "--length", "2"});
  CHECK(program::run(arguments).out.ends_with("assistant\nThe capital\n"));
}
