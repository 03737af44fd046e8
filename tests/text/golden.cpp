// Every case of the reference implementation: tokenizers that lie beside these tests, and those of other people's models
// where the folder ../shared with them is there.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "strata/text/tokenizer.hpp"
#include "text/gguf_from_json.hpp"

namespace {

using ids = std::vector<std::int32_t>;

const std::string data = STRATA_TEST_DATA "/text/";
const std::string shared = STRATA_SOURCE_DIR "/../shared/";

std::map<std::string, strata::tokenizer> tokenizers_of(const std::map<std::string, std::string>& files) {
  std::map<std::string, strata::tokenizer> tokenizers;
  for (const auto& [name, file] : files) tokenizers.emplace(name, strata::tokenizer::from_file(file));
  return tokenizers;
}

// tokenizer → number of cases
std::map<std::string, std::size_t> compare(const std::string& cases,
                                           const std::map<std::string, strata::tokenizer>& tokenizers) {
  std::map<std::string, std::size_t> counts;
  std::ifstream lines(cases);
  for (std::string line; std::getline(lines, line);) {
    const auto expected = nlohmann::json::parse(line);
    const std::string name = expected["tokenizer"];
    const auto tokenizer = tokenizers.find(name);
    if (tokenizer == tokenizers.end()) continue;
    const std::string text = expected["text"];
    CAPTURE(name);
    CAPTURE(text);
    const auto found = tokenizer->second.encode(text, strata::special_tokens::none);
    CHECK(found == expected["ids"].get<ids>());
    CHECK(tokenizer->second.encode(text) == expected["with_special"].get<ids>());
    CHECK(tokenizer->second.decode(found) == expected["decoded"].get<std::string>());
    ++counts[name];
  }
  return counts;
}

}  // namespace

TEST_CASE("the ids of the reference implementation, and the texts back") {
  const auto counts =
      compare(data + "cases.jsonl", tokenizers_of({{"default", STRATA_SOURCE_DIR "/examples/model/tokenizer.json"},
                                                   {"llama3-like", data + "llama3-like.tokenizer.json"},
                                                   {"qwen2-like", data + "qwen2-like.tokenizer.json"},
                                                   {"smollm-like", data + "smollm-like.tokenizer.json"},
                                                   {"llama2-like", data + "llama2-like.tokenizer.json"}}));
  CHECK(counts.size() == 5);
  for (const auto& [name, count] : counts) CHECK_MESSAGE(count == 75, name);
}

TEST_CASE("the same tokenizers from the metadata of GGUF files") {
  const auto from = [](const std::string& file, const std::string& pre) {
    return strata::tokenizer(strata::parts_of(gguf_from_json_file(file, pre)));
  };
  const auto counts =
      compare(data + "cases.jsonl", {{"default", from(STRATA_SOURCE_DIR "/examples/model/tokenizer.json", "gpt-2")},
                                     {"llama3-like", from(data + "llama3-like.tokenizer.json", "llama-bpe")},
                                     {"qwen2-like", from(data + "qwen2-like.tokenizer.json", "qwen2")},
                                     {"smollm-like", from(data + "smollm-like.tokenizer.json", "smollm")},
                                     {"llama2-like", from(data + "llama2-like.tokenizer.json", "")}});
  CHECK(counts.size() == 5);
  for (const auto& [name, count] : counts) CHECK_MESSAGE(count == 75, name);
}

TEST_CASE("the tokenizers of other people's models") {
  const std::map<std::string, std::string> files = {
      {"stories260K", shared + "models/stories260K/hf/tokenizer.json"},
      {"tinytalk-gpt2", shared + "models/tinytalk-gpt2/tokenizer.json"},
      {"smollm2-corrected", shared + "goldens/tokenizers/smollm2-corrected.tokenizer.json"}};
  for (const auto& [name, file] : files) {
    if (!std::filesystem::exists(file)) {
      MESSAGE("not compared with ", name, ": ", file, " is not there");
      continue;
    }
    const auto counts = compare(shared + "goldens/tokenizer_cases.jsonl", tokenizers_of({{name, file}}));
    REQUIRE(counts.size() == 1);
    CHECK(counts.at(name) == (name == "stories260K" ? 75 : 60));
  }
}
