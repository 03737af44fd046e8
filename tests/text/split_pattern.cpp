#include "strata/text/split_pattern.hpp"

#include <doctest/doctest.h>
#include <unicode/uchar.h>

#include <cstdint>
#include <string>
#include <vector>

using strata::split_behavior;
using strata::split_pattern;
using enum strata::split_behavior;

namespace {

std::string pieces(const split_pattern& pattern, const std::string& text) {
  const auto wide = strata::to_utf16(text);
  std::string out, piece;
  for (const auto& [begin, end] : pattern.split(wide, {{0, wide.length()}})) {
    strata::to_utf8(wide, begin, end, piece);
    out += (out.empty() ? "" : "|") + piece;
  }
  return out;
}

std::string split(const std::string& pattern, split_behavior behavior, const std::string& text, bool invert = false) {
  return pieces(split_pattern(pattern, split_pattern::kind::regex, behavior, invert), text);
}

}  // namespace

TEST_CASE("what becomes of the matches") {
  CHECK(split("-", isolated, "the-final--countdown-") == "the|-|final|-|-|countdown|-");
  CHECK(split("-", removed, "the-final--countdown-") == "the|final|countdown");
  CHECK(split("-", contiguous, "the-final--countdown-") == "the|-|final|--|countdown|-");
  CHECK(split("-", merged_with_previous, "the-final--countdown-") == "the-|final-|-|countdown-");
  CHECK(split("-", merged_with_next, "-the-final--countdown-") == "-the|-final|-|-countdown|-");
}

TEST_CASE("inverted, the texts between the matches are what is treated") {
  CHECK(split("\\p{L}+", isolated, "ab12cd!", true) == "ab|12|cd|!");
  CHECK(split("\\p{L}+", removed, "ab12cd!", true) == "ab|cd");
  CHECK(split("\\p{L}", contiguous, "ab12cd!", true) == "ab|12|cd|!");
}

TEST_CASE("a match may be empty") {
  CHECK(split("(?=b)", isolated, "abab") == "a|ba|b");
  CHECK(split("(?=b)", merged_with_next, "abab") == "a|ba|b");
  CHECK(split("x*", isolated, "axxb") == "a|xx|b");
  CHECK(split("x*", merged_with_next, "axxb") == "a|xxb");
  CHECK(split("\\s*", removed, "a b") == "a|b");
}

TEST_CASE("a literal text is no pattern") {
  CHECK(pieces(split_pattern("a.", split_pattern::kind::literal, isolated), "aba.a.") == "ab|a.|a.");
}

TEST_CASE("a range is matched as if it were the whole text") {
  const auto text = strata::to_utf16("ab ba");
  const split_pattern pattern("(?<=a)b|\\s(?!b)", split_pattern::kind::regex, isolated);
  CHECK(pattern.split(text, {{0, 5}}).size() == 3);  // a, b, " ba"
  CHECK(pattern.split(text, {{1, 5}}).size() == 1);  // the 'a' before the range is not seen
  CHECK(pattern.split(text, {{0, 3}}).size() == 3);  // nor the 'b' behind it
  CHECK(pattern.split(text, {{0, 1}, {1, 3}}).size() == 3);
  CHECK(pattern.split(text, {}).empty());
}

TEST_CASE("white space is what Unicode says") {
  const split_pattern white("\\s", split_pattern::kind::regex, removed);
  const split_pattern not_white("[^\\s]", split_pattern::kind::regex, removed);
  for (std::int32_t point = 0; point < 0x3100; ++point) {
    const icu::UnicodeString text(static_cast<UChar32>(point));
    const bool space = u_isUWhiteSpace(point) != 0;
    REQUIRE(white.split(text, {{0, 1}}).empty() == space);
    REQUIRE(not_white.split(text, {{0, 1}}).empty() == !space);
  }
}

TEST_CASE("a dot is everything but the line feed") { CHECK(split(".", removed, "a\rb\n\xe2\x80\xa8") == "\n"); }

TEST_CASE("ignoring case goes by Unicode's folding") {
  CHECK(split("(?i:'s)", isolated, "a's b'S c'ſ") == "a|'s| b|'S| c|'ſ");
}

TEST_CASE("malformed patterns are refused") {
  const auto refused = [](const std::string& pattern, const std::string& message) {
    CHECK_THROWS_WITH_AS(split_pattern(pattern, split_pattern::kind::regex, isolated), message.c_str(),
                         strata::data_error);
  };
  refused("", "the pattern \"\" is empty");
  refused("a$", "the pattern \"a$\" has an unescaped '$' at offset 1, which is not supported");
  refused("[z-a]", "the pattern \"[z-a]\" is refused by ICU at character 4: U_REGEX_INVALID_RANGE");
  refused(std::string(20'000, 'a'), "the pattern \"" + std::string(200, 'a') + "\" is longer than 10000 bytes");
}

TEST_CASE("a pattern that needs exponentially many steps is given up") {
  CHECK_THROWS_AS(split("(a+)+b", isolated, std::string(60, 'a')), strata::data_error);
}
