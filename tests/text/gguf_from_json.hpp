// The metadata that a converter writes into a GGUF file for a tokenizer.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "strata/text/gguf_vocabulary.hpp"

inline strata::gguf_vocabulary gguf_from_json(const nlohmann::json& document, const std::string& pre) {
  constexpr std::int64_t normal = 1, unknown = 2, control = 3, user_defined = 4, byte = 6;
  const auto& model = document["model"];
  const bool text = model.value("byte_fallback", false);
  strata::gguf_vocabulary out;
  out.file = "t.gguf";
  out.model = text ? "llama" : "gpt2";
  if (!text) out.pre = pre;
  std::size_t count = model["vocab"].size();
  for (const auto& token : document["added_tokens"])
    if (!model["vocab"].contains(token["content"])) ++count;
  out.tokens.resize(count);
  out.token_types.assign(count, normal);
  for (const auto& [token, id] : model["vocab"].items()) out.tokens[id] = token;
  for (const auto& token : document["added_tokens"]) {
    const std::size_t id = token["id"];
    out.tokens[id] = token["content"];
    out.token_types[id] = token["special"] ? control : user_defined;
  }
  if (text) out.scores.assign(count, 0);
  for (const auto& merge : model["merges"]) {
    const std::string line =
        merge.is_string() ? merge.get<std::string>() : merge[0].get<std::string>() + ' ' + merge[1].get<std::string>();
    if (text) {
      std::string token = line;
      token.erase(token.find(' '), 1);
      out.scores[model["vocab"][token]] = -1 - static_cast<float>(&merge - &model["merges"][0]);
    } else {
      out.merges.push_back(line);
    }
  }
  for (std::size_t id = 0; text && id < count; ++id) {
    if (out.tokens[id] == model["unk_token"]) {
      out.token_types[id] = unknown;
      out.unknown_token_id = id;
    }
    if (strata::byte_of_token(out.tokens[id])) out.token_types[id] = byte;
  }
  out.add_bos_token = false;
  if (document["post_processor"].is_object() && document["post_processor"]["type"] == "TemplateProcessing") {
    out.add_bos_token = true;
    for (const auto& [name, token] : document["post_processor"]["special_tokens"].items())
      out.bos_token_id = token["ids"][0];
  }
  return out;
}

inline strata::gguf_vocabulary gguf_from_json_file(const std::string& file, const std::string& pre) {
  return gguf_from_json(nlohmann::json::parse(std::ifstream(file)), pre);
}
