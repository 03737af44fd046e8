#include "strata/file/gguf_value.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "support/write_gguf.hpp"

using gguf_writer::array;
using gguf_writer::one;
using strata::gguf_value;

namespace {

gguf_value value_of(const gguf_writer::setting& setting) {
  strata::detail::byte_reader reader(setting.value, "f");
  const gguf_value value = gguf_value::read(reader, setting.type, "setting \"x\"");
  CHECK(reader.left() == 0);
  return value;
}

void refused(const gguf_writer::setting& setting, const std::string& message) {
  strata::detail::byte_reader reader(setting.value, "f");
  CHECK_THROWS_WITH_AS(static_cast<void>(gguf_value::read(reader, setting.type, "setting \"x\"")),
                       ("f: " + message).c_str(), strata::data_error);
}

template <class T>
void check_integer(T least, T most) {
  for (const T value : {least, most}) {
    const auto setting = one("x", value);
    const gguf_value read = value_of(setting);
    CHECK(read.as_integer() == static_cast<std::int64_t>(value));
    CHECK(read.as_real() == static_cast<double>(value));
    CHECK_FALSE(read.as_flag());
    CHECK_FALSE(read.as_text());
    CHECK_FALSE(read.as_integers());
    CHECK(read.shown() == std::to_string(value));
  }
  const auto setting = array("x", std::vector<T>{least, most});
  CHECK(value_of(setting).as_integers() ==
        std::vector<std::int64_t>{static_cast<std::int64_t>(least), static_cast<std::int64_t>(most)});
  CHECK(value_of(setting).as_reals() == std::vector<float>{static_cast<float>(least), static_cast<float>(most)});
  CHECK_FALSE(value_of(setting).as_integer());
}

}  // namespace

TEST_CASE("integers of every width") {
  check_integer<std::uint8_t>(0, 255);
  check_integer<std::int8_t>(-128, 127);
  check_integer<std::uint16_t>(0, 65535);
  check_integer<std::int16_t>(-32768, 32767);
  check_integer<std::uint32_t>(0, 4294967295U);
  check_integer<std::int32_t>(std::numeric_limits<std::int32_t>::min(), 2147483647);
  check_integer<std::int64_t>(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  check_integer<std::uint64_t>(0, 9223372036854775807U);
  const auto large = one<std::uint64_t>("x", 9223372036854775808U);
  CHECK_FALSE(value_of(large).as_integer());
  CHECK(value_of(large).as_real() == 0x1p63);
  CHECK(value_of(large).shown() == "9223372036854775808");
  const auto large_array = array<std::uint64_t>("x", {1, 9223372036854775808U});
  CHECK_FALSE(value_of(large_array).as_integers());
}

TEST_CASE("reals, flags and texts") {
  const auto single = one("x", 0.1F);
  CHECK(value_of(single).as_real() == static_cast<double>(0.1F));
  CHECK_FALSE(value_of(single).as_integer());
  CHECK(value_of(single).shown() == "0.1");
  const auto wide = one("x", 1e-300);
  CHECK(value_of(wide).as_real() == 1e-300);
  const auto flag = one("x", true);
  CHECK(value_of(flag).as_flag() == true);
  CHECK_FALSE(value_of(flag).as_integer());
  CHECK_FALSE(value_of(flag).as_real());
  CHECK(value_of(flag).shown() == "true");
  const auto no = one("x", false);
  CHECK(value_of(no).as_flag() == false);
  CHECK(value_of(no).shown() == "false");
  const auto word = gguf_writer::text("x", "two\nlines");
  CHECK(value_of(word).as_text() == "two\nlines");
  CHECK(value_of(word).shown() == "\"two\\x0alines\"");
  const auto empty = gguf_writer::text("x", "");
  CHECK(value_of(empty).as_text() == "");
}

TEST_CASE("arrays") {
  const auto texts = array<std::string>("x", {"a", "", "long"});
  CHECK(value_of(texts).as_texts() == std::vector<std::string_view>{"a", "", "long"});
  CHECK_FALSE(value_of(texts).as_reals());
  CHECK_FALSE(value_of(texts).as_text());
  CHECK(value_of(texts).shown() == "an array of 3 texts");
  const auto reals = array<float>("x", {1.5F, -2});
  CHECK(value_of(reals).as_reals() == std::vector<float>{1.5F, -2});
  CHECK_FALSE(value_of(reals).as_texts());
  CHECK_FALSE(value_of(reals).as_integers());
  CHECK_FALSE(value_of(reals).as_flags());
  CHECK(value_of(reals).shown() == "an array of 2 numbers");
  const auto flags = array<bool>("x", {true, false});
  CHECK(value_of(flags).as_flags() == std::vector<bool>{true, false});
  CHECK_FALSE(value_of(flags).as_reals());
  const auto none = array<std::int32_t>("x", {});
  CHECK(value_of(none).as_integers()->empty());
  CHECK(value_of(none).size() == 0);
}

TEST_CASE("arrays within arrays") {
  const auto nested = [](int levels) {
    gguf_writer::setting s{"x", 9, {}};
    for (int i = 1; i < levels; ++i) {
      gguf_writer::put<std::uint32_t>(s.value, 9);
      gguf_writer::put<std::uint64_t>(s.value, 1);
    }
    const auto inner = array<std::uint8_t>("", {1, 2});
    s.value.insert(s.value.end(), inner.value.begin(), inner.value.end());
    return s;
  };
  CHECK(value_of(nested(1)).size() == 2);
  CHECK(value_of(nested(4)).shown() == "an array of 1 arrays");
  CHECK_FALSE(value_of(nested(2)).as_integers());
  refused(nested(5), "setting \"x\": arrays are nested deeper than 4 levels");
  refused(nested(100000), "setting \"x\": arrays are nested deeper than 4 levels");
}

TEST_CASE("refused values") {
  refused({"x", 13, {}}, "setting \"x\": type of the value, expected at most 12, found 13");
  auto types = array<std::uint8_t>("x", {});
  types.value[0] = std::byte{99};
  refused(types, "setting \"x\": type of the value, expected at most 12, found 99");
  auto flag = one("x", true);
  flag.value[0] = std::byte{2};
  refused(flag, "setting \"x\": a flag, expected 0 or 1, found 2");
  auto flags = array<bool>("x", {true, true});
  flags.value.back() = std::byte{255};
  refused(flags, "setting \"x\": a flag, expected 0 or 1, found 255");
  const auto with_count = [](auto setting, std::uint64_t count) {
    std::memcpy(setting.value.data() + 4, &count, sizeof count);
    return setting;
  };
  refused(
      with_count(array<float>("x", {1}), std::uint64_t{1} << 62),
      "the file is cut off at byte 12, expected setting \"x\" (4611686018427387904 × 4 bytes or more), found 4 bytes");
  refused(with_count(array<std::string>("x", {"a"}), 2),
          "the file is cut off at byte 12, expected setting \"x\" (2 × 8 bytes or more), found 9 bytes");
  auto arrays = with_count(array<std::uint8_t>("x", {}), 1);
  arrays.value[0] = std::byte{9};
  refused(arrays, "the file is cut off at byte 12, expected setting \"x\" (1 × 12 bytes or more), found 0 bytes");
}
