/// The named tensors of a model, wherever they lie: in one safetensors file, in several with an index, or in a GGUF
/// file. They stay in the files' bytes, and are expanded when they are asked for.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "strata/file/gguf.hpp"
#include "strata/model/gguf_tensors.hpp"
#include "strata/model/model_files.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/model/safetensors_shards.hpp"
#include "strata/model/tensor_view.hpp"

namespace strata {

class weight_files {
 public:
  weight_files(safetensors_file file) : files_(std::move(file)) {}
  weight_files(safetensors_shards files) : files_(std::move(files)) {}
  weight_files(gguf_file file) : files_(gguf_tensors(std::move(file))) {}

  /// How messages call the file, or the index.
  [[nodiscard]] const std::string& file() const {
    return std::visit([](const auto& files) -> const std::string& { return files.file(); }, files_);
  }

  /// All tensors, sorted by name.
  [[nodiscard]] const std::vector<std::string>& names() const {
    return std::visit([](const auto& files) -> const std::vector<std::string>& { return files.names(); }, files_);
  }

  [[nodiscard]] bool contains(std::string_view name) const {
    return std::visit([&](const auto& files) { return files.contains(name); }, files_);
  }

  /// The view is valid as long as this object, or what it was moved to.
  /// Throws:   strata::data_error if there is no such tensor, or its type is one that the library does not read.
  [[nodiscard]] const tensor_view& tensor(std::string_view name) const {
    return std::visit([&](const auto& files) -> const tensor_view& { return files.tensor(name); }, files_);
  }

  /// The same, and its shape is the expected one.
  [[nodiscard]] const tensor_view& tensor(std::string_view name, std::initializer_list<std::size_t> shape) const {
    return require_shape(tensor(name), shape);
  }

  /// The container of a GGUF file, with the settings of the model; nullptr for safetensors.
  [[nodiscard]] const gguf_file* gguf() const {
    const auto* const tensors = std::get_if<gguf_tensors>(&files_);
    return tensors == nullptr ? nullptr : &tensors->container();
  }

 private:
  std::variant<safetensors_file, safetensors_shards, gguf_tensors> files_;
};

/// Opens the weights that open_model_files() has found.
/// Throws:   strata::data_error for a file that is missing or malformed.
[[nodiscard]] inline weight_files load_weight_files(const model_files& files) {
  switch (files.format) {
    case weight_format::safetensors:
      return safetensors_file(files.weights);
    case weight_format::safetensors_index:
      return safetensors_shards(files.weights);
    case weight_format::gguf:
      break;
  }
  return gguf_file(files.weights);
}

}  // namespace strata
