#include "strata/model/model_folder.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "support/goldens.hpp"
#include "support/temporary_folder.hpp"

namespace {

void refused(const std::filesystem::path& folder, const std::string& message) {
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::open_model_folder(folder)), (folder.string() + ": " + message).c_str(),
                       strata::data_error);
}

}  // namespace

TEST_CASE("a folder with settings and weights") {
  const std::filesystem::path path = goldens::model_folder("llama");
  const strata::model_folder folder = strata::open_model_folder(path);
  CHECK(folder.config == path / "config.json");
  CHECK(folder.weights == path / "model.safetensors");
}

TEST_CASE("what a folder lacks") {
  const temporary_folder folder;
  refused(folder.path() / "absent", "no such folder");
  refused(folder.path(), "config.json is missing");
  refused(folder.add("config.json", "{}"), "is a file, expected a folder with config.json and model.safetensors");
  refused(folder.path(), "model.safetensors is missing");
  folder.add("training_args.bin", "");
  refused(folder.path(), "model.safetensors is missing");
}

TEST_CASE("weights in formats that have to be converted") {
  for (const char* name : {"pytorch_model.bin", "model.bin", "pytorch_model-00001-of-00002.bin", "weights.pt", "a.pth", "x.ckpt"}) {
    const temporary_folder folder;
    folder.add("config.json", "{}");
    folder.add(name, "");
    refused(folder.path(),
            std::string("convert the weights to safetensors, expected model.safetensors, found only \"") + name + '"');
    folder.add("model.safetensors", "");
    CHECK(strata::open_model_folder(folder.path()).weights.filename() == "model.safetensors");
  }
}

TEST_CASE("weights that are split over several files") {
  const temporary_folder folder;
  folder.add("config.json", "{}");
  folder.add("model.safetensors.index.json", "{}");
  folder.add("pytorch_model.bin", "");
  refused(folder.path(),
          "the weights are split over several files (model.safetensors.index.json), which is not supported yet, "
          "expected a single model.safetensors");
}
