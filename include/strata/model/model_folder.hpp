/// The files of a model as it is published: config.json and model.safetensors in one folder.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include "strata/core/error.hpp"
#include "strata/model/json_text.hpp"

namespace strata {

struct model_folder {
  std::filesystem::path config;
  std::filesystem::path weights;
};

namespace detail {

/// The name of a file of weights in a format that can run code when it is read; empty if there is none.
[[nodiscard]] inline std::string pickled_weights(const std::filesystem::path& folder) {
  std::string first;
  std::error_code why;
  for (std::filesystem::directory_iterator entry(folder, why), end; !why && entry != end; entry.increment(why)) {
    const std::filesystem::path name = entry->path().filename();
    const std::string extension = name.extension().string();
    const bool pickled = extension == ".pt" || extension == ".pth" || extension == ".ckpt" || (extension == ".bin" && name != "training_args.bin");
    if (pickled && (first.empty() || name.string() < first)) first = name.string();
  }
  return first;
}

}  // namespace detail

/// Finds the files; their contents are not looked at.
/// Throws:   strata::data_error if one is missing, with what the folder has instead.
[[nodiscard]] inline model_folder open_model_folder(const std::filesystem::path& folder) {
  std::error_code why;
  const std::string where = folder.string();
  if (!std::filesystem::exists(folder, why)) raise<data_error>(where, ": no such folder");
  if (!std::filesystem::is_directory(folder, why))
    raise<data_error>(where, ": is a file, expected a folder with config.json and model.safetensors");

  const auto has = [&](const char* name) { return std::filesystem::exists(folder / name, why); };
  if (!has("config.json")) raise<data_error>(where, ": config.json is missing");
  if (!has("model.safetensors")) {
    if (has("model.safetensors.index.json"))
      raise<data_error>(where,
                        ": the weights are split over several files (model.safetensors.index.json), which is not "
                        "supported yet, expected a single model.safetensors");
    const std::string pickled = detail::pickled_weights(folder);
    if (!pickled.empty())
      raise<data_error>(where, ": convert the weights to safetensors, expected model.safetensors, found only ",
                        detail::in_quotes(pickled));
    raise<data_error>(where, ": model.safetensors is missing");
  }
  return {folder / "config.json", folder / "model.safetensors"};
}

}  // namespace strata
