#include "strata/model/quantised.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "strata/model/element_type.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/model/tensor_view.hpp"

using strata::element_type;
using strata::tensor_view;

namespace {

constexpr element_type quantised[] = {element_type::q4_0, element_type::q4_1, element_type::q5_0, element_type::q5_1,
                                      element_type::q8_0, element_type::q2_k, element_type::q3_k, element_type::q4_k,
                                      element_type::q5_k, element_type::q6_k};

template <class T>
std::vector<T> expanded(const tensor_view& tensor) {
  std::vector<T> out(tensor.elements());
  strata::expand(tensor, std::span<T>(out));
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// The k-th bits of a byte string, as wide as `bits`, counted from the least significant ones of the first byte.
unsigned field(const std::uint8_t* bytes, std::size_t k, unsigned bits) {
  const std::size_t first = k * bits;
  return (bytes[first / 8] >> (first % 8)) & ((1U << bits) - 1);
}

/// An element of a block by itself, in double: where its bits lie as a formula, no loops. Slow.
double element(element_type type, const std::uint8_t* b, std::size_t e) {
  const auto half = [b](std::size_t place) {
    return static_cast<double>(strata::widen_f16(static_cast<std::uint16_t>(b[place] | (b[place + 1] << 8))));
  };
  const auto nibble = [](const std::uint8_t* q, std::size_t i, std::size_t stride) {  // low halves, then high halves
    return static_cast<int>(q[i % stride] >> (i / stride * 4)) & 15;
  };
  const auto whole = [](unsigned n) { return static_cast<int>(n); };
  const auto packed = [](const std::uint8_t* s, std::size_t g, bool minimum) {  // of Q4_K and Q5_K
    const std::size_t own = g % 4 + (minimum ? 4 : 0);
    if (g < 4) return s[own] % 64;
    const int low = minimum ? s[8 + g % 4] / 16 : s[8 + g % 4] % 16;
    return low + s[own] / 64 * 16;
  };
  const std::size_t part = e / 128, row = e / 32 % 4, column = e % 32;
  switch (type) {
    case element_type::q4_0:
      return half(0) * (nibble(b + 2, e, 16) - 8);
    case element_type::q4_1:
      return half(0) * nibble(b + 4, e, 16) + half(2);
    case element_type::q5_0:
      return half(0) * (nibble(b + 6, e, 16) + 16 * whole(field(b + 2, e, 1)) - 16);
    case element_type::q5_1:
      return half(0) * (nibble(b + 8, e, 16) + 16 * whole(field(b + 4, e, 1))) + half(2);
    case element_type::q8_0:
      return half(0) * static_cast<std::int8_t>(b[2 + e]);
    case element_type::q2_k: {
      const int q = whole(field(b + 16 + part * 32 + column, row, 2));
      return half(80) * (b[e / 16] % 16) * q - half(82) * (b[e / 16] / 16);
    }
    case element_type::q3_k: {
      const std::size_t g = e / 16;
      const int scale = whole(field(b + 96 + g % 8, g / 8, 4)) + 16 * whole(field(b + 104 + g % 4, g / 4, 2)) - 32;
      const int q = whole(field(b + 32 + part * 32 + column, row, 2)) + 4 * whole(field(b + column, e / 32, 1)) - 4;
      return half(108) * scale * q;
    }
    case element_type::q4_k: {
      const int q = nibble(b + 16 + e / 64 * 32, e % 64, 32);
      return half(0) * packed(b + 4, e / 32, false) * q - half(2) * packed(b + 4, e / 32, true);
    }
    case element_type::q5_k: {
      const int q = nibble(b + 48 + e / 64 * 32, e % 64, 32) + 16 * whole(field(b + 16 + column, e / 32, 1));
      return half(0) * packed(b + 4, e / 32, false) * q - half(2) * packed(b + 4, e / 32, true);
    }
    default: {
      REQUIRE(type == element_type::q6_k);
      const int q = nibble(b + part * 64, e % 128, 64) + 16 * whole(field(b + 128 + part * 32 + column, row, 2)) - 32;
      return half(208) * static_cast<std::int8_t>(b[192 + e / 16]) * q;
    }
  }
}

/// Random blocks; random halves may be subnormal, but infinities and NaNs are made finite.
std::vector<std::uint8_t> random_blocks(element_type type, std::size_t blocks) {
  std::mt19937 random(static_cast<unsigned>(type));
  const std::size_t size = strata::entry_of(type).bits / 8;
  std::vector<std::uint8_t> bytes(blocks * size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  for (std::size_t block = 0; block < blocks; ++block)
    for (const std::size_t place : {1U, 3U, 81U, 83U, 109U, 209U})  // upper bytes of all halves, and a few others
      if (place < size) bytes[block * size + place] &= 0xbf;
  return bytes;
}

tensor_view view_of(element_type type, std::vector<std::size_t> shape, std::span<const std::uint8_t> bytes) {
  return {"x", "f: tensor \"x\"", type, std::move(shape), std::as_bytes(bytes)};
}

}  // namespace

TEST_CASE("every type gives the golden values, to the bit, in float and in double") {
  std::size_t checked = 0;
  for (const char* path :
       {STRATA_TEST_DATA "/goldens/quants.safetensors", STRATA_TEST_DATA "/quants_2_3.safetensors"}) {
    const strata::safetensors_file file{std::filesystem::path(path)};
    for (const std::string& name : file.names()) {
      const std::size_t dot = name.find(".raw");
      if (dot == name.npos) continue;
      CAPTURE(name);
      const tensor_view& raw = file.tensor(name);
      const tensor_view& values = file.tensor(name.substr(0, dot) + ".values");
      tensor_view quantised_view = raw;
      quantised_view.dtype = strata::find_ggml_type(name.substr(0, dot));
      quantised_view.shape = values.shape;
      REQUIRE(quantised_view.dtype != element_type::other);
      CHECK(same_bits(expanded<float>(quantised_view), expanded<float>(values)));
      CHECK(expanded<double>(quantised_view) == expanded<double>(values));
      ++checked;
    }
  }
  CHECK(checked == 12);
}

TEST_CASE("every element has the value that its bits mean, in random blocks") {
  for (const element_type type : quantised) {
    const strata::element_type_entry& entry = strata::entry_of(type);
    CAPTURE(entry.name);
    constexpr std::size_t blocks = 200;
    const auto bytes = random_blocks(type, blocks);
    const auto values = expanded<float>(view_of(type, {blocks, entry.block}, bytes));
    int wrong = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double exact = element(type, bytes.data() + i / entry.block * (entry.bits / 8), i % entry.block);
      wrong += values[i] == static_cast<float>(exact) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("rows of a quantised tensor, at any alignment") {
  for (const element_type type : quantised) {
    const strata::element_type_entry& entry = strata::entry_of(type);
    CAPTURE(entry.name);
    const auto bytes = random_blocks(type, 6);
    const auto all = expanded<float>(view_of(type, {3, 2 * entry.block}, bytes));
    for (std::size_t shift = 0; shift < 4; ++shift) {
      std::vector<std::uint8_t> shifted(shift);
      shifted.insert(shifted.end(), bytes.begin(), bytes.end());
      const tensor_view view = view_of(type, {3, 2 * entry.block}, std::span(shifted).subspan(shift));
      std::vector<float> rows(2 * 2 * entry.block);
      strata::expand_rows(view, 1, std::span<float>(rows));
      CHECK(same_bits(rows, {all.begin() + static_cast<std::ptrdiff_t>(2 * entry.block), all.end()}));
      std::vector<double> last(2 * entry.block);
      strata::expand_rows(view, 2, std::span<double>(last));
      CHECK(last == std::vector<double>(rows.begin() + static_cast<std::ptrdiff_t>(2 * entry.block), rows.end()));
    }
  }
}

TEST_CASE("parts of blocks and integers are refused") {
  const auto bytes = random_blocks(element_type::q8_0, 2);
  const tensor_view line = view_of(element_type::q8_0, {64}, bytes);
  std::vector<float> few(3);
  CHECK_THROWS_WITH_AS(strata::expand_rows(line, 32, std::span<float>(few)),
                       "f: tensor \"x\": its rows, expected whole blocks of 32 elements of type Q8_0, found shape (64)",
                       strata::data_error);
  std::vector<float> block(32);
  CHECK_THROWS_AS(strata::expand_rows(line, 16, std::span<float>(block)), strata::data_error);
  strata::expand_rows(line, 32, std::span<float>(block));
  std::vector<std::int32_t> integers(64);
  CHECK_THROWS_WITH_AS(strata::expand(line, std::span<std::int32_t>(integers)),
                       "f: tensor \"x\" has type Q8_0, expected an integer type", strata::data_error);
}
