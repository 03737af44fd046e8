#include "strata/report/base64.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace base64_test {

using strata::detail::base64_bytes;
using strata::detail::base64_of;
using bytes = std::vector<std::uint8_t>;

namespace {

bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("the examples of RFC 4648, both ways") {
  const std::vector<std::pair<std::string, std::string>> examples{{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"}};
  for (const auto& example : examples) {
    CHECK(base64_of(bytes_of(example.first)) == example.second);
    CHECK(base64_bytes(example.second) == bytes_of(example.first));
  }
  CHECK(base64_of(bytes{0xFB, 0xFF, 0xBF}) == "+/+/");
}

TEST_CASE("any bytes come back") {
  std::mt19937 random(1);
  for (std::size_t length = 0; length < 200; ++length) {
    bytes some(length);
    for (auto& byte : some) byte = static_cast<std::uint8_t>(random());
    CHECK(base64_bytes(base64_of(some)) == some);
  }
}

TEST_CASE("a text that is not the one of some bytes is refused") {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "=g==", "Zg==Zg==", "Zm9v\n", "Zm9v    ", "Zm 9",
                           "Zm9-", "Zm9_", "Zm=v", "Zh==", "Zm9=", "Zm\xc3\xa9"})
    CHECK_MESSAGE(!base64_bytes(text), text);
  CHECK_FALSE(base64_bytes(std::string_view("Zm9\0", 4)));
}

TEST_CASE("of all texts of four characters exactly those are taken that are written") {
  // digits with different low bits, padding, and what is neither
  constexpr std::string_view characters = "AQBg/=- ";
  for (const char a : characters)
    for (const char b : characters)
      for (const char c : characters)
        for (const char d : characters) {
          const std::string text{a, b, c, d};
          CAPTURE(text);
          if (const auto read = base64_bytes(text)) {
            CHECK(base64_of(*read) == text);
          } else {
            const bool digits = text.find_first_of("=- ") == std::string::npos;
            CHECK_FALSE(digits);
          }
        }
}

}  // namespace base64_test
