#include "strata/text/utf8.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

void refused_at(const std::string& text, std::size_t offset) {
  const std::string place = strata::concat("at offset ", offset, " ");
  try {
    strata::require_utf8(text);
    FAIL("accepted");
  } catch (const strata::data_error& e) {
    CHECK_MESSAGE(std::string(e.what()).find(place) != std::string::npos, e.what());
  }
}

}  // namespace

TEST_CASE("valid UTF-8 is accepted") {
  strata::require_utf8("");
  strata::require_utf8(std::string("a\0é日😀\xf4\x8f\xbf\xbf", 15));
}

TEST_CASE("invalid UTF-8 is refused with the offset of the first byte of the sequence") {
  refused_at("\xff", 0);
  refused_at("ab\x80", 2);            // a continuation byte alone
  refused_at("é\xc3", 2);             // cut
  refused_at("日\xe6\x97", 3);        // cut
  refused_at("a\xc0\xaf", 1);         // overlong
  refused_at("a\xed\xa0\x80z", 1);    // a surrogate
  refused_at("\xf4\x90\x80\x80", 0);  // above U+10FFFF
  CHECK_THROWS_WITH_AS(strata::require_utf8("ab\x80"),
                       "the text is not valid UTF-8: byte 128 at offset 2 does not start a complete character",
                       strata::data_error);
}

TEST_CASE("UTF-16 and back") {
  const std::string text = "aé日😀";
  const auto wide = strata::to_utf16(text);
  CHECK(wide.length() == 5);
  std::string out = "something";
  strata::to_utf8(wide, 0, 5, out);
  CHECK(out == text);
  strata::to_utf8(wide, 2, 5, out);
  CHECK(out == "日😀");
  strata::to_utf8(wide, 2, 2, out);
  CHECK(out.empty());
}

TEST_CASE("code points forwards and backwards") {
  const std::string text = "é日";
  std::size_t offset = 0;
  CHECK(strata::next_code_point(text, offset) == 0xe9);
  CHECK(strata::next_code_point(text, offset) == 0x65e5);
  CHECK(offset == 5);
  CHECK(strata::previous_code_point(text, offset) == 0x65e5);
  CHECK(strata::previous_code_point(text, offset) == 0xe9);
  CHECK(offset == 0);
}

TEST_CASE("a shortened text ends with a whole character") {
  CHECK(strata::whole_characters("aé日", 10) == "aé日");
  CHECK(strata::whole_characters("aé日", 5) == "aé");
  CHECK(strata::whole_characters("aé日", 2) == "a");
  CHECK(strata::whole_characters("日", 1).empty());
}
