#include "strata/model/gguf_config.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/fuzz_gguf_config.hpp"
#include "strata/model/model_description.hpp"
#include "support/goldens.hpp"
#include "support/mutations.hpp"
#include "support/saved_inputs.hpp"
#include "support/small_gguf.hpp"

using gguf_writer::one;
using gguf_writer::text;
using small_gguf::with;
using small_gguf::without;
using strata::decoder_config;

namespace {

decoder_config read(const gguf_writer::file& file) {
  const std::vector<std::byte> bytes = file.content();
  const strata::weight_files weights = strata::gguf_file(bytes, "g");
  return strata::detail::read_gguf_config(strata::detail::read_gguf_architecture(*weights.gguf()), weights);
}

void refused(const gguf_writer::file& file, const char* message) {
  CHECK_THROWS_WITH_AS(static_cast<void>(read(file)), message, strata::data_error);
}

}  // namespace

TEST_CASE("settings, and what the tensors tell") {
  const decoder_config config = read(small_gguf::file());
  CHECK(config.warnings.empty());
  CHECK(config.layers == 1);
  CHECK(config.heads == 2);
  CHECK(config.kv_heads == 1);
  CHECK(config.head_width == 16);
  CHECK(config.vocabulary == 5);
  CHECK(config.context == 64);
  CHECK(config.rope->theta == 500);
  CHECK(config.rope->scaling.short_factors == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(config.rope->scaling.long_factors == config.rope->scaling.short_factors);
  CHECK(config.rope->scaling.attention_factor == 1);
  CHECK(config.tie_word_embeddings == true);
  CHECK_FALSE(config.qkv_bias);
}

TEST_CASE("what is missing, malformed or not supported is called as the file calls it") {
  refused(without("llama.block_count"), "g: \"llama.block_count\" is missing");
  refused(with(one<std::int32_t>("llama.block_count", -1)),
          "g: \"llama.block_count\", expected a whole number from 1 to 4096, found -1");
  refused(with(text("llama.embedding_length", "wide")),
          "g: \"llama.embedding_length\", expected a whole number from 1 to 16777216, found \"wide\"");
  refused(with(gguf_writer::array<std::uint32_t>("llama.attention.head_count_kv", {1, 2})),
          "g: \"llama.attention.head_count_kv\", expected a whole number from 1 to 4096, found [1,2]");
  refused(with(one<std::uint32_t>("llama.expert_count", 8)),
          "g: \"llama.expert_count\" is not supported, expected no such key, found 8");
  refused(with(one<float>("llama.attn_logit_softcapping", 50)),
          "g: \"llama.attn_logit_softcapping\" is not supported, expected no such key, found 50.0");
  refused(with(one<std::uint32_t>("llama.rope.dimension_count", 8)),
          "g: \"llama.rope.dimension_count\" is not supported for this architecture: 8 of 16 components of a head "
          "would turn");
  refused(with(one<std::uint32_t>("llama.attention.value_length", 8)),
          "g: \"llama.attention.value_length\", expected the width of the keys, 16, found 8");
  refused(with(text("general.architecture", "mamba")),
          "g: \"general.architecture\", expected one of \"gemma3\", \"gpt2\", \"gptneox\", \"llama\", \"olmo2\", "
          "\"phi3\", \"qwen2\", \"qwen3\", found \"mamba\"");
  refused(without("general.architecture"), "g: \"general.architecture\", expected a text, found none");
}

TEST_CASE("metadata that changes the computation is refused, however it is spelled") {
  refused(with(one("llama.attention.causal", false)),
          "g: \"llama.attention.causal\" is not supported, expected true or no such key, found false");
  for (const char* key : {"llama.attention.clamp_kqv", "llama.attention.scale", "llama.attention.max_alibi_bias",
                          "llama.rope.scaling.yarn_ext_factor", "llama.rope.scaling.yarn_log_multiplier"})
    refused(with(one<float>(key, 8)),
            strata::concat("g: \"", key, "\" is not supported, expected no such key, found 8.0").c_str());
  for (const char* key : {"llama.embedding_scale", "llama.residual_scale", "llama.logit_scale"}) {
    refused(with(one<float>(key, 8)),
            strata::concat("g: \"", key, "\" is not supported, expected 1 or no such key, found 8.0").c_str());
    CHECK(read(with(one<float>(key, 0))).warnings.empty());
  }
  refused(with(one<std::uint32_t>("llama.expert_used_count", 2)),
          "g: \"llama.expert_used_count\" is not supported, expected no such key, found 2");
  refused(with(gguf_writer::array<float>("llama.final_logit_softcapping", std::vector<float>(5000, 1.0F))),
          "g: \"llama.final_logit_softcapping\", expected a number, a flag, a text or a short list, found an array of "
          "5000 numbers");
  refused(with(one<float>("llama.rope.dimension_count", 16)),
          "g: \"llama.rope.dimension_count\", expected a whole number from 1 on, found 16");
  CHECK(read(with(text("llama.tensor_data_layout", "Meta AI original pth"))).warnings.empty());
  CHECK(read(with(gguf_writer::array<float>("llama.surprise", std::vector<float>(5000, 1.0F)))).warnings.size() == 1);
}

TEST_CASE("factors of single angles do not go with another scaling; a factor alone is linear") {
  gguf_writer::file file = with(text("llama.rope.scaling.type", "linear"));
  file.settings.push_back(one<float>("llama.rope.scaling.factor", 4));
  refused(
      file,
      "g: \"llama.rope.scaling.type\", expected none or longrope beside a tensor of rope factors, found \"linear\"");
  for (const char* key : {"llama.rope.scaling.factor", "llama.rope.scale_linear"}) {
    file = with(one<float>(key, 4));
    file.tensors.pop_back();
    CHECK(read(file).rope->scaling.kind == strata::rope_kind::linear);
    CHECK(read(file).rope->scaling.factor == 4);
    file.settings.back() = one<float>(key, 0);
    CHECK(read(file).rope->scaling.kind == strata::rope_kind::none);
  }
}

TEST_CASE("a setting of the model that nobody knows is a warning; those of other parts of the file are not") {
  CHECK(read(with(one<float>("llama.surprise", 1))).warnings ==
        std::vector<std::string>{
            "g: unknown key \"llama.surprise\" with value 1.0 is ignored; the model may compute something "
            "else with it"});
  CHECK(read(with(one<float>("general.surprise", 1))).warnings.empty());
  CHECK(read(with(one<std::uint32_t>("llama.expert_count", 0))).warnings.empty());
  CHECK(read(with(one<std::uint32_t>("llama.attention.value_length", 16))).warnings.empty());
}

TEST_CASE("rope scaling of a GGUF file") {
  gguf_writer::file file = with(text("llama.rope.scaling.type", "linear"));
  file.settings.push_back(one<float>("llama.rope.scaling.factor", 4));
  file.tensors.pop_back();
  CHECK(read(file).rope->scaling.kind == strata::rope_kind::linear);
  CHECK(read(file).rope->scaling.factor == 4);
  file.settings.back() = one<float>("llama.rope.scaling.factor", -4);
  refused(file, "g: \"llama.rope.scaling.factor\", expected a number from 1 to 1e+06, found -4.0");
  file.settings.pop_back();
  file.settings.back() = text("llama.rope.scaling.type", "none");
  CHECK(read(file).rope->scaling.kind == strata::rope_kind::none);

  file.settings.back() = text("llama.rope.scaling.type", "yarn");
  file.settings.push_back(one<float>("llama.rope.scaling.factor", 4));
  file.settings.push_back(one<std::uint32_t>("llama.rope.scaling.original_context_length", 16));
  CHECK(read(file).rope->scaling.kind == strata::rope_kind::yarn);
  CHECK(read(file).rope->scaling.original_context == 16);
  file.settings.push_back(one<float>("llama.rope.scaling.attn_factor", 2));
  refused(file, "g: \"llama.rope.scaling.attn_factor\", expected 1 with the scaling \"yarn\", found 2.0");
}

TEST_CASE("factors of Llama 3.1 turn as its config.json says") {
  const auto gguf = strata::describe_model(STRATA_TEST_DATA "/gguf_twins/llama_rope_llama3.gguf").config;
  const auto json = strata::describe_model(goldens::model_folder("llama_rope_llama3")).config;
  const auto a = strata::rope_angles(*gguf.rope, gguf.rotary_width, 9);
  const auto b = strata::rope_angles(*json.rope, json.rotary_width, 9);
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-6));
}

TEST_CASE("Gemma 3: what files leave to the reader, and the newer keys") {
  const std::string file = STRATA_TEST_DATA "/gguf_twins/gemma3.gguf";
  const auto config = strata::describe_model(file).config;
  CHECK(config.windows == std::vector<std::size_t>(3, config.windows[0]));
  CHECK(config.sliding_rope->theta == 10000);
  CHECK(config.attention_scale == doctest::Approx(1 / std::sqrt(20.0)));
  nlohmann::json newer{{"sliding_window_pattern", {true, false, true}},
                       {"num_hidden_layers", 62},
                       {"hidden_size", 5376},
                       {"num_attention_heads", 32}};
  strata::detail::complete_gemma3(strata::gguf_file(file), newer);
  CHECK(newer["layer_types"] == nlohmann::json{"sliding_attention", "full_attention", "sliding_attention"});
  CHECK(newer["query_pre_attn_scalar"] == 168);
}

TEST_CASE("mutated GGUF models are refused or computable") {
  const std::vector<std::byte> content = small_gguf::file().content();
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  REQUIRE(fuzz_gguf_config(bytes));
  std::size_t accepted = 0;
  for (std::uint32_t seed = 0; seed < 4000; ++seed)
    accepted += fuzz_gguf_config(mutated(bytes, bytes.size(), seed)) ? 1 : 0;
  CHECK(accepted > 0);
  CHECK(accepted < 3000);
}

TEST_CASE("GGUF models that the fuzzer found are refused or computable") {
  CHECK(saved_inputs::some_are_accepted("gguf_config", fuzz_gguf_config));
}
