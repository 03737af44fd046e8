#include "strata/model/architectures.hpp"

#include <doctest/doctest.h>

#include <string>

namespace architectures_test {

using nlohmann::json;

namespace {

std::string read(const char* text) {
  const json object = json::parse(text);
  strata::detail::config_reader reader(object, "c");
  return std::string(strata::detail::read_architecture(reader).class_name);
}

void refused(const char* text, const char* message) { CHECK_THROWS_WITH_AS(read(text), message, strata::data_error); }

}  // namespace

TEST_CASE("a supported family is recognised by its type, its architecture or both") {
  CHECK(read(R"({"model_type":"llama","architectures":["LlamaForCausalLM"]})") == "LlamaForCausalLM");
  CHECK(read(R"({"model_type":"llama"})") == "LlamaForCausalLM");
  CHECK(read(R"({"model_type":"llama","architectures":null})") == "LlamaForCausalLM");
  CHECK(read(R"({"architectures":["LlamaForCausalLM"]})") == "LlamaForCausalLM");
  CHECK(read(R"({"model_type":"gemma3_text"})") == "Gemma3ForCausalLM");
  for (const strata::detail::architecture* family : strata::detail::architectures)
    CHECK(read(json{{"model_type", family->model_type}}.dump().c_str()) == family->class_name);
}

TEST_CASE("other families are refused with the list of supported ones") {
  refused(R"({"model_type":"mamba","architectures":["MambaForCausalLM"]})",
          "c: \"model_type\", expected one of \"gemma3_text\", \"gpt2\", \"gpt_neox\", \"llama\", \"mistral\", "
          "\"olmo2\", \"phi3\", \"qwen2\", \"qwen3\", found \"mamba\"");
  refused(R"({"model_type":"mamba","architectures":["LlamaForCausalLM"]})",
          "c: \"model_type\", expected one of \"gemma3_text\", \"gpt2\", \"gpt_neox\", \"llama\", \"mistral\", "
          "\"olmo2\", \"phi3\", \"qwen2\", \"qwen3\", found \"mamba\"");
  refused(R"({"model_type":"llama","architectures":["LlamaForSequenceClassification"]})",
          "c: \"architectures\", expected \"LlamaForCausalLM\", found \"LlamaForSequenceClassification\"");
  refused(R"({"architectures":["MambaForCausalLM"]})",
          "c: \"architectures\", expected one of \"Gemma3ForCausalLM\", \"GPT2LMHeadModel\", \"GPTNeoXForCausalLM\", "
          "\"LlamaForCausalLM\", \"MistralForCausalLM\", \"Olmo2ForCausalLM\", \"Phi3ForCausalLM\", "
          "\"Qwen2ForCausalLM\", \"Qwen3ForCausalLM\", found \"MambaForCausalLM\"");
}

TEST_CASE("a file that does not say what it is") {
  refused("{}",
          "c: \"model_type\" and \"architectures\" are missing, expected one of \"gemma3_text\", \"gpt2\", "
          "\"gpt_neox\", \"llama\", \"mistral\", \"olmo2\", \"phi3\", \"qwen2\", \"qwen3\"");
  refused(R"({"model_type":1})", "c: \"model_type\", expected a text, found 1");
  refused(R"({"architectures":"LlamaForCausalLM"})",
          "c: \"architectures\", expected a list of one name, found \"LlamaForCausalLM\"");
  refused(R"({"architectures":[]})", "c: \"architectures\", expected a list of one name, found []");
  refused(R"({"architectures":[1]})", "c: \"architectures\", expected a list of one name, found [1]");
}

}  // namespace architectures_test
