#include "strata/model/safetensors.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/temporary_folder.hpp"
#include "support/write_safetensors.hpp"

namespace safetensors_test {

using safetensors_writer::file_bytes;
using safetensors_writer::with_header;
using safetensors_writer::with_length;
using strata::safetensors_file;

namespace {

using bytes = std::vector<std::byte>;

safetensors_file opened(const bytes& file) { return {file, "m"}; }

void refused(const bytes& file, const std::string& message) {
  CHECK_THROWS_WITH_AS(safetensors_file(file, "m"), ("m: " + message).c_str(), strata::data_error);
}

/// A file with the tensor "x" alone.
bytes one(const std::string& entry, std::size_t data_bytes = 8) {
  return with_header("{\"x\":" + entry + "}", data_bytes);
}

std::vector<float> floats(const safetensors_file& file, const char* name) {
  std::vector<float> out(file.tensor(name).elements());
  strata::expand(file.tensor(name), std::span<float>(out));
  return out;
}

const std::vector<safetensors_writer::tensor> examples{
    safetensors_writer::f32("b", {2, 2}, {1, 2, 3, 4}),
    safetensors_writer::stored<std::uint8_t>("flags", "BOOL", {3}, {1, 0, 1}),  // what follows is not aligned
    safetensors_writer::bf16("a", {2}, {-1.5F, 8}),
    safetensors_writer::f16("c", {1, 1}, {0.25F}),
    safetensors_writer::f32("empty", {0, 7}, {}),
    safetensors_writer::f32("scalar", {}, {9}),
    safetensors_writer::stored<std::uint8_t>("eight", "F8_E4M3", {2}, {1, 2}),
    safetensors_writer::stored<std::uint8_t>("six", "F6_E3M2", {4}, {1, 2, 3}),
};

}  // namespace

TEST_CASE("tensors by name, with shape and values, and the metadata") {
  const bytes memory = file_bytes(examples, {{"format", "pt"}, {"note", "two"}});
  const safetensors_file file = opened(memory);
  CHECK(file.names() == std::vector<std::string>{"a", "b", "c", "eight", "empty", "flags", "scalar", "six"});
  CHECK(file.file() == "m");
  CHECK(file.contains("b"));
  CHECK(file.contains("eight"));
  CHECK_FALSE(file.contains("__metadata__"));
  CHECK(file.tensor("b").shape == std::vector<std::size_t>{2, 2});
  CHECK(file.tensor("b").name == "b");
  CHECK(file.tensor("b").where == "m: tensor \"b\"");
  CHECK(file.tensor("a").dtype == strata::element_type::bf16);
  CHECK(floats(file, "b") == std::vector<float>{1, 2, 3, 4});
  CHECK(floats(file, "a") == std::vector<float>{-1.5F, 8});
  CHECK(floats(file, "c") == std::vector<float>{0.25F});
  CHECK(floats(file, "empty").empty());
  CHECK(floats(file, "scalar") == std::vector<float>{9});
  CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}, {"note", "two"}});
}

TEST_CASE("a file on disk, which may be moved from variable to variable") {
  const temporary_folder folder;
  const std::filesystem::path path = folder.path() / "model.safetensors";
  safetensors_writer::write_file(path, examples);
  safetensors_file first(path);
  const safetensors_file second(std::move(first));
  CHECK(floats(second, "b") == std::vector<float>{1, 2, 3, 4});
  CHECK(second.file() == path.string());
  CHECK_THROWS_WITH_AS(safetensors_file(folder.path() / "other"), (folder.path() / "other: no such file").c_str(),
                       strata::data_error);
}

TEST_CASE("tensors that are missing, of another shape or of an unsupported type") {
  const bytes memory = file_bytes(examples);
  const safetensors_file file = opened(memory);
  CHECK(file.tensor("b", {2, 2}).name == "b");
  CHECK(file.tensor("scalar", {}).name == "scalar");
  const auto asked = [&](const char* name) { static_cast<void>(file.tensor(name)); };
  CHECK_THROWS_WITH_AS(asked("d\n"), "m: tensor \"d\\n\" is missing", strata::data_error);
  CHECK_THROWS_WITH_AS(asked("eight"), "m: tensor \"eight\" has type F8_E4M3, which is not supported",
                       strata::data_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(file.tensor("b", {4})), "m: tensor \"b\" has shape (2, 2), expected (4)",
                       strata::data_error);
}

TEST_CASE("a header of the least size, and one with the whole format's freedom in spaces and order") {
  const bytes least = with_header("{}");
  CHECK(opened(least).names().empty());
  const bytes loose = with_header(
      "{ \"y\" : {\"shape\":[1 ,2], \"data_offsets\":[4,6], \"dtype\":\"U8\"},\n"
      "\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,4],\"shape\":[]} }   ",
      6);
  CHECK(opened(loose).tensor("y").bytes.size() == 2);
}

TEST_CASE("a header that is cut off, too long, or no object of UTF-8 JSON") {
  refused({}, "expected at least 8 bytes, found 0");
  refused(bytes(7), "expected at least 8 bytes, found 7");
  refused(bytes(8), "header, expected an object that begins with {");
  refused(with_length(3, "{}"), "the header is cut off, expected 3 bytes, found 2");
  refused(with_length(100'000'000, "{}"), "the header is cut off, expected 100000000 bytes, found 2");
  refused(with_length(100'000'001, "{}"), "header length, expected at most 100000000, found 100000001");
  refused(with_length(~std::uint64_t{0}, "{}"),
          "header length, expected at most 100000000, found 18446744073709551615");
  refused(with_header("[]"), "header, expected an object that begins with {");
  refused(with_header(" {}"), "header, expected an object that begins with {");
  refused(with_header("{\"x\""), "header: malformed JSON or UTF-8 at byte 5 of 4");
  refused(with_header("{\"\xff\":1}"), "header: malformed JSON or UTF-8 at byte 3 of 7");
  refused(with_header(R"({"x":1,"x":1})"), "header: the key \"x\" occurs twice");
  refused(with_header(R"({"__metadata__":3})"), "\"__metadata__\", expected an object, found 3");
  refused(with_header(R"({"__metadata__":{"a":3}})"), "\"__metadata__\": \"a\", expected a text, found 3");
}

TEST_CASE("an entry with missing or foreign keys, or values of another type") {
  refused(one("5"), "tensor \"x\": expected an object, found 5");
  refused(one(R"({"shape":[2],"data_offsets":[0,8]})"), "tensor \"x\": expected the key \"dtype\", found none");
  refused(one(R"({"dtype":"F32","data_offsets":[0,8]})"), "tensor \"x\": expected the key \"shape\", found none");
  refused(one(R"({"dtype":"F32","shape":[2]})"), "tensor \"x\": expected the key \"data_offsets\", found none");
  refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]})"),
          "tensor \"x\": expected the keys dtype, shape and data_offsets, found \"strides\"");
  refused(one(R"({"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]})"),
          "header: the key \"shape\" occurs twice");
  refused(one(R"({"dtype":"Q4","shape":[2],"data_offsets":[0,8]})"),
          "tensor \"x\": \"dtype\", expected a type of the format such as \"F32\", found \"Q4\"");
  refused(one(R"({"dtype":32,"shape":[2],"data_offsets":[0,8]})"),
          "tensor \"x\": \"dtype\", expected a type of the format such as \"F32\", found 32");
  refused(one(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"),
          "tensor \"x\": \"shape\", expected an array, found 2");
  refused(one(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"),
          "tensor \"x\": \"shape\", expected a whole number from 0 to 2^64 - 1, found 2.0");
  refused(one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
          "tensor \"x\": \"shape\", expected a whole number from 0 to 2^64 - 1, found -2");
  refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":{"0":0,"1":8}})"),
          "tensor \"x\": \"data_offsets\", expected an array, found {\"0\":0,\"1\":8}");
  refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4,8]})"),
          "tensor \"x\": \"data_offsets\", expected two numbers, found [0,4,8]");
  refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[-8,8]})"),
          "tensor \"x\": \"data_offsets\", expected a whole number from 0 to 2^64 - 1, found -8");
  refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,"8"]})"),
          "tensor \"x\": \"data_offsets\", expected a whole number from 0 to 2^64 - 1, found \"8\"");
  refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551616]})"),
          "tensor \"x\": \"data_offsets\", expected a whole number from 0 to 2^64 - 1, found 1.8446744073709552e+19");
}

TEST_CASE("offsets outside the file, backwards, or not as many bytes as the shape says") {
  refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
          "tensor \"x\": \"data_offsets\", expected begin <= end, found [8,0]");
  refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 7),
          "tensor \"x\": data_offsets end beyond the file, expected at most 7, found 8");
  refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[18446744073709551607,18446744073709551615]})"),
          "tensor \"x\": data_offsets end beyond the file, expected at most 8, found 18446744073709551615");
  refused(one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
          "tensor \"x\": F32 of shape (3), expected 12 bytes, found 8");
  refused(one(R"({"dtype":"F64","shape":[2,1],"data_offsets":[0,8]})"),
          "tensor \"x\": F64 of shape (2, 1), expected 16 bytes, found 8");
  refused(one(R"({"dtype":"F32","shape":[0],"data_offsets":[0,8]})"),
          "tensor \"x\": F32 of shape (0), expected 0 bytes, found 8");
  refused(one(R"({"dtype":"F4","shape":[3],"data_offsets":[0,2]})"),
          "tensor \"x\": 12 bits, expected a whole number of bytes");
}

TEST_CASE("a shape whose product overflows") {
  const std::string too_large = ") is larger than any file";
  // unchecked, 32 bits · 2^32 · 2^32 would be 0 bytes, and 32 bits · (2^59 + 2) the 8 bytes that there are
  refused(one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})", 0),
          "tensor \"x\": shape (4294967296, 4294967296" + too_large);
  refused(one(R"({"dtype":"F32","shape":[576460752303423490],"data_offsets":[0,8]})"),
          "tensor \"x\": shape (576460752303423490" + too_large);
  refused(one(R"({"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,8]})"),
          "tensor \"x\": shape (18446744073709551615" + too_large);
  const bytes nothing = one(R"({"dtype":"F32","shape":[0,18446744073709551615,5],"data_offsets":[0,0]})", 0);
  CHECK(opened(nothing).tensor("x").elements() == 0);
}

TEST_CASE("tensors that overlap or leave a hole") {
  const auto two = [](const char* x, const char* y, std::size_t data_bytes) {
    return with_header(std::string(R"({"x":{"dtype":"U8","shape":[4],"data_offsets":)") + x +
                           R"(},"y":{"dtype":"U8","shape":[2],"data_offsets":)" + y + "}}",
                       data_bytes);
  };
  const bytes exchanged = two("[2,6]", "[0,2]", 6);
  CHECK(opened(exchanged).names().size() == 2);
  refused(two("[0,4]", "[3,5]", 5),
          "tensor \"y\": overlaps another tensor, expected data_offsets to begin at 4, found 3");
  refused(two("[0,4]", "[0,2]", 4),
          "tensor \"x\": overlaps another tensor, expected data_offsets to begin at 2, found 0");
  refused(two("[0,4]", "[5,7]", 7), "tensor \"y\": follows a hole, expected data_offsets to begin at 4, found 5");
  refused(two("[3,7]", "[1,3]", 7), "tensor \"y\": follows a hole, expected data_offsets to begin at 0, found 1");
  refused(two("[0,4]", "[4,6]", 9), "bytes after the last tensor, expected 6 bytes of tensors, found 9");
  refused(with_header("{}", 1), "bytes after the last tensor, expected 0 bytes of tensors, found 1");
}

}  // namespace safetensors_test
