// Real files that are cut, replaced by random bytes, emptied, or folders: always an error, whichever reader gets them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "strata/model/decoder.hpp"
#include "support/goldens.hpp"
#include "support/temporary_folder.hpp"

namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void refused(const std::filesystem::path& model) {
  CHECK_THROWS_AS(static_cast<void>(strata::decoder<float>::load(model, {.max_memory = 0})), strata::data_error);
}

// Replaces one file of a model by broken ones. `model` is what is loaded.
void break_file(const temporary_folder& folder, const std::string& name, const std::filesystem::path& model) {
  CAPTURE(name);
  std::string whole = content_of(folder.path() / name);
  while (whole.back() == '\n') whole.pop_back();
  static_cast<void>(strata::decoder<float>::load(model, {.max_memory = 0}));  // good before it is broken
  constexpr std::size_t cuts = 200;
  for (std::size_t i = 0; i < cuts; ++i) {
    // Half of them within the first kilobytes, where the tables are.
    const std::size_t even = whole.size() * i / cuts;
    const std::size_t length = i % 2 == 0 ? even : std::min(even, 40 * i);
    CAPTURE(length);
    folder.add(name, whole.substr(0, length));
    refused(model);
  }
  std::minstd_rand random(1);
  for (int i = 0; i < 20; ++i) {
    std::string noise(1000, '\0');
    for (char& c : noise) c = static_cast<char>(random() >> 8);
    folder.add(name, i % 2 == 0 ? noise : whole.substr(0, 8) + noise);
    refused(model);
  }
  std::filesystem::remove(folder.path() / name);
  refused(model);
  std::filesystem::create_directory(folder.path() / name);
  refused(model);
  std::filesystem::remove(folder.path() / name);
  folder.add(name, whole);
  static_cast<void>(strata::decoder<float>::load(model, {.max_memory = 0}));
}

}  // namespace

TEST_CASE("GGUF files") {
  for (const std::string& file :
       {std::string("/goldens/models/llama-gguf/llama-q8_0.gguf"), std::string("/gguf_twins/llama_bias.gguf")}) {
    const temporary_folder folder;
    folder.add("model.gguf", content_of(STRATA_TEST_DATA + file));
    break_file(folder, "model.gguf", folder.path() / "model.gguf");
  }
}

TEST_CASE("safetensors files, an index, and settings") {
  for (const char* name : {"llama_rope_linear", "mistral"}) {
    const temporary_folder folder;
    for (const auto& entry : std::filesystem::directory_iterator(goldens::model_folder(name)))
      folder.add(entry.path().filename().string(), content_of(entry.path()));
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      if (entry.path().filename() != "generation_config.json") files.push_back(entry.path().filename().string());
    CHECK(files.size() >= 2);
    for (const std::string& file : files) break_file(folder, file, folder.path());
  }
}
