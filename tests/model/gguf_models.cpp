// Models from GGUF files against the same models in safetensors files.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "strata/model/decoder.hpp"
#include "strata/score/check_forward_pass.hpp"
#include "support/goldens.hpp"

namespace gguf_models_test {

namespace {

template <class T>
double largest_difference(std::span<const T> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double m = 0;
  for (std::size_t i = 0; i < a.size(); ++i) m = std::max(m, std::abs(static_cast<double>(a[i]) - b[i]));
  return m;
}

const std::string folder = STRATA_TEST_DATA "/goldens/models/llama-gguf/";

// The model that a twin was made from, with the settings that the twin's script gave it.
strata::model_description original(const std::string& name, const std::string& model) {
  strata::model_description description = strata::describe_model(goldens::model_folder(model));
  const std::string changed = STRATA_TEST_DATA "/gguf_twins/" + name + ".json";
  if (std::filesystem::exists(changed)) {
    std::ifstream in(changed);
    description.config = strata::parse_config_json(std::string(std::istreambuf_iterator<char>(in), {}), changed);
  }
  return description;
}

}  // namespace

TEST_CASE("Llama in GGUF, as floats and as Q8_0: the reference logits of the dequantised weights") {
  const goldens::run run("llama_gguf");
  const auto tokens = run.integer("tokens");
  for (const std::string type : {"f32", "q8_0"}) {
    CAPTURE(type);
    const std::string file = folder + "llama-" + type + ".gguf";
    const auto exact = strata::decoder<double>::load(file);
    for (const std::string& warning : exact.config().warnings) FAIL_CHECK(warning);
    CHECK(largest_difference<double>(exact.logits(tokens).values(), run.real("logits." + type)) <= 1e-9);
    const auto narrow = strata::decoder<float>::load(file);
    CHECK(largest_difference<float>(narrow.logits(tokens).values(), run.real("logits." + type)) <= 5e-5);
    CHECK(strata::check_forward_pass(narrow, std::span<const int>(tokens)).self_check_error < 1e-6);
  }
}

TEST_CASE("Llama in GGUF has the settings of its config.json") {
  const auto gguf = strata::describe_model(folder + "llama-f32.gguf").config;
  const auto json = strata::describe_model(goldens::model_folder("llama")).config;
  CHECK(gguf.architecture == "llama");
  CHECK(gguf.shape() == json.shape());
  CHECK(gguf.kv_heads == json.kv_heads);
  CHECK(gguf.head_width == json.head_width);
  CHECK(gguf.mlp_width == json.mlp_width);
  CHECK(gguf.rope->theta == json.rope->theta);
  CHECK(gguf.norm_eps == doctest::Approx(json.norm_eps).epsilon(1e-7));
  CHECK(gguf.rotary_width == json.rotary_width);
}

TEST_CASE("twins of every family: the logits of the safetensors files") {
  // eps and the factors of rope are floats in GGUF; F16 and Q8_0 round the matrices, and logits reach 10.
  struct twin {
    const char* name;
    const char* model;
    double bound;
  };
  const twin twins[] = {{"qwen2", "qwen2", 1e-9},
                        {"qwen3", "qwen3", 1e-9},
                        {"phi3", "phi3", 1e-9},
                        {"phi3_partial", "phi3_partial", 1e-9},
                        {"gpt2", "gpt2", 1e-9},
                        {"gpt_neox_seq", "gpt_neox_seq", 1e-9},
                        {"olmo2", "olmo2", 1e-9},
                        {"llama_rope_linear", "llama_rope_linear", 1e-9},
                        {"gemma3", "gemma3_text", 1e-5},
                        {"llama_bias", "llama_bias", 0.03},
                        {"phi3_longrope", "phi3", 0.03},
                        {"gpt_neox", "gpt_neox", 0.3},
                        {"llama_rope_llama3", "llama_rope_llama3", 0.3}};
  for (const twin& t : twins) {
    const std::string name = t.name;  // no structured binding: clang 14 does not let CAPTURE take one
    CAPTURE(name);
    const auto tokens = goldens::run(t.model).integer("tokens");
    const auto gguf = strata::decoder<double>::load(STRATA_TEST_DATA "/gguf_twins/" + name + ".gguf");
    const strata::decoder<double> safetensors(original(name, t.model));
    for (const std::string& warning : gguf.config().warnings) FAIL_CHECK(warning);
    CHECK(gguf.config().tied(true) == safetensors.config().tied(false));
    CHECK(gguf.parameters() == safetensors.parameters());
    const auto expected = safetensors.logits(tokens);
    const double difference = largest_difference<double>(gguf.logits(tokens).values(), expected.values());
    MESSAGE(name << ": " << difference);
    CHECK(difference <= t.bound);
    const strata::decoder<float> narrow(strata::describe_model(STRATA_TEST_DATA "/gguf_twins/" + name + ".gguf"));
    CHECK(strata::check_forward_pass(narrow, std::span<const int>(tokens)).self_check_error < 1e-6);
  }
}

}  // namespace gguf_models_test
