// Model folders that are missing, broken or not supported: one sentence and exit code 1.
#include <doctest/doctest.h>

#include <string>

#include "program.hpp"

using program::check_refused;
using program::content_of;
using program::model_copy;

TEST_CASE("the copy is a good model before it is broken") { CHECK(model_copy().trace().code == 0); }

TEST_CASE("folders without a model") {
  const temporary_folder folder;
  const std::string path = folder.path().string();
  for (const char* command : {"trace", "info"}) {
    const auto with = [&](const std::string& model) {
      std::vector<std::string> arguments{command, "--model", model};
      if (arguments[0] == "trace") arguments.insert(arguments.end(), {"--text", "a"});
      return program::run(arguments);
    };
    check_refused(with(path + "/none"), 1, path + "/none: no such folder or file");
    check_refused(with(folder.add("file", "").string()), 1, "expected a folder with config.json and model.safetensors");
    check_refused(with(path), 1, "config.json is missing");
  }
}

TEST_CASE("files that are missing") {
  const model_copy no_config, no_weights, no_tokenizer;
  no_config.remove("config.json");
  check_refused(no_config.trace(), 1, "config.json is missing");
  no_weights.remove("model.safetensors");
  check_refused(no_weights.trace(), 1, "model.safetensors is missing");
  no_tokenizer.remove("tokenizer.json");
  check_refused(no_tokenizer.trace(), 1, "tokenizer.json");
}

TEST_CASE("pickled weights are to be converted") {
  for (const char* name : {"pytorch_model.bin", "model.pt", "consolidated.00.pth"}) {
    const model_copy model;
    model.remove("model.safetensors");
    model.folder.add(name, "PK");
    check_refused(model.trace(), 1, "convert the weights to safetensors");
    check_refused(model.trace(), 1, name);
  }
}

TEST_CASE("malformed or cut safetensors") {
  const std::string whole = content_of(program::example_model + "/model.safetensors");
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{5}, std::size_t{8}, std::size_t{1000}, whole.size() / 2, whole.size() - 1}) {
    CAPTURE(length);
    const model_copy model;
    model.folder.add("model.safetensors", whole.substr(0, length));
    check_refused(model.trace(), 1, "model.safetensors: ");
  }
  const model_copy model;
  model.folder.add("model.safetensors", std::string(8, '\xFF') + whole.substr(8));  // the header's length
  check_refused(model.trace(), 1, "model.safetensors: ");
  std::string other = whole;
  other[8] = '[';
  model.folder.add("model.safetensors", other);
  check_refused(model.trace(), 1, "model.safetensors: ");
  other = whole;
  other.replace(other.find("model.layers.2.mlp.down_proj"), 28, "model.layers.2.mlp.DOWN_proj");
  model.folder.add("model.safetensors", other);
  check_refused(model.trace(), 1, "model.layers.2.mlp.down_proj.weight");
}

TEST_CASE("malformed config.json, and one that does not fit the weights") {
  const model_copy model;
  for (const char* text : {"", "{", "[]", "null", "{\"model_type\": \"llama\"}", "\xFF", "{\"a\": 1e999}"}) {
    CAPTURE(text);
    model.folder.add("config.json", text);
    check_refused(model.trace(), 1, "config.json: ");
  }
  const model_copy narrow;
  narrow.set_config("intermediate_size", 353);
  check_refused(narrow.trace(), 1, "has shape");
  const model_copy negative;
  negative.set_config("num_hidden_layers", -1);
  check_refused(negative.trace(), 1, "num_hidden_layers");
}

TEST_CASE("an unsupported architecture is told which ones are supported") {
  const model_copy type;
  type.set_config("model_type", "mamba");
  check_refused(type.trace(), 1, "\"qwen3\", found \"mamba\"");
  const model_copy name;
  name.set_config("architectures", {"MambaForCausalLM"});
  check_refused(name.trace(), 1, "\"LlamaForCausalLM\"");
  check_refused(name.trace(), 1, "\"MambaForCausalLM\"");
}

TEST_CASE("malformed tokenizer.json; a prompt of tokens needs none, and says that it goes without") {
  const model_copy model;
  for (const char* text : {"", "{", "[]", "{\"model\": 3}", "\xFF"}) {
    CAPTURE(text);
    model.folder.add("tokenizer.json", text);
    check_refused(model.trace(), 1, "tokenizer.json");
    const auto tokens = program::run({"trace", "--model", model.path(), "--tokens", "1,2"});
    CHECK(tokens.code == 0);
    CHECK(tokens.err.starts_with("strata: warning: tokens are shown as ids: "));
  }
}

TEST_CASE("NaN in a weight of layer 3 is reported with layer and token") {
  for (const char* matrix : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                             "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "input_layernorm"}) {
    CAPTURE(matrix);
    const model_copy model;
    model.set_weights(std::string("model.layers.3.") + matrix + ".weight", 7, 1, 0x7FC0);
    const auto result = model.trace();
    check_refused(result, 1, "layer 3, token ");
  }
}

TEST_CASE("logits that are NaN or +infinity are refused") {
  const model_copy nan;
  nan.set_weights("model.embed_tokens.weight", 128 * 2000 + 5, 1, 0x7FC0);  // of a token that is not in the prompt
  check_refused(nan.trace(), 1, "logit 2000 is not a number or +infinity");
  const model_copy infinite;
  infinite.set_weights("model.embed_tokens.weight", 128 * 2000, 128, 0x7F7F);  // the largest number
  check_refused(infinite.trace(), 1, "logit 2000 is not a number or +infinity");
}
