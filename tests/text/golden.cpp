// Every case of the reference implementation: tokenizers that lie beside these tests, and those of other people's models
// where the folder ../shared with them is there.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "strata/text/tokenizer.hpp"
#include "text/gguf_from_json.hpp"

namespace golden_test {

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
  for (const auto& counted : counts) CHECK_MESSAGE(counted.second == 75, counted.first);
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
  for (const auto& counted : counts) CHECK_MESSAGE(counted.second == 75, counted.first);
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

TEST_CASE("SmolLM2's tokenizer from its GGUF file") {
  const char* const given = std::getenv("STRATA_SMOLLM2");
  const std::string file = given != nullptr ? given : STRATA_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  const std::string cases = shared + "goldens/tokenizer_cases.jsonl";
  for (const auto& needed : {file, cases}) {
    if (std::filesystem::exists(needed)) continue;
    MESSAGE("SmolLM2's tokenizer is not compared: ", needed, " is not there");
    return;
  }
  const auto tokenizer = strata::tokenizer::from_file(file);
  CHECK(tokenizer.vocabulary() == 49152);
  CHECK(tokenizer.begin_of_text() == 1);
  CHECK(tokenizer.ids_before().empty());
  CHECK(compare(cases, {{"smollm2-corrected", tokenizer}}).at("smollm2-corrected") == 60);
}

// llama2.c's file of a tokenizer: the longest token's length, then for each token score, length, bytes.
strata::gguf_vocabulary read_llama2_c(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  const auto number = [&]<class T>(T value) {
    in.read(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  };
  strata::gguf_vocabulary out;
  out.file = file;
  out.model = "llama";
  static_cast<void>(number(std::int32_t{}));
  while (in.peek() != std::ifstream::traits_type::eof()) {
    out.scores.push_back(number(0.0F));
    std::string token(static_cast<std::size_t>(number(std::int32_t{})), ' ');
    in.read(token.data(), static_cast<std::streamsize>(token.size()));
    const std::size_t id = out.tokens.size();
    if (id == 1) token = "<s>";  // written with line ends around them
    if (id == 2) token = "</s>";
    std::string marked;
    for (const char c : token) c == ' ' ? marked += strata::space_mark : marked += c;
    out.tokens.push_back(marked);
    out.token_types.push_back(id == 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1);
  }
  out.unknown_token_id = 0;
  out.bos_token_id = 1;
  return out;
}

TEST_CASE("a SentencePiece vocabulary with its own scores") {
  const std::string file = shared + "models/stories260K/tok512.bin";
  if (!std::filesystem::exists(file)) {
    MESSAGE("not compared: ", file, " is not there");
    return;
  }
  const strata::tokenizer tokenizer(strata::parts_of(read_llama2_c(file)));
  CHECK(compare(shared + "goldens/tokenizer_cases.jsonl", {{"stories260K", tokenizer}}).at("stories260K") == 75);
}

}  // namespace golden_test
