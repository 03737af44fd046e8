#include "strata/text/tokenizer.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/temporary_folder.hpp"
#include "text/small_tokenizer.hpp"

namespace tokenizer_test {

using ids = std::vector<std::int32_t>;

namespace {

const std::string data = STRATA_TEST_DATA "/text/";

const strata::tokenizer& gpt2_like() {
  static const auto tokenizer = strata::tokenizer::from_file(STRATA_SOURCE_DIR "/examples/model/tokenizer.json");
  return tokenizer;
}

const strata::tokenizer& llama3_like() {
  static const auto tokenizer = strata::tokenizer::from_file(data + "llama3-like.tokenizer.json");
  return tokenizer;
}

}  // namespace

TEST_CASE("what a caller asks about a tokenizer") {
  CHECK(gpt2_like().vocabulary() == 2048);
  CHECK(gpt2_like().ids_before().empty());
  CHECK(gpt2_like().find("<|endoftext|>") == 0);
  CHECK_FALSE(gpt2_like().find("<|begin|>"));
  CHECK(llama3_like().vocabulary() == 900);
  CHECK(ids(llama3_like().ids_before().begin(), llama3_like().ids_before().end()) == ids{0});
  CHECK(llama3_like().ids_after().empty());
  CHECK(llama3_like().find("<|begin|>") == 0);
  CHECK(llama3_like().added_tokens().size() == 2);
  CHECK(llama3_like().added_tokens()[1].special);
  for (std::size_t id = 0; id < gpt2_like().vocabulary(); ++id) {
    const auto token = static_cast<std::int32_t>(id);
    REQUIRE(gpt2_like().find(gpt2_like().piece(token)) == token);
  }
}

TEST_CASE("a piece may be part of a character") {
  const auto found = gpt2_like().encode("日");
  REQUIRE(found.size() == 3);
  CHECK(gpt2_like().piece(found[0]) == "\xe6");
  CHECK(gpt2_like().decode(found) == "日");
}

TEST_CASE("ids outside the vocabulary are refused") {
  for (const std::int32_t id : {-1, 2048, INT32_MAX, INT32_MIN}) {
    CHECK_THROWS_AS(static_cast<void>(gpt2_like().piece(id)), strata::option_error);
    CHECK_THROWS_AS(static_cast<void>(gpt2_like().decode(ids{0, id})), strata::option_error);
  }
  CHECK_THROWS_WITH(static_cast<void>(gpt2_like().piece(2048)), "token id 2048 is not in 0 … 2047");
}

TEST_CASE("invalid UTF-8 is refused, any text cut inside a character too") {
  const std::string text = "a日😀é<|endoftext|>";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const auto cut = std::string_view(text).substr(0, length);
    if (strata::whole_characters(text, length).size() == length)
      CHECK(gpt2_like().decode(gpt2_like().encode(cut)) == cut);
    else
      CHECK_THROWS_AS(static_cast<void>(gpt2_like().encode(cut)), strata::data_error);
  }
}

TEST_CASE("random texts come back") {
  std::mt19937 random(3);
  const std::vector<std::string> parts = {
      "a",  "B", " ",   "  ", "\n", "\r\n",     "é", "e\xcc\x81",     "日",     "😀", "'s", "12",
      "\t", "!", "the", "<|", "|>", "\xc2\xa0", "½", "<|endoftext|>", "<|end|>"};
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (std::size_t n = random() % 30; n > 0; --n) text += parts[random() % parts.size()];
    for (const auto* tokenizer : {&gpt2_like(), &llama3_like()}) {
      REQUIRE(tokenizer->decode(tokenizer->encode(text, strata::special_tokens::none)) == text);
      REQUIRE(tokenizer->encode(text, strata::special_tokens::none) ==
              tokenizer->encode(text, strata::special_tokens::none));
    }
  }
}

TEST_CASE("long runs of anything come back") {
  constexpr std::size_t million = 1'000'000;
  for (const std::string unit : {" ", "ab", "7", "\n", "😀", "<|"}) {
    std::string text;
    while (text.size() < million) text += unit;
    for (const auto* tokenizer : {&gpt2_like(), &llama3_like()})
      CHECK(tokenizer->decode(tokenizer->encode(text, strata::special_tokens::none)) == text);
  }
}

TEST_CASE("a byte without a token is refused, not dropped") {
  auto document = small_tokenizer::document();
  auto& vocab = document["model"]["vocab"];
  vocab["zz"] = vocab["z"];
  vocab.erase("z");
  const auto tokenizer = small_tokenizer::read(document);
  CHECK(tokenizer.encode("hello").size() == 1);
  CHECK_THROWS_WITH_AS(static_cast<void>(tokenizer.encode("az")),
                       "the vocabulary has no token for byte 122, which the text contains", strata::data_error);
}

TEST_CASE("copies are independent of their source") {
  auto source = std::make_unique<strata::tokenizer>(llama3_like());
  const strata::tokenizer copy = *source;
  const auto expected = source->encode("Hello, <|end|> world!");
  source.reset();
  CHECK(copy.encode("Hello, <|end|> world!") == expected);
}

TEST_CASE("files that cannot be read") {
  const temporary_folder folder;
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::tokenizer::from_file(folder.path() / "none.json")),
                       (folder.path() / "none.json: no such file").string().c_str(), strata::data_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::tokenizer::from_file(folder.path())),
                       (folder.path() / "tokenizer.json: no such file").string().c_str(), strata::data_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::tokenizer::from_file(folder.add("t.json", "{"))),
                       "t.json: malformed JSON or UTF-8 at byte 2 of 1", strata::data_error);
}

TEST_CASE("begin-of-text as the file says, in any case or not at all") {
  using enum strata::special_tokens;
  CHECK(llama3_like().begin_of_text() == 0);
  CHECK(llama3_like().encode("", none) == ids{});
  CHECK(llama3_like().encode("") == ids{0});
  CHECK(llama3_like().encode("", with_begin_of_text) == ids{0});
  CHECK(llama3_like().encode("", without_begin_of_text) == ids{});

  CHECK(gpt2_like().begin_of_text() == 0);  // tokenizer_config.json names it, tokenizer.json puts nothing before a text
  CHECK(gpt2_like().encode("") == ids{});
  CHECK(gpt2_like().encode("", with_begin_of_text) == ids{0});

  const auto small = small_tokenizer::read(small_tokenizer::document());
  CHECK_FALSE(small.begin_of_text());
  CHECK(small.encode("", without_begin_of_text) == ids{});
  CHECK_THROWS_WITH_AS(static_cast<void>(small.encode("", with_begin_of_text)),
                       "a begin-of-text token was asked for, but the tokenizer's files name none",
                       strata::option_error);
}

TEST_CASE("other tokens around a text stay when begin-of-text does not") {
  using enum strata::special_tokens;
  auto document = small_tokenizer::document();
  const auto token = [](const char* name) { return nlohmann::json{{"SpecialToken", {{"id", name}, {"type_id", 0}}}}; };
  document["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", {token("a"), token("b"), {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, token("b")}},
      {"pair", nlohmann::json::array()},
      {"special_tokens", {{"a", {{"id", "a"}, {"ids", {1}}}}, {"b", {{"id", "b"}, {"ids", {2}}}}}}};
  const auto tokenizer = small_tokenizer::read(document);
  CHECK(tokenizer.encode("") == ids{1, 2, 2});
  CHECK(tokenizer.encode("", with_begin_of_text) == ids{1, 2, 2});
  CHECK(tokenizer.encode("", without_begin_of_text) == ids{2, 2});
  CHECK(tokenizer.encode("", none) == ids{});
}

TEST_CASE("a folder, and the tokenizer_config.json beside a tokenizer.json") {
  using enum strata::special_tokens;
  const temporary_folder folder;
  folder.add("tokenizer.json", small_tokenizer::document().dump());
  CHECK_FALSE(strata::tokenizer::from_file(folder.path()).begin_of_text());
  for (const std::string config : {R"({"bos_token": "<|end|>", "add_bos_token": true})",
                                   R"({"bos_token": {"content": "<|end|>", "special": true}})"}) {
    folder.add("tokenizer_config.json", config);
    const auto tokenizer = strata::tokenizer::from_file(folder.path());
    CHECK(tokenizer.begin_of_text() == 261);
    CHECK(tokenizer.encode("hello") == ids{259});
    CHECK(tokenizer.encode("hello", with_begin_of_text) == ids{261, 259});
    CHECK(strata::tokenizer::from_file(folder.path() / "tokenizer.json").begin_of_text() == 261);
  }
  for (const std::string config : {R"({"bos_token": null})", R"({"bos_token": "<nobody>"})", "{}"}) {
    folder.add("tokenizer_config.json", config);
    CHECK_FALSE(strata::tokenizer::from_file(folder.path()).begin_of_text());
  }
  folder.add("tokenizer_config.json", R"({"bos_token": 1})");
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::tokenizer::from_file(folder.path())),
                       "tokenizer_config.json: key \"bos_token\" is 1, expected a string", strata::data_error);
}

TEST_CASE("end-of-text is what the files name") {
  const temporary_folder folder;
  folder.add("tokenizer.json", small_tokenizer::document().dump());
  CHECK_FALSE(strata::tokenizer::from_file(folder.path()).end_of_text());
  for (const std::string config : {R"({"eos_token": "<|end|>"})", R"({"eos_token": {"content": "<|end|>"}})"}) {
    folder.add("tokenizer_config.json", config);
    CHECK(strata::tokenizer::from_file(folder.path()).end_of_text() == 261);
  }
  for (const std::string config : {R"({"bos_token": "<|end|>"})", R"({"eos_token": "<nobody>"})", "{}"}) {
    folder.add("tokenizer_config.json", config);
    CHECK_FALSE(strata::tokenizer::from_file(folder.path()).end_of_text());
  }
  folder.add("tokenizer_config.json", R"({"eos_token": 1})");
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::tokenizer::from_file(folder.path())),
                       "tokenizer_config.json: key \"eos_token\" is 1, expected a string", strata::data_error);
}

TEST_CASE("tokens of a vocabulary of text are found by their bytes") {
  const auto tokenizer = strata::tokenizer::from_file(data + "llama2-like.tokenizer.json");
  CHECK(tokenizer.find("</s>") == 2);
  CHECK(tokenizer.find("\n") == 13);  // <0x0A>
  CHECK(tokenizer.find(" ") == 35);   // <0x20>, the first with this byte
  CHECK(tokenizer.piece(330) == " ");
  CHECK(tokenizer.find(" t") == 332);
  CHECK_FALSE(tokenizer.find("no token at all"));
  CHECK_FALSE(tokenizer.find(""));
}

TEST_CASE("decoding drops the space that encoding put before a text, no other") {
  const auto tokenizer = strata::tokenizer::from_file(data + "llama2-like.tokenizer.json");
  const auto space = *tokenizer.find("▁");
  CHECK(tokenizer.decode(ids{}).empty());
  CHECK(tokenizer.decode(ids{space}).empty());
  CHECK(tokenizer.decode(ids{space, space}) == " ");
  CHECK(tokenizer.decode(ids{1, space}) == "<s> ");
}

}  // namespace tokenizer_test
