#include "strata/model/model_files.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "support/goldens.hpp"
#include "support/temporary_folder.hpp"

namespace model_files_test {

using strata::model_files;
using strata::open_model_files;
using strata::weight_format;

namespace {

void refused(const std::filesystem::path& folder, const std::string& message) {
  CHECK_THROWS_WITH_AS(static_cast<void>(open_model_files(folder)), (folder.string() + ": " + message).c_str(),
                       strata::data_error);
}

void check_gguf(const std::filesystem::path& given, const std::filesystem::path& file) {
  const model_files found = open_model_files(given);
  CHECK(found.format == weight_format::gguf);
  CHECK(found.weights == file);
  CHECK(found.config.empty());
}

}  // namespace

TEST_CASE("a folder with settings and weights, in one file or in several") {
  const std::filesystem::path llama = goldens::model_folder("llama");
  const model_files single = open_model_files(llama);
  CHECK(single.config == llama / "config.json");
  CHECK(single.weights == llama / "model.safetensors");
  CHECK(single.format == weight_format::safetensors);
  const std::filesystem::path mistral = goldens::model_folder("mistral");
  const model_files several = open_model_files(mistral);
  CHECK(several.config == mistral / "config.json");
  CHECK(several.weights == mistral / "model.safetensors.index.json");
  CHECK(several.format == weight_format::safetensors_index);
  const temporary_folder both;
  both.add("config.json", "");
  both.add("model.safetensors.index.json", "");
  both.add("model.safetensors", "");
  both.add("other.gguf", "");
  CHECK(open_model_files(both.path()).format == weight_format::safetensors);
}

TEST_CASE("a GGUF file by its name, by its first bytes, or as the only one of a folder") {
  const temporary_folder folder;
  const auto named = folder.add("a.gguf", "");
  check_gguf(named, named);
  const auto unnamed = folder.add("sha256-5af3", "GGUF and more");
  check_gguf(unnamed, unnamed);
  check_gguf(folder.path(), named);
  folder.add("config.json", "{}");  // some publish it beside
  check_gguf(folder.path(), named);
  folder.add("b.gguf", "");
  refused(folder.path(), "several GGUF files, expected the path of one of them, found \"a.gguf\", \"b.gguf\"");
}

TEST_CASE("what a folder lacks") {
  const temporary_folder folder;
  refused(folder.path() / "absent", "no such folder or file");
  refused(folder.path(), "config.json is missing");
  const std::string no_model = "is a file, expected a folder with config.json and model.safetensors, or a GGUF file";
  refused(folder.add("config.json", "{}"), no_model);
  refused(folder.add("short", "GGU"), no_model);
  REQUIRE(::mkfifo((folder.path() / "pipe").c_str(), 0600) == 0);
  refused(folder.path() / "pipe", no_model);
  refused(folder.path(), "model.safetensors is missing");
  folder.add("training_args.bin", "");
  refused(folder.path(), "model.safetensors is missing");
}

TEST_CASE("weights in formats that have to be converted") {
  for (const char* name :
       {"pytorch_model.bin", "model.bin", "pytorch_model-00001-of-00002.bin", "weights.pt", "a.pth", "x.ckpt"}) {
    const temporary_folder folder;
    folder.add("config.json", "{}");
    folder.add(name, "");
    refused(folder.path(),
            std::string("convert the weights to safetensors, expected model.safetensors, found only \"") + name + '"');
    folder.add("model.safetensors", "");
    CHECK(open_model_files(folder.path()).weights.filename() == "model.safetensors");
  }
}

}  // namespace model_files_test
