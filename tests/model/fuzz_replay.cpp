#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "model/fuzz_config_json.hpp"
#include "model/fuzz_mass_means_file.hpp"
#include "model/fuzz_means_file.hpp"
#include "model/fuzz_safetensors.hpp"
#include "model/fuzz_safetensors_header.hpp"
#include "model/fuzz_weight_map.hpp"
#include "strata/file/mapped_file.hpp"
#include "support/goldens.hpp"
#include "support/mutations.hpp"
#include "support/saved_inputs.hpp"
#include "support/write_safetensors.hpp"

namespace fuzz_replay_test {

namespace {

using bytes = std::vector<std::uint8_t>;

bytes small_weights() {
  const std::vector<std::byte> file = safetensors_writer::file_bytes(
      {safetensors_writer::f32("a.weight", {2, 3}, {1, 2, 3, 4, 5, 6}), safetensors_writer::bf16("b", {3}, {1, 2, 3}),
       safetensors_writer::stored<std::int64_t>("c", "I64", {1}, {1LL << 40}),
       safetensors_writer::stored<std::uint8_t>("d", "F8_E5M2", {2}, {1, 2})},
      {{"format", "pt"}});
  bytes out(file.size());
  std::memcpy(out.data(), file.data(), file.size());
  return out;
}

bytes config_of(const std::string& model) {
  const strata::mapped_file file(goldens::model_folder(model) + "/config.json");
  bytes out(file.bytes().size());
  std::memcpy(out.data(), file.bytes().data(), out.size());
  return out;
}

/// The first bytes in memory of exactly that size, so that a sanitizer sees a read beyond them.
bytes first_of(const bytes& input, std::size_t length) {
  return {input.begin(), input.begin() + static_cast<std::ptrdiff_t>(length)};
}

std::size_t header_end(const bytes& file) {
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  return 8 + static_cast<std::size_t>(length);
}

}  // namespace

TEST_CASE("a weight file that is cut off at any length is refused") {
  const bytes whole = small_weights();
  REQUIRE(fuzz_safetensors(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    REQUIRE_FALSE(fuzz_safetensors(first_of(whole, length)));
  }
}

TEST_CASE("a weight file with any one bit of the header flipped is refused or readable") {
  const bytes whole = small_weights();
  std::size_t accepted = 0;
  for (std::size_t bit = 0; bit < 8 * header_end(whole); ++bit) {
    bytes flipped = whole;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
    accepted += fuzz_safetensors(flipped) ? 1 : 0;
  }
  CHECK(accepted > 0);  // names and metadata may be anything
  CHECK(accepted < 8 * header_end(whole) / 4);
}

TEST_CASE("mutated weight files are refused or readable") {
  const bytes whole = small_weights();
  for (std::uint32_t seed = 0; seed < 4000; ++seed) {
    bytes changed = mutated(whole, header_end(whole), seed);
    if (seed % 2 == 0 && changed.size() >= 8) {  // half of them with a length that fits again
      const std::uint64_t length = changed.size() - 8 - (whole.size() - header_end(whole)) % (changed.size() - 7);
      std::memcpy(changed.data(), &length, sizeof length);
    }
    fuzz_safetensors(changed);
  }
}

TEST_CASE("weight files and headers that the fuzzers found are refused or readable") {
  CHECK(saved_inputs::some_are_accepted("safetensors", fuzz_safetensors));
  CHECK(saved_inputs::some_are_accepted("safetensors_header", fuzz_safetensors_header));
}

TEST_CASE("a configuration that is cut off at any length is refused") {
  bytes whole = config_of("llama_rope_llama3");
  while (whole.back() != '}') whole.pop_back();
  REQUIRE(fuzz_config_json(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    REQUIRE_FALSE(fuzz_config_json(first_of(whole, length)));
  }
}

TEST_CASE("mutated configurations are refused or computable") {
  for (const char* model : {"llama", "llama_rope_llama3", "gemma3_text", "gpt2", "gpt_neox", "phi3", "qwen2"}) {
    const bytes whole = config_of(model);
    std::size_t accepted = 0;
    for (std::uint32_t seed = 0; seed < 2000; ++seed)
      accepted += fuzz_config_json(mutated(whole, whole.size(), seed)) ? 1 : 0;
    CHECK(accepted > 0);
    CHECK(accepted < 1000);
  }
}

TEST_CASE("configurations that the fuzzer found are refused or computable") {
  CHECK(saved_inputs::some_are_accepted("config_json", fuzz_config_json));
}

TEST_CASE("an index of shards that is cut off at any length is refused, a mutated one refused or harmless") {
  const std::string text = R"({"metadata": {"total_size": 21}, "weight_map": {"a.weight": "m-1-of-2.safetensors",)"
                           R"( "b": "m-2-of-2.safetensors", "\u00e4": "x"}})";
  const bytes whole(text.begin(), text.end());
  REQUIRE(fuzz_weight_map(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    REQUIRE_FALSE(fuzz_weight_map(first_of(whole, length)));
  }
  std::size_t accepted = 0;
  for (std::uint32_t seed = 0; seed < 4000; ++seed)
    accepted += fuzz_weight_map(mutated(whole, whole.size(), seed)) ? 1 : 0;
  CHECK(accepted > 0);
  CHECK(accepted < 3000);
}

TEST_CASE("indices of shards that the fuzzer found are refused or harmless") {
  CHECK(saved_inputs::some_are_accepted("weight_map", fuzz_weight_map));
}

TEST_CASE("a file of means that is cut off or damaged is refused, or as good as a whole one") {
  const strata::model_shape shape{1, 2, 3, 4, 5, strata::block_kind::sequential};
  std::vector<float> values(strata::edge_mean_tables<float>::count(shape, 2, 2));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const strata::stored_means means{
      strata::edge_means<float>(shape, 2, 2, values.data(), nullptr, true), {{1, 3}, {1, 2, 3, 4}}, 7};
  bytes whole;
  strata::write_means(means, [&](std::span<const std::byte> piece) {
    for (const std::byte b : piece) whole.push_back(static_cast<std::uint8_t>(b));
  });
  REQUIRE(fuzz_means_file(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    REQUIRE_FALSE(fuzz_means_file(first_of(whole, length)));
  }
  std::size_t refused = 0;
  for (std::size_t at = 0; at < header_end(whole) + 8 * strata::detail::means_shape_numbers; ++at)
    for (const int value : {0, 2, 0x31, 0xFF}) {
      bytes damaged = whole;
      damaged[at] = static_cast<std::uint8_t>(value);
      refused += fuzz_means_file(damaged) ? 0 : 1;
    }
  CHECK(refused > 500);
}

TEST_CASE("a file of mean outputs of heads that is cut off or damaged is refused, or as good as a whole one") {
  const strata::model_shape shape{2, 2, 3, 4, 5, strata::block_kind::sequential};
  strata::matrix<float> values(2, 6);
  for (std::size_t i = 0; i < 12; ++i) values.values()[i] = static_cast<float>(i);
  const strata::stored_mass_means means{strata::mass_means<float>(shape, values), {{1, 3}, {1, 2, 3, 4}}, 7};
  bytes whole;
  strata::write_mass_means(means, [&](std::span<const std::byte> piece) {
    for (const std::byte b : piece) whole.push_back(static_cast<std::uint8_t>(b));
  });
  REQUIRE(fuzz_mass_means_file(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    REQUIRE_FALSE(fuzz_mass_means_file(first_of(whole, length)));
  }
  std::size_t refused = 0;
  for (std::size_t at = 0; at < header_end(whole) + 8 * strata::detail::mass_shape_numbers; ++at)
    for (const int value : {0, 2, 0x31, 0xFF}) {
      bytes damaged = whole;
      damaged[at] = static_cast<std::uint8_t>(value);
      refused += fuzz_mass_means_file(damaged) ? 0 : 1;
    }
  CHECK(refused > 500);
}

}  // namespace fuzz_replay_test
