#include "strata/text/gguf_words.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <string_view>

namespace {

std::string words(std::string_view name, const std::string& text) {
  const auto split = strata::find_gguf_words(name, "t.gguf").words().split(text);
  std::string out, word;
  for (const auto& [begin, end] : split.ranges) {
    strata::to_utf8(split.text, begin, end, word);
    out += (out.empty() ? "" : "|") + word;
  }
  return out;
}

}  // namespace

TEST_CASE("the words of each family") {
  const std::string text = "We'LL see HTTPServer's 1234 x/\n  日本語です. ";
  for (const auto* name : {"gpt-2", "gpt2", "phi-2", "mpt", "olmo"})
    CHECK(words(name, text) == "We|'|LL| see| HTTPServer|'s| 1234| x|/|\n | 日本語です|.| ");
  for (const auto* name : {"smollm", "starcoder"})
    CHECK(words(name, text) == "We|'|LL| see| HTTPServer|'s| |1|2|3|4| x|/|\n | 日本語です|.| ");
  for (const auto* name : {"llama-bpe", "llama3", "llama-v3", "dbrx", "smaug-bpe"})
    CHECK(words(name, text) == "We|'LL| see| HTTPServer|'s| |123|4| x|/\n| | 日本語です|.| ");
  for (const auto* name : {"qwen2", "deepseek-r1-qwen", "stablelm2"})
    CHECK(words(name, text) == "We|'LL| see| HTTPServer|'s| |1|2|3|4| x|/\n| | 日本語です|.| ");
  CHECK(words("tekken", text) == "We|'LL| see| HTTPServer|'s| |1|2|3|4| x|/\n| | 日本語です|.| ");
  CHECK(words("tekken", "camelCase HTMLPage") == "camel|Case| HTMLPage");
  CHECK(words("deepseek-coder", text) == "We|'|LL| see| HTTPServer|'|s| |1|2|3|4| x|/|\n| | |日本語です|.| ");
  CHECK(words("deepseek-v3", text) == "We|'LL| see| HTTPServer|'s| |123|4| x|/\n|  |日本語です|.| ");
}

TEST_CASE("each name once, each with words") {
  std::set<std::string_view> names;
  for (const auto& known : strata::known_gguf_words) {
    CHECK(names.insert(known.name).second);
    CHECK_FALSE(known.patterns[0].empty());
    CHECK(&strata::find_gguf_words(known.name, "") == &known);
  }
}

TEST_CASE("a pre-tokenizer that is not known is named") {
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::find_gguf_words("default", "t.gguf")),
                       doctest::Contains("t.gguf: tokenizer.ggml.pre is \"default\", which is not supported "
                                         "(supported: gpt-2, gpt2, "),
                       strata::data_error);
}
