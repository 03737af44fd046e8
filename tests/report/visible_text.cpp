#include "strata/report/visible_text.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

using strata::detail::utf8_length;
using strata::detail::visible_text;

TEST_CASE("text stays, control characters and what is no UTF-8 become \\xNN") {
  CHECK(visible_text("") == "");
  CHECK(visible_text(" The é 日本 😀 \"\\&<") == " The é 日本 😀 \"\\&<");
  CHECK(visible_text("a\nb\tc\x7f") == "a\\x0ab\\x09c\\x7f");
  CHECK(visible_text(std::string("\0", 1)) == "\\x00");
  CHECK(visible_text("\xe6\x97") == "\\xe6\\x97");           // the beginning of a character
  CHECK(visible_text("\xa5x") == "\\xa5x");                  // the end of one
  CHECK(visible_text("\xc0\xaf") == "\\xc0\\xaf");           // longer than it need be
  CHECK(visible_text("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
  CHECK(visible_text("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(visible_text("\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd") == "\\xef\\xbf\\xbe\\xef\\xbf\\xbf\xef\xbf\xbd");
}

TEST_CASE("a sequence of bytes is a character exactly if the JSON library takes it for one") {
  const auto agrees = [](const std::string& bytes) {
    bool valid = true;
    try {
      static_cast<void>(nlohmann::json(bytes).dump());
    } catch (const nlohmann::json::exception&) {
      valid = false;
    }
    return valid == (utf8_length(bytes) == bytes.size());
  };
  const unsigned telling[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
                              0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF};
  std::size_t wrong = 0;
  for (unsigned a = 0x80; a < 0x100; ++a) {
    const std::string one(1, static_cast<char>(a));
    wrong += agrees(one) ? 0 : 1;
    for (const unsigned b : telling) {
      const std::string two = one + static_cast<char>(b);
      if (a >= 0xC0) wrong += agrees(two) ? 0 : 1;
      for (const unsigned c : telling) {
        const std::string three = two + static_cast<char>(c);
        if (a >= 0xE0) wrong += agrees(three) ? 0 : 1;
        for (const unsigned d : telling)
          if (a >= 0xF0) wrong += agrees(three + static_cast<char>(d)) ? 0 : 1;
      }
    }
  }
  CHECK(wrong == 0);
}
