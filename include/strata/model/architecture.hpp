/// What the library knows of a family of models: how its files call it, how its settings are read, and where its weights
/// lie. One object a family, in a file of architectures/; docs/architectures.md tells how to add one.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "strata/model/config_reader.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/weight_files.hpp"
#include "strata/model/weight_layout.hpp"

namespace strata::detail {

/// A key of a GGUF file's metadata, after "llama.", and the key of config.json that says the same.
struct gguf_key {
  std::string_view gguf;
  std::string_view config;
};

struct architecture {
  std::string_view model_type;  // config.json, "model_type"
  std::string_view class_name;  // config.json, "architectures"
  std::string_view gguf_name;   // "general.architecture"

  /// Reads the keys of config.json that this family uses, and refuses the values that the decoder does not compute. Keys
  /// that are neither read nor known as harmless become warnings.
  void (*read)(config_reader&, decoder_config&);

  weight_layout safetensors;
  weight_layout gguf;

  /// Metadata that this family spells unlike gguf_config.hpp.
  std::span<const gguf_key> gguf_keys{};

  /// Adds to the settings what a GGUF file tells by its tensors, or leaves to the reader; may be null.
  void (*complete)(const weight_files&, nlohmann::json& config) = nullptr;
};

/// Whether a GGUF file has a tensor in its first layer.
[[nodiscard]] inline bool gguf_has(const weight_files& files, std::string_view tensor) {
  return files.contains("blk.0." + std::string(tensor));
}

}  // namespace strata::detail
