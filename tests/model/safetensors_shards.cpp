#include "strata/model/safetensors_shards.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "support/temporary_folder.hpp"
#include "support/write_safetensors.hpp"

using strata::safetensors_shards;

namespace {

/// a.safetensors has x and y, b.safetensors x and z; every number is different.
struct two_shards {
  two_shards() {
    using safetensors_writer::f32;
    safetensors_writer::write_file(folder.path() / "a.safetensors", {f32("x", {2}, {1, 2}), f32("y", {1}, {3})});
    safetensors_writer::write_file(
        folder.path() / "b.safetensors",
        {f32("x", {2}, {4, 5}), safetensors_writer::stored<std::uint8_t>("z", "F8_E5M2", {1}, {6})});
  }
  std::filesystem::path index(const std::string& weight_map) const {
    return folder.add("i.json", "{\"metadata\": {\"total_size\": 21}, \"weight_map\": " + weight_map + "}");
  }
  temporary_folder folder;
};

void refused(const std::string& text, const std::string& message) {
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::detail::read_weight_map(text, "i")), ("i: " + message).c_str(),
                       strata::data_error);
}

std::vector<float> values(const safetensors_shards& shards, const char* name) {
  std::vector<float> out(shards.tensor(name).elements());
  strata::expand(shards.tensor(name), std::span<float>(out));
  return out;
}

}  // namespace

TEST_CASE("tensors from where the index says, and no others") {
  const two_shards files;
  const auto path = files.index(R"({"x": "b.safetensors", "y": "a.safetensors", "z": "b.safetensors"})");
  const safetensors_shards shards(path);
  CHECK(shards.file() == path.string());
  CHECK(shards.names() == std::vector<std::string>{"x", "y", "z"});
  CHECK(values(shards, "x") == std::vector<float>{4, 5});
  CHECK(values(shards, "y") == std::vector<float>{3});
  CHECK_THROWS_WITH_AS(static_cast<void>(shards.tensor("z")),
                       doctest::Contains("has type F8_E5M2, which is not supported"), strata::data_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(shards.tensor("w")), (path.string() + ": tensor \"w\" is missing").c_str(),
                       strata::data_error);
  const safetensors_shards some(files.index(R"({"x": "a.safetensors"})"));
  CHECK(values(some, "x") == std::vector<float>{1, 2});
  CHECK_FALSE(some.contains("y"));
}

TEST_CASE("an index that does not fit its files") {
  const two_shards files;
  const auto check = [&](const char* weight_map, const std::string& message) {
    const auto path = files.index(weight_map);
    CHECK_THROWS_WITH_AS(safetensors_shards{path}, doctest::Contains(message.c_str()), strata::data_error);
  };
  check(R"({"y": "b.safetensors"})", "i.json: tensor \"y\" should be in \"b.safetensors\", which does not have it");
  check(R"({"y": "c.safetensors"})", "c.safetensors: no such file");
  check(R"({"y": "i.json"})", "i.json: ");
}

TEST_CASE("an index that is malformed, or points elsewhere") {
  refused("[", "malformed JSON or UTF-8 at byte 2 of 1");
  refused("[]", "expected an object, found []");
  refused("{}", "\"weight_map\" is missing");
  refused(R"({"weight_map": ["a"]})", "\"weight_map\", expected an object, found [\"a\"]");
  refused(R"({"weight_map": {"x": "a", "x": "b"}})", "the key \"x\" occurs twice");
  for (const char* place : {"3", "null", "\"\"", "\".\"", "\"..\"", "\"/etc/passwd\"", "\"../a\"", "\"sub/a\""})
    refused(std::string("{\"weight_map\": {\"x\": ") + place + "}}",
            std::string("tensor \"x\", expected the name of a file in the same folder, found ") + place);
  CHECK_FALSE(strata::detail::is_plain_file_name("a\\b"));
  CHECK_FALSE(strata::detail::is_plain_file_name("C:a"));
  CHECK_FALSE(strata::detail::is_plain_file_name(std::string_view("a\0b", 3)));
  CHECK(strata::detail::is_plain_file_name("model-00001-of-00002.safetensors"));
  CHECK(strata::detail::read_weight_map(R"({"weight_map": {}})", "i").empty());
}
