#include "strata/text/tokenizer_json.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "text/small_tokenizer.hpp"

namespace tokenizer_json_test {

using nlohmann::json;
using small_tokenizer::document;
using small_tokenizer::pieces;
using small_tokenizer::read;

namespace {

// The document with `value` at `pointer` is refused with "t.json: " and this message.
void refused(const std::string& pointer, const json& value, const std::string& message) {
  auto changed = document();
  changed[json::json_pointer(pointer)] = value;
  CHECK_THROWS_WITH_AS(read(changed), ("t.json: " + message).c_str(), strata::data_error);
}

json sequence(const char* list, const json& parts) { return {{"type", "Sequence"}, {list, parts}}; }

json split(const json& pattern, const char* behavior) {
  return {{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", false}};
}

json byte_level(bool prefix, bool regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"trim_offsets", true}, {"use_regex", regex}};
}

std::string with_pre_tokenizer(const json& pre_tokenizer, const std::string& text) {
  auto changed = document();
  changed["pre_tokenizer"] = pre_tokenizer;
  return pieces(read(changed), text);
}

}  // namespace

TEST_CASE("pre-tokenizers") {
  CHECK(with_pre_tokenizer(byte_level(false, true), "hello hello") == "hello| |hello");
  CHECK(with_pre_tokenizer(byte_level(true, true), "hello") == " |hello");
  CHECK(with_pre_tokenizer(byte_level(false, false), "hello hello") == "hello| |hello");
  const auto at_spaces = [](const char* behavior) {
    return sequence("pretokenizers", {split({{"Regex", " "}}, behavior), byte_level(false, false)});
  };
  CHECK(with_pre_tokenizer(at_spaces("Isolated"), "he he") == "he| |he");
  CHECK(with_pre_tokenizer(at_spaces("Removed"), "he he") == "he|he");
  CHECK(with_pre_tokenizer(at_spaces("MergedWithNext"), "he he") == "he| |he");
  CHECK(with_pre_tokenizer(sequence("pretokenizers", {split({{"String", "h"}}, "Isolated"), byte_level(false, true)}),
                           "he") == "h|e");
  const json digits{{"type", "Digits"}, {"individual_digits", true}};
  CHECK(with_pre_tokenizer(
            sequence("pretokenizers", {sequence("pretokenizers", json::array({digits})), byte_level(true, false)}),
            "h1he") == " h| |1| |he");
}

TEST_CASE("pre-tokenizers that are not supported") {
  refused("/pre_tokenizer/type", "Metaspace",
          "key \"pre_tokenizer.type\" is \"Metaspace\", expected Split or Digits, then ByteLevel at the end");
  refused("/pre_tokenizer", nullptr,
          "key \"pre_tokenizer\": the last pre-tokenizer must be ByteLevel (supported before it: Split, Digits)");
  refused("/pre_tokenizer", sequence("pretokenizers", {{{"type", "Whitespace"}}, byte_level(false, true)}),
          "key \"pre_tokenizer.pretokenizers[0].type\" is \"Whitespace\", expected Split or Digits, then ByteLevel at "
          "the end");
  refused("/pre_tokenizer", sequence("pretokenizers", {byte_level(false, true), byte_level(false, true)}),
          "key \"pre_tokenizer.pretokenizers[0].type\" is \"ByteLevel\", expected Split or Digits, then ByteLevel at "
          "the end");
  refused("/pre_tokenizer/add_prefix_space", 1, "key \"pre_tokenizer.add_prefix_space\" is 1, expected true or false");
  refused("/pre_tokenizer/extra", 1,
          "key \"pre_tokenizer\" has the key \"extra\", which is not supported (supported: type, add_prefix_space, "
          "trim_offsets, use_regex)");
  const auto with = [](const json& part) { return sequence("pretokenizers", {part, byte_level(false, true)}); };
  refused("/pre_tokenizer", with(split({{"Regex", "^a"}}, "Isolated")),
          "key \"pre_tokenizer.pretokenizers[0].pattern.Regex\": the pattern \"^a\" has an unescaped '^' at offset 0, "
          "which is not supported");
  refused("/pre_tokenizer", with(split({{"Regex", "a"}}, "Dropped")),
          "key \"pre_tokenizer.pretokenizers[0].behavior\" is \"Dropped\", expected Isolated, Removed, Contiguous, "
          "MergedWithPrevious or MergedWithNext");
  refused("/pre_tokenizer", with(split(json::object(), "Isolated")),
          "key \"pre_tokenizer.pretokenizers[0].pattern\" is an object of 0 keys, expected one of the keys Regex and "
          "String");
}

TEST_CASE("normalizers") {
  auto changed = document();
  changed["model"]["vocab"]["Ã©"] = 261;  // é
  changed["model"]["merges"].push_back({"Ã", "©"});
  changed["added_tokens"][0]["id"] = 262;
  CHECK(read(changed).encode("e\xcc\x81").size() == 3);
  for (const json& normalizer : {json{{"type", "NFC"}}, sequence("normalizers", json::array({{{"type", "NFC"}}}))}) {
    changed["normalizer"] = normalizer;
    CHECK(pieces(read(changed), "e\xcc\x81") == "é");
  }
  changed["normalizer"] = sequence("normalizers", json::array());
  CHECK(read(changed).encode("e\xcc\x81").size() == 3);
  refused("/normalizer", {{"type", "Lowercase"}},
          "key \"normalizer.type\" is \"Lowercase\", expected NFC, NFD, NFKC, NFKD, Prepend or Replace");
  json deep{{"type", "NFC"}};
  for (int i = 0; i < 100; ++i) deep = sequence("normalizers", json::array({deep}));
  auto nested = document();
  nested["normalizer"] = deep;
  CHECK_THROWS_AS(read(nested), strata::data_error);
}

TEST_CASE("a normalised added token is found in the normalised text") {
  auto changed = document();
  changed["normalizer"] = {{"type", "NFC"}};
  changed["added_tokens"][0]["content"] = "<é>";
  changed["added_tokens"][0]["normalized"] = false;
  CHECK(read(changed).encode("<e\xcc\x81>").size() == 4);
  changed["added_tokens"][0]["normalized"] = true;
  CHECK(read(changed).encode("<e\xcc\x81>") == std::vector<std::int32_t>{261});
  changed["added_tokens"][0]["content"] = "<e\xcc\x81>";
  CHECK(read(changed).encode("x<é>").back() == 261);
}

TEST_CASE("post-processors") {
  const json text{{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const auto special = [](const char* name) { return json{{"SpecialToken", {{"id", name}, {"type_id", 0}}}}; };
  const json wrapped{{"type", "TemplateProcessing"},
                     {"single", {special("B"), text, special("E")}},
                     {"pair", json::array()},
                     {"special_tokens", {{"B", {{"ids", {261, 0}}}}, {"E", {{"ids", {1}}}}}}};
  auto changed = document();
  for (const auto& processor : {wrapped, sequence("processors", {byte_level(true, true), wrapped})}) {
    changed["post_processor"] = processor;
    const auto tokenizer = read(changed);
    CHECK(tokenizer.encode("he") == std::vector<std::int32_t>{261, 0, 256, 1});
    CHECK(tokenizer.encode("he", strata::special_tokens::none) == std::vector<std::int32_t>{256});
    CHECK(tokenizer.encode("") == std::vector<std::int32_t>{261, 0, 1});
    CHECK(tokenizer.ids_before().size() == 2);
    CHECK(tokenizer.ids_after().size() == 1);
  }
  refused("/post_processor", {{"type", "BertProcessing"}},
          "key \"post_processor.type\" is \"BertProcessing\", expected ByteLevel, or TemplateProcessing once");
  refused("/post_processor", sequence("processors", {wrapped, wrapped}),
          "key \"post_processor.processors[1].type\" is \"TemplateProcessing\", expected ByteLevel, or "
          "TemplateProcessing once");
  auto wrong = wrapped;
  wrong["single"] = json::array({special("B")});
  refused("/post_processor", wrong,
          "key \"post_processor.single\": the text itself (a Sequence with the id A) is missing");
  wrong["single"] = {text, text};
  refused("/post_processor", wrong, "key \"post_processor.single[1].Sequence.id\" is \"A\", expected A, once");
  wrong["single"] = {special("X"), text};
  refused("/post_processor", wrong, "key \"post_processor.special_tokens\" lacks \"X\"");
  wrong = wrapped;
  wrong["special_tokens"]["B"]["ids"] = {4'000'000'000};
  refused("/post_processor", wrong,
          "key \"post_processor.special_tokens.B.ids[0]\" is 4000000000, expected a whole number below 262");
}

TEST_CASE("settings of the model that would change the ids") {
  for (const auto* key : {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"}) {
    auto changed = document();
    changed["model"][key] = nullptr;
    CHECK(pieces(read(changed), "hello") == "hello");
  }
  auto changed = document();
  changed["model"].erase("type");
  changed["model"]["dropout"] = 0.0;
  changed["model"]["continuing_subword_prefix"] = "";
  changed["model"]["end_of_word_suffix"] = "";
  changed["model"]["unk_token"] = "a";  // never needed
  changed["model"]["fuse_unk"] = true;
  CHECK(pieces(read(changed), "hello") == "hello");

  refused("/model/type", "Unigram", "key \"model.type\" is \"Unigram\", expected BPE");
  refused("/model/dropout", 0.1, "key \"model.dropout\" is 0.1, expected null: ids must not depend on chance");
  refused("/model/continuing_subword_prefix", "##", "key \"model.continuing_subword_prefix\" is \"##\", expected null");
  refused("/model/end_of_word_suffix", "</w>", "key \"model.end_of_word_suffix\" is \"</w>\", expected null");
  refused("/model/byte_fallback", true,
          "key \"model.byte_fallback\" is true, expected false, because the vocabulary is one of bytes");
  refused("/model/ignore_merges", "no", "key \"model.ignore_merges\" is \"no\", expected true or false");
  changed = document();
  changed["model"]["vocab"].erase("ÿ");  // byte 255
  changed["model"]["vocab"]["zz"] = small_tokenizer::document()["model"]["vocab"]["ÿ"];
  CHECK(pieces(read(changed), "hello") == "hello");
  changed["model"]["unk_token"] = "a";
  CHECK_THROWS_WITH_AS(read(changed),
                       "t.json: key \"model.unk_token\" is \"a\", expected null: the vocabulary has no token for byte "
                       "255",
                       strata::data_error);
}

TEST_CASE("the rest of the document") {
  refused("/version", "2.0", "key \"version\" is \"2.0\", expected 1.0");
  refused("/truncation", json::object(), "key \"truncation\" is an object of 0 keys, expected null");
  refused("/padding", json::array(), "key \"padding\" is an array of 0 values, expected null");
  refused(
      "/decoder", {{"type", "WordPiece"}},
      "key \"decoder.type\" is \"WordPiece\", expected ByteLevel alone, or Replace, ByteFallback, Fuse, Strip in this "
      "order");
  refused("/decoder", nullptr,
          "key \"decoder\" is null, expected ByteLevel, or a Sequence of Replace, ByteFallback, Fuse, Strip");
  refused("/model", 3, "key \"model\" is 3, expected an object");
  auto unknown = document();
  unknown["chat_template"] = "";
  CHECK_THROWS_WITH_AS(read(unknown),
                       "t.json has the key \"chat_template\", which is not supported (supported: version, truncation, "
                       "padding, added_tokens, normalizer, pre_tokenizer, post_processor, decoder, model)",
                       strata::data_error);
  for (const auto* key : {"model", "pre_tokenizer", "decoder"}) {
    auto changed = document();
    changed.erase(key);
    CHECK_THROWS_WITH_AS(read(changed), strata::concat("t.json lacks \"", key, '"').c_str(), strata::data_error);
  }
}

TEST_CASE("text that is not JSON") {
  const auto refused_text = [](const std::string& text, const char* message) {
    CHECK_THROWS_WITH_AS(static_cast<void>(strata::parse_tokenizer_json(text, "t.json")), message, strata::data_error);
  };
  refused_text("", "t.json: malformed JSON or UTF-8 at byte 1 of 0");
  refused_text("{\"model\": ", "t.json: malformed JSON or UTF-8 at byte 11 of 10");
  refused_text("{\"\xff\": 1}", "t.json: malformed JSON or UTF-8 at byte 3 of 8");
  refused_text("{\"version\": 1e999}", "t.json: a number is too large");
  refused_text("[]", "t.json is an array of 0 values, expected an object");
  const std::string deep(100'000, '[');
  CHECK_THROWS_AS(static_cast<void>(strata::parse_tokenizer_json(deep, "t.json")), strata::data_error);
  const std::string closed = "{\"version\": " + deep + std::string(100'000, ']') + "}";
  refused_text(closed, "t.json: key \"version\" is an array of 1 values, expected a string");
}

namespace {

// The settings of Llama 2 over a small vocabulary: "▁", "a", "b", "▁a", "ab", a token for unknown characters.
json text_document() {
  auto document = small_tokenizer::document();
  document["added_tokens"] = json::array();
  document["pre_tokenizer"] = nullptr;
  document["normalizer"] = json::parse(R"({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})");
  document["decoder"] = json::parse(R"({"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
      {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})");
  document["model"]["vocab"] = {{"<unk>", 0}, {"▁", 1}, {"a", 2}, {"b", 3}, {"▁a", 4}, {"ab", 5}};
  document["model"]["merges"] = json::parse(R"([["▁", "a"], ["a", "b"]])");
  document["model"]["unk_token"] = "<unk>";
  return document;
}

void text_refused(const char* where, const json& value, const std::string& message) {
  auto changed = text_document();
  changed[json::json_pointer(where)] = value;
  CHECK_THROWS_WITH_AS(read(changed), ("t.json: " + message).c_str(), strata::data_error);
}

}  // namespace

TEST_CASE("vocabularies of text") {
  using ids = std::vector<std::int32_t>;
  auto document = text_document();
  CHECK(read(document).encode("ab a") == ids{4, 3, 4});
  CHECK(read(document).encode("bxyab") == ids{1, 3, 0, 0, 5});
  CHECK(read(document).decode(ids{4, 3, 4}) == "ab a");
  document["model"]["fuse_unk"] = true;
  CHECK(read(document).encode("bxyab") == ids{1, 3, 0, 5});
  document["model"].erase("unk_token");
  CHECK_THROWS_AS(static_cast<void>(read(document).encode("x")), strata::data_error);
  document["normalizer"] = nullptr;
  document["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"add_prefix_space", false}};
  CHECK(read(document).encode("ab a") == ids{5, 4});
  document["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"str_rep", "▁"}, {"add_prefix_space", true}};
  CHECK(read(document).encode("ab a") == ids{4, 3, 4});
}

TEST_CASE("settings of vocabularies of text that are not supported") {
  text_refused("/normalizer", {{"type", "Prepend"}, {"prepend", ""}},
               "key \"normalizer.prepend\" is \"\", expected 1 … 64 bytes");
  text_refused("/normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}},
               "key \"normalizer.pattern\" has the key \"Regex\", which is not supported (supported: String)");
  text_refused("/pre_tokenizer", {{"type", "ByteLevel"}},
               "key \"pre_tokenizer.type\" is \"ByteLevel\", expected Split or Digits, or Metaspace");
  const auto metaspace = [](const char* key, const json& value) {
    json out = {{"type", "Metaspace"}, {"replacement", "▁"}};
    out[key] = value;
    return out;
  };
  text_refused("/pre_tokenizer", metaspace("replacement", "_"),
               "key \"pre_tokenizer.replacement\" is \"_\", expected ▁");
  text_refused("/pre_tokenizer", metaspace("str_rep", "_"), "key \"pre_tokenizer.str_rep\" is \"_\", expected ▁");
  text_refused("/pre_tokenizer", metaspace("prepend_scheme", "last"),
               "key \"pre_tokenizer.prepend_scheme\" is \"last\", expected never, first or always");
  auto contradiction = metaspace("prepend_scheme", "first");
  contradiction["add_prefix_space"] = false;
  text_refused("/pre_tokenizer", contradiction,
               "key \"pre_tokenizer.prepend_scheme\" is \"first\", expected never, because add_prefix_space is false");
  text_refused("/decoder/decoders/0/pattern/String", "_",
               "key \"decoder.decoders[0].pattern.String\" is \"_\", expected ▁");
  text_refused("/decoder/decoders/0/content", "_", "key \"decoder.decoders[0].content\" is \"_\", expected a space");
  text_refused("/decoder/decoders/2/type", "Strip",
               "key \"decoder.decoders[2].type\" is \"Strip\", expected Fuse before it: only a whole text is stripped");
  text_refused("/decoder/decoders/3/stop", 1, "key \"decoder.decoders[3].stop\" is 1, expected 0");
  text_refused("/decoder/decoders/3/start", 9,
               "key \"decoder.decoders[3].start\" is 9, expected a whole number below 8");
  text_refused("/decoder/decoders/3/content", "_", "key \"decoder.decoders[3].content\" is \"_\", expected a space");
  text_refused(
      "/decoder/decoders/1/type", "Fuse",
      "key \"decoder.decoders[2].type\" is \"Fuse\", expected ByteLevel alone, or Replace, ByteFallback, Fuse, "
      "Strip in this order");
  text_refused("/decoder", {{"type", "ByteFallback"}}, "key \"decoder\": Fuse is missing: tokens would not be joined");
  text_refused("/model/byte_fallback", true,
               "key \"model.byte_fallback\" is true, expected false: model.vocab has no token <0x00>");
  text_refused("/model/unk_token", "<none>", "key \"model.unk_token\" is \"<none>\", expected a token of model.vocab");
}

}  // namespace tokenizer_json_test
