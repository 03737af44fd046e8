#include "strata/model/weight_files.hpp"

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/model/model_files.hpp"
#include "support/goldens.hpp"
#include "support/write_gguf.hpp"
#include "support/write_safetensors.hpp"

using strata::weight_files;

namespace {

void check_tensors(const weight_files& weights, const std::string& file) {
  CHECK(weights.file() == file);
  CHECK(weights.names() == std::vector<std::string>{"x", "y"});
  CHECK(weights.contains("x"));
  CHECK_FALSE(weights.contains("z"));
  CHECK(weights.tensor("x", {2, 1}).name == "x");
  std::vector<float> values(1);
  strata::expand(weights.tensor("y", {1}), std::span<float>(values));
  CHECK(values == std::vector<float>{3});
  CHECK_THROWS_WITH_AS(static_cast<void>(weights.tensor("z")), (file + ": tensor \"z\" is missing").c_str(),
                       strata::data_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(weights.tensor("x", {2})),
                       (file + ": tensor \"x\" has shape (2, 1), expected (2)").c_str(), strata::data_error);
}

}  // namespace

TEST_CASE("one safetensors file and one GGUF file look alike") {
  const auto plain = safetensors_writer::file_bytes(
      {safetensors_writer::f32("x", {2, 1}, {1, 2}), safetensors_writer::f32("y", {1}, {3})});
  const weight_files safetensors(strata::safetensors_file(plain, "m"));
  check_tensors(safetensors, "m");
  CHECK(safetensors.gguf() == nullptr);

  gguf_writer::file content;
  content.settings = {gguf_writer::text("general.architecture", "llama")};
  content.tensors = {{"x", 0, {1, 2}, 0}, {"y", 0, {1}, 32}};
  content.data = gguf_writer::bytes_of<float>({1, 2, 0, 0, 0, 0, 0, 0, 3});
  const auto bytes = content.content();
  weight_files first(strata::gguf_file(bytes, "m"));
  check_tensors(first, "m");
  const weight_files second(std::move(first));
  check_tensors(second, "m");
  REQUIRE(second.gguf() != nullptr);
  CHECK(second.gguf()->find("general.architecture")->as_text() == "llama");
}

TEST_CASE("the files of models as they are published") {
  const auto load = [](const std::string& path) { return strata::load_weight_files(strata::open_model_files(path)); };
  const weight_files single = load(goldens::model_folder("llama"));
  CHECK(single.contains("model.norm.weight"));
  const weight_files sharded = load(goldens::model_folder("mistral"));
  CHECK(sharded.contains("model.norm.weight"));
  CHECK(sharded.contains("model.embed_tokens.weight"));
  CHECK(sharded.file() == goldens::model_folder("mistral") + "/model.safetensors.index.json");
  const weight_files gguf = load(STRATA_TEST_DATA "/goldens/models/llama-gguf/llama-q8_0.gguf");
  CHECK(gguf.contains("output_norm.weight"));
  CHECK(gguf.gguf() != nullptr);
}
