#include "strata/text/token_spelling.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using strata::token_spelling;

TEST_CASE("tokens of single bytes") {
  for (int b = 0; b < 256; ++b) {
    const auto byte = static_cast<std::uint8_t>(b);
    REQUIRE(strata::byte_of_token(strata::byte_token(byte)) == static_cast<char>(byte));
  }
  CHECK(strata::byte_token(10) == "<0x0A>");
  CHECK(strata::byte_of_token("<0xaF>") == '\xaf');
  for (const auto* other : {"", "<0x0A", "0x0A>", "<0x0A>>", "<0x0G>", "<0X0A>", "<0x+1>"})
    CHECK_FALSE(strata::byte_of_token(other));
}

TEST_CASE("bytes in a substitute alphabet") {
  const token_spelling spelling;
  CHECK(spelling.bytes_of("Ġa") == " a");
  CHECK_FALSE(spelling.bytes_of("▁a"));
}

TEST_CASE("text, with marks for spaces and names for bytes if the file says so") {
  const token_spelling plain{.byte_level = false};
  CHECK(plain.bytes_of("▁<0x41>") == "▁<0x41>");
  CHECK(plain.bytes_of("<0x41>") == "<0x41>");
  const token_spelling spelling{.byte_level = false, .marked_spaces = true, .named_bytes = true};
  CHECK(spelling.bytes_of("▁▁a▁b") == "  a b");
  CHECK(spelling.bytes_of("<0x41>") == "A");
  CHECK(spelling.bytes_of("").value().empty());
}
