#include "strata/text/pre_tokenizer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using strata::mark_spaces;
using strata::pre_tokenizer;
using strata::prefix_space;
using strata::split_behavior;
using strata::split_pattern;

namespace {

std::string words(const pre_tokenizer& splitter, const std::string& text) {
  const auto split = splitter.split(text);
  std::string out, word;
  for (const auto& [begin, end] : split.ranges) {
    strata::to_utf8(split.text, begin, end, word);
    out += (out.empty() ? "" : "|") + word;
  }
  return out;
}

split_pattern regex(std::string_view pattern) {
  return {pattern, split_pattern::kind::regex, split_behavior::isolated};
}

const pre_tokenizer& gpt2() {
  static const pre_tokenizer splitter({regex(strata::gpt2_words)});
  return splitter;
}

}  // namespace

TEST_CASE("GPT-2's words") {
  CHECK(words(gpt2(), "").empty());
  CHECK(words(gpt2(), "Hello, world!") == "Hello|,| world|!");
  CHECK(words(gpt2(), "we'll it's I'M") == "we|'ll| it|'s| I|'|M");
  CHECK(words(gpt2(), "a  b   ") == "a| | b|   ");
  CHECK(words(gpt2(), "x\n\n y 12ab½") == "x|\n\n| y| 12|ab|½");
  CHECK(words(gpt2(), "日本 😀é") == "日本| 😀|é");
}

TEST_CASE("without steps the text is one piece") {
  CHECK(words(pre_tokenizer(), "a b") == "a b");
  CHECK(pre_tokenizer().split("").ranges.empty());
}

TEST_CASE("a space is put before every piece that has none, and before no text nothing") {
  CHECK(words(pre_tokenizer({prefix_space{}}), "ab") == " ab");
  CHECK(words(pre_tokenizer({prefix_space{}}), " ab") == " ab");
  CHECK(words(pre_tokenizer({prefix_space{}}), "\tab") == " \tab");
  CHECK(words(pre_tokenizer({prefix_space{}}), "").empty());
  CHECK(words(pre_tokenizer({regex("\\p{N}"), prefix_space{}}), "a1 b😀") == " a| 1| b😀");
}

TEST_CASE("a step sees only the piece that the one before left") {
  const pre_tokenizer splitter({regex("\\p{N}"), regex(strata::gpt2_words)});
  CHECK(words(splitter, "a 12 b  3") == "a| |1|2| b|  |3");
}

TEST_CASE("runs of a million characters need neither stack nor quadratic time") {
  constexpr std::size_t million = 1'000'000;
  const pre_tokenizer llama3({regex(
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)")});
  for (const auto* splitter : {&gpt2(), &llama3}) {
    for (const char c : {' ', '\n', 'a', '!'}) {
      CHECK(splitter->split(std::string(million, c)).ranges.size() == 1);
      const std::size_t with_letter = c == 'a' ? 1 : c == '\n' && splitter == &gpt2() ? 3 : 2;
      CHECK(splitter->split(std::string(million, c) + "x").ranges.size() == with_letter);
    }
  }
  CHECK(gpt2().split(std::string(million, '7')).ranges.size() == 1);
  CHECK(llama3.split(std::string(million, '7')).ranges.size() == (million + 2) / 3);
}

TEST_CASE("spaces are marked, and a mark put before pieces that begin without one") {
  using prefix = mark_spaces::prefix;
  const auto marked = [](prefix where, const std::string& text, bool begins_text) {
    const auto split = pre_tokenizer({regex("\n"), mark_spaces{where}}).split(text, begins_text);
    std::string out, word;
    for (const auto& [begin, end] : split.ranges) {
      strata::to_utf8(split.text, begin, end, word);
      out += (out.empty() ? "" : "|") + word;
    }
    return out;
  };
  for (const bool begins_text : {false, true}) {
    CHECK(marked(prefix::always, "a  b\n c", begins_text) == "▁a▁▁b|▁\n|▁c");
    CHECK(marked(prefix::never, "a  b\n c", begins_text) == "a▁▁b|\n|▁c");
    CHECK(marked(prefix::first, " a\nb", begins_text) == "▁a|\n|b");
    CHECK(marked(prefix::always, "▁a", begins_text) == "▁a");
  }
  CHECK(marked(prefix::first, "a\nb", true) == "▁a|\n|b");
  CHECK(marked(prefix::first, "a\nb", false) == "a|\n|b");
}
