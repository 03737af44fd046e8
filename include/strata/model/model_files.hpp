/// The files of a model as it is published: a folder with config.json and safetensors files, or a single GGUF file,
/// which has its settings inside.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/gguf.hpp"
#include "strata/model/json_text.hpp"

namespace strata {

enum class weight_format : std::uint8_t { safetensors, safetensors_index, gguf };

struct model_files {
  std::filesystem::path config;   // empty for GGUF
  std::filesystem::path weights;  // one file, or the index of several
  weight_format format = weight_format::safetensors;
};

namespace detail {

/// The names in a folder, sorted, for which `wanted` is true.
template <class Wanted>
[[nodiscard]] std::vector<std::string> names_in(const std::filesystem::path& folder, Wanted wanted) {
  std::vector<std::string> names;
  std::error_code why;
  for (std::filesystem::directory_iterator entry(folder, why), end; !why && entry != end; entry.increment(why))
    if (const std::filesystem::path name = entry->path().filename(); wanted(name)) names.push_back(name.string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Weights in a format that can run code when it is read.
[[nodiscard]] inline bool is_pickled(const std::filesystem::path& name) {
  const std::string extension = name.extension().string();
  return extension == ".pt" || extension == ".pth" || extension == ".ckpt" ||
         (extension == ".bin" && name != "training_args.bin");
}

[[nodiscard]] inline bool has_gguf_magic(const std::filesystem::path& path) {
  std::error_code why;
  if (!std::filesystem::is_regular_file(path, why)) return false;  // opening a pipe would wait for its other end
  char first[gguf_magic.size()] = {};
  std::ifstream(path, std::ios::binary).read(first, sizeof first);
  return std::string_view(first, sizeof first) == gguf_magic;
}

}  // namespace detail

/// Finds the files; of their contents only the first bytes are looked at. A path to a file is a GGUF model if its name
/// ends in .gguf or its first four bytes are GGUF. A folder's safetensors go before its GGUF files, and
/// model.safetensors before an index.
/// Throws:   strata::data_error if a file is missing, with what the folder has instead, and for several GGUF files.
[[nodiscard]] inline model_files open_model_files(const std::filesystem::path& path) {
  std::error_code why;
  const std::string where = path.string();
  if (!std::filesystem::exists(path, why)) raise<data_error>(where, ": no such folder or file");
  if (!std::filesystem::is_directory(path, why)) {
    if (path.extension() == ".gguf" || detail::has_gguf_magic(path)) return {{}, path, weight_format::gguf};
    raise<data_error>(where, ": is a file, expected a folder with config.json and model.safetensors, or a GGUF file");
  }

  const auto has = [&](const char* name) { return std::filesystem::exists(path / name, why); };
  const bool single = has("model.safetensors");
  const bool split = has("model.safetensors.index.json");
  if (!single && !split) {
    const auto ggufs = detail::names_in(path, [](const auto& name) { return name.extension() == ".gguf"; });
    if (ggufs.size() == 1) return {{}, path / ggufs.front(), weight_format::gguf};
    if (ggufs.size() > 1) {
      std::string list;
      for (const std::string& name : ggufs) list += concat(list.empty() ? "" : ", ", detail::in_quotes(name));
      raise<data_error>(where, ": several GGUF files, expected the path of one of them, found ", list);
    }
  }
  if (!has("config.json")) raise<data_error>(where, ": config.json is missing");
  if (!single && !split) {
    const auto pickled = detail::names_in(path, detail::is_pickled);
    if (!pickled.empty())
      raise<data_error>(where, ": convert the weights to safetensors, expected model.safetensors, found only ",
                        detail::in_quotes(pickled.front()));
    raise<data_error>(where, ": model.safetensors is missing");
  }
  if (single) return {path / "config.json", path / "model.safetensors", weight_format::safetensors};
  return {path / "config.json", path / "model.safetensors.index.json", weight_format::safetensors_index};
}

}  // namespace strata
