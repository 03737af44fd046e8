/// The families of models that the library computes, by the names that config.json gives them.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "strata/core/error.hpp"
#include "strata/model/config_reader.hpp"
#include "strata/model/json_text.hpp"

namespace strata::detail {

struct architecture_names {
  const char* model_type;
  const char* architecture;
};

inline constexpr architecture_names supported_architectures[] = {{"llama", "LlamaForCausalLM"}};

[[nodiscard]] inline std::string supported_list(const char* architecture_names::*name) {
  std::string list;
  for (const architecture_names& names : supported_architectures)
    list += concat(list.empty() ? "" : ", ", in_quotes(names.*name));
  return list;
}

/// Throws:   strata::data_error unless "model_type" and "architectures" name a supported family; one of them may be
///           missing.
inline const architecture_names& read_architecture(config_reader& config, const std::string& file) {
  const std::optional<std::string> type = config.optional_text("model_type");
  const nlohmann::json* const list = config.find("architectures");
  if (list != nullptr && (!list->is_array() || list->size() != 1 || !list->front().is_string()))
    config.refuse("architectures", "a list of one name", *list);
  if (!type && list == nullptr)
    raise<data_error>(file, ": \"model_type\" and \"architectures\" are missing, expected one of ",
                      supported_list(&architecture_names::model_type));
  bool type_is_known = false;
  for (const architecture_names& names : supported_architectures) {
    const bool same_type = !type || *type == names.model_type;
    const bool same_name = list == nullptr || list->front() == names.architecture;
    if (same_type && same_name) return names;
    type_is_known = type_is_known || same_type;
  }
  if (!type_is_known)
    config.refuse("model_type", concat("one of ", supported_list(&architecture_names::model_type)), *type);
  config.refuse("architectures", concat("one of ", supported_list(&architecture_names::architecture)), list->front());
}

}  // namespace strata::detail
