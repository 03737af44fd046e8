#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "file/fuzz_gguf.hpp"
#include "support/mutations.hpp"
#include "support/saved_inputs.hpp"
#include "support/write_gguf.hpp"

namespace {

using bytes = std::vector<std::uint8_t>;

constexpr std::size_t data_bytes = 32 + 34 + 30 + 16;

bytes small_file() {
  gguf_writer::file file;
  file.settings = {gguf_writer::text("general.architecture", "llama"),
                   gguf_writer::one<std::uint32_t>("n", 2),
                   gguf_writer::one("flag", true),
                   gguf_writer::one("real", 0.5),
                   gguf_writer::array<std::string>("tokens", {"a", "bc"}),
                   gguf_writer::array<float>("scores", {0, -1}),
                   gguf_writer::array<bool>("flags", {true})};
  file.tensors = {{"w", 0, {4, 2}, 0}, {"q", 8, {32, 1}, 32}, {"x", 777, {2}, 96}, {"y", 0, {4}, 96}};
  file.data.resize(data_bytes, std::byte{1});
  const std::vector<std::byte> content = file.content();
  bytes out(content.size());
  std::memcpy(out.data(), content.data(), content.size());
  return out;
}

}  // namespace

TEST_CASE("a GGUF file that is cut off at any length is refused") {
  const bytes whole = small_file();
  REQUIRE(fuzz_gguf(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    // memory of exactly that size, so that a sanitizer sees a read beyond it
    REQUIRE_FALSE(fuzz_gguf(bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))));
  }
}

TEST_CASE("a GGUF file with any one bit of the header flipped is refused or readable") {
  const bytes whole = small_file();
  const std::size_t bits = 8 * (whole.size() - data_bytes);
  std::size_t accepted = 0;
  for (std::size_t bit = 0; bit < bits; ++bit) {
    bytes flipped = whole;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
    accepted += fuzz_gguf(flipped) ? 1 : 0;
  }
  CHECK(accepted > 0);  // keys, names and values may be anything
  CHECK(accepted < bits * 2 / 3);
}

TEST_CASE("mutated GGUF files are refused or readable") {
  const bytes whole = small_file();
  std::size_t accepted = 0;
  for (std::uint32_t seed = 0; seed < 6000; ++seed)
    accepted += fuzz_gguf(mutated(whole, whole.size() - data_bytes, seed)) ? 1 : 0;
  CHECK(accepted > 0);
  CHECK(accepted < 5000);
}

TEST_CASE("GGUF files that the fuzzer found are refused or readable") {
  CHECK(saved_inputs::some_are_accepted("gguf", fuzz_gguf));
}
