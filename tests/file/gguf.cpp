#include "strata/file/gguf.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/temporary_folder.hpp"
#include "support/write_gguf.hpp"

namespace gguf_test {

using gguf_writer::one;
using gguf_writer::text;
using strata::gguf_file;

namespace {

using bytes = std::vector<std::byte>;

void refused(const bytes& file, const std::string& message) {
  CHECK_THROWS_WITH_AS(gguf_file(file, "m"), ("m: " + message).c_str(), strata::data_error);
}

gguf_writer::file small(std::uint32_t version = 3) {
  gguf_writer::file file;
  file.version = version;
  file.settings = {text("general.architecture", "llama"), one<std::uint32_t>("llama.block_count", 2)};
  file.tensors = {{"w", 0, {3, 2}, 0}, {"norm", 0, {4}, 32}};
  file.data = gguf_writer::bytes_of<float>({1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10});
  return file;
}

/// The small file with one tensor in place of its two.
bytes with_tensor(std::uint32_t type, std::vector<std::uint64_t> extents, std::uint64_t offset = 0) {
  gguf_writer::file file = small();
  file.tensors = {{"w", type, std::move(extents), offset}};
  return file.content();
}

bytes with_setting(const gguf_writer::setting& setting) {
  gguf_writer::file file = small();
  file.settings.push_back(setting);
  return file.content();
}

}  // namespace

TEST_CASE("settings and tensors of both versions") {
  for (const std::uint32_t version : {2U, 3U}) {
    const bytes content = small(version).content();
    const gguf_file file(content, "m");
    CHECK(file.file() == "m");
    CHECK(file.metadata().size() == 2);
    CHECK(file.find("general.architecture")->as_text() == "llama");
    CHECK(file.find("llama.block_count")->as_integer() == 2);
    CHECK(file.find("other") == nullptr);
    CHECK(file.tensors().size() == 2);
    const strata::gguf_tensor& w = file.tensors().at("w");
    CHECK(w.name == "w");
    CHECK(w.type->name == "F32");
    CHECK(w.shape == std::vector<std::size_t>{2, 3});
    CHECK(w.bytes.size() == 24);
    CHECK(w.bytes.data() == content.data() + (content.size() - 48));
    CHECK(file.tensors().at("norm").bytes.data() == w.bytes.data() + 32);
  }
}

TEST_CASE("a file on disk, which may be moved from variable to variable") {
  const temporary_folder folder;
  const bytes content = small().content();
  const std::filesystem::path path =
      folder.add("a.gguf", std::string_view(reinterpret_cast<const char*>(content.data()), content.size()));
  gguf_file first(path);
  const std::byte* const place = first.tensors().at("w").bytes.data();
  const gguf_file second(std::move(first));
  CHECK(second.file() == path.string());
  CHECK(second.tensors().at("w").bytes.data() == place);
  CHECK(second.find("general.architecture")->as_text() == "llama");
  CHECK_THROWS_WITH_AS(gguf_file(folder.path() / "b"), (folder.path() / "b: no such file").c_str(), strata::data_error);
}

TEST_CASE("another alignment, holes, tensors of no rows, no tensors at all") {
  gguf_writer::file file = small();
  file.settings.push_back(one<std::uint32_t>("general.alignment", 128));
  file.alignment = 128;
  file.tensors = {{"w", 0, {3, 2}, 128}, {"none", 0, {4, 0}, 0}};
  file.data.resize(128 + 24);
  const bytes content = file.content();
  const gguf_file aligned(content, "m");
  CHECK(aligned.tensors().at("w").bytes.data() == content.data() + content.size() - 24);
  CHECK(aligned.tensors().at("none").bytes.empty());
  const bytes least = gguf_writer::file{3, {}, {}, {}, 1}.content();
  CHECK(least.size() == 24);
  CHECK(gguf_file(least, "m").tensors().empty());
}

TEST_CASE("types that the library does not expand are no reason to refuse the file") {
  const bytes content = with_tensor(23, {256}, 32);  // IQ4_XS, 136 bytes
  refused(content,
          "tensor \"w\" ends beyond the file, expected 136 bytes at offset 32 of the data, found 48 bytes of data");
  const bytes unknown = with_tensor(777, {256}, 32);
  const gguf_file file(unknown, "m");
  CHECK(file.tensors().at("w").type == nullptr);
  CHECK(file.tensors().at("w").type_code == 777);
  CHECK(file.tensors().at("w").bytes.empty());
}

TEST_CASE("the head of the file") {
  refused({}, "the file is cut off at byte 0, expected the format's mark (4 × 1 bytes or more), found 0 bytes");
  bytes content = small().content();
  content[0] = std::byte{0};
  refused(content, "first bytes, expected \"GGUF\", found \"\\x00GUF\"");
  refused(small(1).content(), "version of GGUF, expected 2 or 3, found 1");
  refused(small(0).content(), "version of GGUF, expected 2 or 3, found 0");
  refused(small(4).content(), "version of GGUF, expected 2 or 3, found 4");
  refused(small(3U << 24).content(), "the file is big-endian, expected a little-endian one");
  refused(small(2U << 24).content(), "the file is big-endian, expected a little-endian one");
}

TEST_CASE("counts that the file cannot hold") {
  const std::string left = std::to_string(small().content().size() - 24);
  refused(small().content(2, ~std::uint64_t{0}),
          "the file is cut off at byte 24, expected settings (18446744073709551615 × 13 bytes or more), found " + left +
              " bytes");
  CHECK_THROWS_WITH_AS(gguf_file(small().content(std::uint64_t{1} << 60, 2), "m"),
                       doctest::Contains("expected the table of tensors (1152921504606846976 × 32 bytes or more)"),
                       strata::data_error);
}

TEST_CASE("settings and tensors that occur twice") {
  refused(with_setting(text("general.architecture", "gpt2")), "setting \"general.architecture\" occurs twice");
  gguf_writer::file file = small();
  file.tensors[1].name = "w";
  refused(file.content(), "tensor \"w\" occurs twice");
}

TEST_CASE("a part of a split model") {
  const bytes single = with_setting(one<std::uint16_t>("split.count", 1));
  CHECK(gguf_file(single, "m").tensors().size() == 2);
  refused(with_setting(one<std::uint16_t>("split.count", 3)),
          "is one of 3 parts of a model, expected a single file; merge the parts (llama-gguf-split --merge)");
  refused(with_setting(text("split.count", "3")), "setting \"split.count\", expected an integer, found \"3\"");
}

TEST_CASE("an alignment that is none") {
  const std::string expected = "setting \"general.alignment\", expected a power of two up to 1073741824, found ";
  refused(with_setting(one<std::uint32_t>("general.alignment", 0)), expected + "0");
  refused(with_setting(one<std::uint32_t>("general.alignment", 24)), expected + "24");
  refused(with_setting(one<std::int32_t>("general.alignment", -32)), expected + "-32");
  refused(with_setting(one<std::uint64_t>("general.alignment", std::uint64_t{1} << 63)),
          expected + "9223372036854775808");
  refused(with_setting(one("general.alignment", 32.0F)), expected + "32");
}

TEST_CASE("shapes that are none, or do not fit the type") {
  refused(with_tensor(0, {}), "tensor \"w\": dimensions, expected 1 to 4, found 0");
  refused(with_tensor(0, {1, 1, 1, 1, 1}), "tensor \"w\": dimensions, expected 1 to 4, found 5");
  refused(with_tensor(8, {33, 32}), "tensor \"w\": row length, expected a multiple of 32 for type Q8_0, found 33");
  refused(with_tensor(12, {32, 8}), "tensor \"w\": row length, expected a multiple of 256 for type Q4_K, found 32");
  // unchecked these would be 0 bytes
  refused(with_tensor(0, {1ULL << 32, 1ULL << 30}), "tensor \"w\" is larger than any file");
  refused(with_tensor(0, {1ULL << 32, 1ULL << 15, 1ULL << 15}), "tensor \"w\" is larger than any file");
  refused(with_tensor(8, {1ULL << 63, 32}), "tensor \"w\" is larger than any file");
  // its bytes could be counted, its elements not
  refused(with_tensor(12, {1ULL << 63, 2}), "tensor \"w\" is larger than any file");
  CHECK(gguf_file(with_tensor(0, {1, 2, 3, 2}), "m").tensors().at("w").shape == std::vector<std::size_t>{2, 3, 2, 1});
}

TEST_CASE("places outside the data, between the steps, or taken") {
  refused(with_tensor(0, {4}, 16), "tensor \"w\": offset, expected a multiple of 32, found 16");
  refused(with_tensor(0, {5}, 32),
          "tensor \"w\" ends beyond the file, expected 20 bytes at offset 32 of the data, found 48 bytes of data");
  refused(
      with_tensor(0, {4}, ~std::uint64_t{31}),
      "tensor \"w\" ends beyond the file, expected 16 bytes at offset 18446744073709551584 of the data, found 48 bytes "
      "of data");
  refused(with_tensor(777, {4}, 64),
          "tensor \"w\" ends beyond the file, expected 0 bytes at offset 64 of the data, found 48 bytes of data");
  gguf_writer::file file = small();
  file.tensors[0].extents = {3, 3};
  refused(file.content(), "tensor \"norm\" overlaps tensor \"w\"");
  file.tensors[0].extents = {8, 1};
  CHECK(gguf_file(file.content(), "m").tensors().size() == 2);
  file.tensors[1].offset = 0;
  CHECK_THROWS_WITH_AS(gguf_file(file.content(), "m"), doctest::Contains(" overlaps tensor "), strata::data_error);
}

}  // namespace gguf_test
