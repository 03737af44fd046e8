/// The families of models that the library computes, and how a model says which it is.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "strata/core/error.hpp"
#include "strata/model/architecture.hpp"
#include "strata/model/architectures/gemma3.hpp"
#include "strata/model/architectures/gpt2.hpp"
#include "strata/model/architectures/gpt_neox.hpp"
#include "strata/model/architectures/llama.hpp"
#include "strata/model/architectures/mistral.hpp"
#include "strata/model/architectures/olmo2.hpp"
#include "strata/model/architectures/phi3.hpp"
#include "strata/model/architectures/qwen2.hpp"
#include "strata/model/architectures/qwen3.hpp"
#include "strata/model/config_reader.hpp"
#include "strata/model/json_text.hpp"

namespace strata::detail {

inline constexpr const architecture* architectures[] = {&gemma3, &gpt2, &gpt_neox, &llama, &mistral,
                                                        &olmo2,  &phi3, &qwen2,    &qwen3};

/// "\"llama\", \"mistral\", …"
[[nodiscard]] inline std::string supported_list(std::string_view architecture::*name) {
  std::string list;
  for (const architecture* family : architectures)
    if (!(family->*name).empty()) list += concat(list.empty() ? "" : ", ", in_quotes(family->*name));
  return list;
}

/// Throws:   strata::data_error unless "model_type" and "architectures" name a supported family; one of them may be
///           missing.
inline const architecture& read_architecture(config_reader& config) {
  const std::optional<std::string> type = config.optional_text("model_type");
  const nlohmann::json* const list = config.find("architectures");
  if (list != nullptr && (!list->is_array() || list->size() != 1 || !list->front().is_string()))
    config.refuse("architectures", "a list of one name", *list);
  if (!type && list == nullptr)
    raise<data_error>(config.file(), ": \"model_type\" and \"architectures\" are missing, expected one of ",
                      supported_list(&architecture::model_type));
  const architecture* of_type = nullptr;
  for (const architecture* family : architectures) {
    const bool same_type = !type || *type == family->model_type;
    if (same_type && (list == nullptr || list->front() == family->class_name)) return *family;
    if (type && same_type) of_type = family;
  }
  if (type && of_type == nullptr)
    config.refuse("model_type", concat("one of ", supported_list(&architecture::model_type)), *type);
  config.refuse("architectures",
                of_type != nullptr ? in_quotes(of_type->class_name)
                                   : concat("one of ", supported_list(&architecture::class_name)),
                list->front());
}

}  // namespace strata::detail
