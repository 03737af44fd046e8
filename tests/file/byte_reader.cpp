#include "strata/file/byte_reader.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

using strata::detail::byte_reader;
using strata::detail::quoted_bytes;

TEST_CASE("numbers and texts in the order in which they lie") {
  const std::array<std::uint8_t, 15> content{7, 0x34, 0x12, 3, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c', 9};
  byte_reader reader(std::as_bytes(std::span(content)), "f");
  CHECK(reader.number<std::uint8_t>("x") == 7);
  CHECK(reader.number<std::uint16_t>("x") == 0x1234);
  CHECK(reader.text("x") == "abc");
  CHECK(reader.position() == 14);
  CHECK(reader.left() == 1);
  CHECK(reader.take(0, 8, "x").empty());
  CHECK_THROWS_WITH_AS(static_cast<void>(reader.number<std::uint32_t>("a count")),
                       "f: the file is cut off at byte 14, expected a count (1 × 4 bytes or more), found 1 bytes",
                       strata::data_error);
  CHECK(reader.take(1, 1, "x")[0] == std::byte{9});
}

TEST_CASE("lengths whose product with the size would overflow") {
  const std::array<std::uint8_t, 9> content{255, 255, 255, 255, 255, 255, 255, 255, 1};
  byte_reader reader(std::as_bytes(std::span(content)), "f");
  CHECK_THROWS_WITH_AS(static_cast<void>(reader.take(std::uint64_t{1} << 61, 8, "numbers")),
                       doctest::Contains("expected numbers (2305843009213693952 × 8 bytes"), strata::data_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(reader.text("a text")),
                       doctest::Contains("expected a text (18446744073709551615 × 1 bytes"), strata::data_error);
}

TEST_CASE("bytes in a message: escaped and shortened") {
  CHECK(quoted_bytes("a\"\\b") == "\"a\\\"\\\\b\"");
  CHECK(quoted_bytes(std::string("\0\n\x1b\xff", 4)) == "\"\\x00\\x0a\\x1b\\xff\"");
  CHECK(quoted_bytes(std::string(101, 'x')) == '"' + std::string(100, 'x') + "…\"");
}
