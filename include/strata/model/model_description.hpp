/// A model before its weights are expanded: its settings, its files, and where in them the weights are.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "strata/core/error.hpp"
#include "strata/file/mapped_file.hpp"
#include "strata/model/architectures.hpp"
#include "strata/model/config_json.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/gguf_config.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/model_files.hpp"
#include "strata/model/weight_files.hpp"
#include "strata/model/weight_layout.hpp"

namespace strata {

struct model_description {
  decoder_config config;
  std::shared_ptr<const weight_files> weights;
  weight_layout layout;
};

/// Reads a folder with config.json and safetensors files, or a GGUF file; maps the weights and reads their table.
/// Throws: strata::data_error for files that are missing, malformed or of an unsupported architecture.
[[nodiscard]] inline model_description describe_model(const std::filesystem::path& path) {
  const model_files files = open_model_files(path);
  model_description model;
  if (files.config.empty()) {
    model.weights = std::make_shared<const weight_files>(load_weight_files(files));
    const detail::architecture& family = detail::read_gguf_architecture(*model.weights->gguf());
    model.config = detail::read_gguf_config(family, *model.weights);
    model.layout = family.gguf;
    return model;
  }
  const mapped_file text(files.config);
  const std::string name = files.config.string();
  const nlohmann::json json =
      detail::parse_json({reinterpret_cast<const char*>(text.bytes().data()), text.bytes().size()}, name);
  detail::config_reader config(json, name);
  const detail::architecture& family = detail::read_architecture(config);
  model.config = detail::read_config(family, config);
  model.layout = family.safetensors;
  model.weights = std::make_shared<const weight_files>(load_weight_files(files));
  return model;
}

}  // namespace strata
