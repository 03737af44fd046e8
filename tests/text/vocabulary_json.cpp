#include "strata/text/vocabulary_json.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "text/small_tokenizer.hpp"

namespace vocabulary_json_test {

using nlohmann::json;
using small_tokenizer::document;
using small_tokenizer::pieces;
using small_tokenizer::read;

namespace {

void refused(const std::string& pointer, const json& value, const std::string& message) {
  auto changed = document();
  changed[json::json_pointer(pointer)] = value;
  CHECK_THROWS_WITH_AS(read(changed), ("t.json: " + message).c_str(), strata::data_error);
}

json added(std::int64_t id, const char* content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

}  // namespace

TEST_CASE("merges in both forms") {
  auto changed = document();
  CHECK(pieces(read(changed), "hello") == "hello");
  changed["model"]["merges"] = {"#version: 0.2", "h e", "l l", "he ll", "hell o", "Ġ h"};
  CHECK(pieces(read(changed), "hello") == "hello");
  changed["model"]["merges"] = json::array();
  CHECK(pieces(read(changed), "hello") == "h|e|l|l|o");
  changed["model"]["ignore_merges"] = true;
  CHECK(pieces(read(changed), "hello helloo") == "hello| |h|e|l|l|o|o");
}

TEST_CASE("ids must be 0 … vocabulary − 1, each once") {
  const auto message = [](const std::string& value, const char* twice = "") {
    return "key \"model.vocab\": token \"z\" has the id " + value + twice + ", expected 0 … 261, each once";
  };
  refused("/model/vocab/z", 262, message("262"));
  refused("/model/vocab/z", -1, message("-1"));
  refused("/model/vocab/z", 1.0, message("1.0"));
  refused("/model/vocab/z", 18446744073709551615U, message("18446744073709551615"));
  refused("/model/vocab/z", "7", message("\"7\""));
  refused("/model/vocab/z", nullptr, message("null"));
  refused("/model/vocab/z", json::array({1}), message("an array of 1 values"));
  refused("/model/vocab/z", 97, message("97", ", which another token has too"));
  refused("/model/vocab", json::object(), "key \"model.vocab\" is an object of 0 keys, expected at least one token");
  refused("/model/vocab", json::array(), "key \"model.vocab\" is an array of 0 values, expected an object");
}

TEST_CASE("added tokens inside and outside the vocabulary") {
  auto changed = document();
  changed["added_tokens"].push_back(added(259, "hello"));
  changed["added_tokens"].push_back(added(262, "<é>"));
  const auto tokenizer = read(changed);
  CHECK(tokenizer.vocabulary() == 263);
  CHECK(tokenizer.piece(262) == "<é>");
  CHECK(pieces(tokenizer, "xhello<é>") == "x|hello|<é>");
  changed.erase("added_tokens");
  CHECK(read(changed).vocabulary() == 261);
}

TEST_CASE("added tokens that cannot be right") {
  refused("/added_tokens/1", added(262, "<|end|>"),
          "key \"added_tokens[1].content\" is \"<|end|>\", expected a content that no other added token has");
  refused("/added_tokens/1", added(261, "<x>"),
          "key \"added_tokens[1].id\" is 261, expected an id that no other token has");
  refused("/added_tokens/1", added(5, "<x>"),
          "key \"added_tokens[1].id\" is 5, expected an id that no other token has");
  refused("/added_tokens/1", added(263, "<x>"), "key \"added_tokens[1].id\" is 263, expected a whole number below 263");
  refused("/added_tokens/1", added(-1, "<x>"), "key \"added_tokens[1].id\" is -1, expected a whole number below 263");
  refused("/added_tokens/1", added(0, "hello"),
          "key \"added_tokens[1].id\" is 0, expected 259, the id of \"hello\" in model.vocab");
  refused("/added_tokens/1", added(262, ""), "key \"added_tokens[1].content\" is \"\", expected 1 … 1024 bytes");
  refused("/added_tokens/0/lstrip", nullptr, "key \"added_tokens[0].lstrip\" is null, expected true or false");
  refused(
      "/added_tokens/0/colour", 1,
      "key \"added_tokens[0]\" has the key \"colour\", which is not supported (supported: id, content, single_word, "
      "lstrip, rstrip, normalized, special)");
  refused("/added_tokens", 1, "key \"added_tokens\" is 1, expected an array");
  refused("/added_tokens/0", "x", "key \"added_tokens[0]\" is \"x\", expected an object");
}

TEST_CASE("merges that cannot be right") {
  const std::string expected = ", expected two tokens: \"a b\" or [\"a\", \"b\"]";
  refused("/model/merges/0", "he", "key \"model.merges[0]\" is \"he\"" + expected);
  refused("/model/merges/0", "h e l", "key \"model.merges[0]\" is \"h e l\"" + expected);
  refused("/model/merges/0", json::array({"h"}), "key \"model.merges[0]\" is an array of 1 values" + expected);
  refused("/model/merges/0", json::array({"h", 1}), "key \"model.merges[0]\" is an array of 2 values" + expected);
  refused("/model/merges/0", 7, "key \"model.merges[0]\" is 7" + expected);
  refused("/model/merges/1", json::array({"lx", "l"}), "key \"model.merges[1]\": token \"lx\" is not in model.vocab");
  refused("/model/merges/1", "l x", "key \"model.merges[1]\": token \"lx\" is not in model.vocab");
  refused("/model/merges", "h e", "key \"model.merges\" is \"h e\", expected an array");
}

TEST_CASE("a token that stands for no bytes is never produced, but can be decoded") {
  auto changed = document();
  changed["model"]["vocab"]["日"] = 261;
  changed["added_tokens"][0]["id"] = 262;
  changed["model"]["ignore_merges"] = true;
  const auto tokenizer = read(changed);
  CHECK(tokenizer.encode("日").size() == 3);
  CHECK(tokenizer.piece(261) == "日");
}

}  // namespace vocabulary_json_test
