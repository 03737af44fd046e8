#include "strata/model/tensor_view.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/write_safetensors.hpp"

namespace tensor_view_test {

using strata::element_type;
using strata::tensor_view;

namespace {

tensor_view view_of(const safetensors_writer::tensor& tensor) {
  return {tensor.name, "file: tensor \"" + tensor.name + '"', strata::find_element_type(tensor.dtype)->type,
          tensor.shape, tensor.bytes};
}

template <class T>
std::vector<T> expanded(const tensor_view& tensor) {
  std::vector<T> out(tensor.elements());
  strata::expand(tensor, std::span<T>(out));
  return out;
}

template <class Stored, class T>
void check_expansion(const char* dtype, const std::vector<Stored>& values, const std::vector<T>& expected) {
  CAPTURE(dtype);
  CHECK(expanded<T>(view_of(safetensors_writer::stored("x", dtype, {values.size()}, values))) == expected);
}

}  // namespace

TEST_CASE("expansion of real types is exact, F64 to float is rounded to nearest") {
  const std::vector<float> singles{0, -0.0F, 1.5F, -3.25e-41F, 3.4e38F};
  const std::vector<double> doubles{0, -0.0, 1.5, static_cast<double>(-3.25e-41F), static_cast<double>(3.4e38F)};
  check_expansion("F32", singles, singles);
  check_expansion("F32", singles, doubles);
  check_expansion("F64", std::vector<double>{0.1, 1e300}, std::vector<double>{0.1, 1e300});
  check_expansion("F64", std::vector<double>{0.1, -7}, std::vector<float>{0.1F, -7});
  check_expansion("F16", std::vector<std::uint16_t>{0x3e00, 0x0001}, std::vector<float>{1.5F, 0x1p-24F});
  check_expansion("F16", std::vector<std::uint16_t>{0xbe00, 0x83ff}, std::vector<double>{-1.5, -0x1.ff8p-15});
  check_expansion("BF16", std::vector<std::uint16_t>{0x3fc0, 0x0001}, std::vector<float>{1.5F, 0x1p-133F});
  check_expansion("BF16", std::vector<std::uint16_t>{0xbfc0}, std::vector<double>{-1.5});
  const auto specials = expanded<double>(view_of(safetensors_writer::f16("x", {2}, {1e6F, -1e6F})));
  CHECK(specials ==
        std::vector<double>{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()});
}

TEST_CASE("a tensor of several pieces, in one thread and in more") {
  constexpr std::size_t piece = std::size_t{1} << 18;
  for (const std::size_t count : {piece, piece + 1, 3 * piece - 1}) {
    CAPTURE(count);
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
    const auto tensor = safetensors_writer::f32("x", {count}, values);
    for (const std::size_t threads : {1U, 2U, 3U}) {
      std::vector<double> out(count);
      strata::expand(view_of(tensor), std::span<double>(out), threads);
      CHECK(std::equal(out.begin(), out.end(), values.begin()));
    }
  }
}

TEST_CASE("expansion of integers and booleans") {
  using ints = std::vector<std::int32_t>;
  check_expansion("I32", ints{1, -2}, ints{1, -2});
  check_expansion("I16", std::vector<std::int16_t>{-32768}, ints{-32768});
  check_expansion("I8", std::vector<std::int8_t>{-128, 127}, ints{-128, 127});
  check_expansion("U8", std::vector<std::uint8_t>{0, 255}, ints{0, 255});
  check_expansion("BOOL", std::vector<std::uint8_t>{0, 1}, ints{0, 1});
  check_expansion("I64", std::vector<std::int64_t>{-2147483648LL, 2147483647LL}, ints{-2147483647 - 1, 2147483647});
}

TEST_CASE("expansion is refused where the values do not fit the type asked for") {
  std::vector<std::int32_t> whole(1);
  std::vector<float> real(1);
  const auto low = safetensors_writer::stored<std::int64_t>("x", "I64", {1}, {-2147483649LL});
  CHECK_THROWS_WITH_AS(strata::expand(view_of(low), std::span<std::int32_t>(whole)),
                       "file: tensor \"x\" holds -2147483649, expected 32-bit integers", strata::data_error);
  const auto longs = safetensors_writer::stored<std::int64_t>("x", "I64", {1}, {2147483648LL});
  CHECK_THROWS_WITH_AS(strata::expand(view_of(longs), std::span<std::int32_t>(whole)),
                       "file: tensor \"x\" holds 2147483648, expected 32-bit integers", strata::data_error);
  CHECK_THROWS_WITH_AS(strata::expand(view_of(longs), std::span<float>(real)),
                       "file: tensor \"x\" has type I64, expected F64, F32, F16, BF16 or a quantised type",
                       strata::data_error);
  CHECK_THROWS_WITH_AS(strata::expand(view_of(safetensors_writer::f32("w", {1}, {1})), std::span<std::int32_t>(whole)),
                       "file: tensor \"w\" has type F32, expected an integer type", strata::data_error);
}

TEST_CASE("expansion at any length and any alignment") {
  std::vector<float> values;
  for (int i = 0; i < 70; ++i) values.push_back(std::ldexp(static_cast<float>(i * 37 % 101 - 50), i % 9 - 12));
  for (std::size_t length = 0; length <= values.size(); ++length)
    for (std::size_t shift = 0; shift < 4; ++shift)
      for (const auto make : {safetensors_writer::f32, safetensors_writer::f16, safetensors_writer::bf16}) {
        const std::vector<float> part(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(length));
        const auto tensor = make("x", {length}, part);
        std::vector<std::byte> shifted(shift);
        shifted.insert(shifted.end(), tensor.bytes.begin(), tensor.bytes.end());
        tensor_view view = view_of(tensor);
        view.bytes = std::span<const std::byte>(shifted).subspan(shift);
        REQUIRE(expanded<float>(view) == part);
      }
}

TEST_CASE("rows of a tensor") {
  const auto tensor = safetensors_writer::f32("x", {3, 1, 2}, {0, 1, 10, 11, 20, 21});
  const tensor_view view = view_of(tensor);
  std::vector<float> two_rows(4);
  strata::expand_rows(view, 1, std::span<float>(two_rows));
  CHECK(two_rows == std::vector<float>{10, 11, 20, 21});
  std::vector<double> last(2);
  strata::expand_rows(view, 2, std::span<double>(last));
  CHECK(last == std::vector<double>{20, 21});
  strata::expand_rows(view, 3, std::span<double>());
  strata::expand_rows(view_of(safetensors_writer::f32("x", {0, 2}, {})), 0, std::span<double>());

  std::vector<float> odd(3);
  CHECK_THROWS_AS(strata::expand_rows(view, 0, std::span<float>(odd)), contract_violation);
  CHECK_THROWS_AS(strata::expand_rows(view, 2, std::span<float>(two_rows)), contract_violation);
  CHECK_THROWS_AS(strata::expand_rows(view, 4, std::span<float>()), contract_violation);
  CHECK_THROWS_AS(strata::expand(view, std::span<float>(two_rows)), contract_violation);
}

TEST_CASE("the expected shape, or a sentence") {
  tensor_view view = view_of(safetensors_writer::f32("x", {2, 3}, {1, 2, 3, 4, 5, 6}));
  const std::vector<std::size_t> right{2, 3}, wrong{3, 2};
  CHECK(&strata::require_shape(view, right) == &view);
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::require_shape(view, wrong)),
                       "file: tensor \"x\" has shape (2, 3), expected (3, 2)", strata::data_error);
  CHECK_THROWS_AS(static_cast<void>(strata::require_shape(view, {})), strata::data_error);
}

TEST_CASE("elements and shapes as text; no dimension means one number") {
  tensor_view view;
  CHECK(view.elements() == 1);
  CHECK(strata::shape_text(view.shape) == "()");
  view.shape = {3, 4, 5};
  CHECK(view.elements() == 60);
  CHECK(strata::shape_text(view.shape) == "(3, 4, 5)");
}

}  // namespace tensor_view_test
