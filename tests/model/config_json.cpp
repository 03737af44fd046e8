#include "strata/model/config_json.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "model/config_text.hpp"
#include "strata/model/model_description.hpp"
#include "support/goldens.hpp"

namespace config_json_test {

using nlohmann::json;
using strata::decoder_config;
using strata::rope_kind;

namespace {

void refused(const json& changes, const char* message) {
  CHECK_THROWS_WITH_AS(changed_llama(changes), message, strata::data_error);
}

decoder_config golden(const std::string& name) { return strata::describe_model(goldens::model_folder(name)).config; }

}  // namespace

TEST_CASE("every setting arrives") {
  const decoder_config config = strata::parse_config_json(llama_config_text());
  CHECK(config.layers == 3);
  CHECK(config.heads == 4);
  CHECK(config.kv_heads == 2);
  CHECK(config.head_width == 16);
  CHECK(config.width == 64);
  CHECK(config.mlp_width == 96);
  CHECK(config.vocabulary == 97);
  CHECK(config.context == 128);
  CHECK(config.norm_eps == 1e-5);
  CHECK(config.rope->theta == 500000);
  CHECK(config.rope->scaling.kind == rope_kind::none);
  CHECK_FALSE(config.qkv_bias);
  CHECK_FALSE(config.output_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK(config.tie_word_embeddings == false);
  CHECK(config.warnings.empty());
  CHECK(changed_llama({{"attention_bias", true}}).qkv_bias);
  CHECK(changed_llama({{"attention_bias", true}}).output_bias);
  CHECK(changed_llama({{"mlp_bias", true}}).mlp_bias);
}

TEST_CASE("what may be missing has the family's default") {
  const decoder_config config = changed_llama({{"num_key_value_heads", "remove me"},
                                               {"head_dim", nullptr},
                                               {"rope_theta", "remove me"},
                                               {"attention_bias", "remove me"},
                                               {"mlp_bias", "remove me"},
                                               {"tie_word_embeddings", "remove me"}});
  CHECK(config.kv_heads == 4);
  CHECK(config.head_width == 16);
  CHECK(config.rope->theta == 10000);
  CHECK_FALSE(config.qkv_bias);
  CHECK_FALSE(config.output_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK_FALSE(config.tie_word_embeddings);
}

TEST_CASE("without a word in the settings, the weights say whether the embeddings are tied") {
  decoder_config config;
  CHECK(config.tied(false));
  CHECK_FALSE(config.tied(true));
  config.tie_word_embeddings = true;
  CHECK(config.tied(true));
  config.tie_word_embeddings = false;
  CHECK_FALSE(config.tied(false));
}

TEST_CASE("the settings of the golden models") {
  CHECK(golden("llama").head_width == 16);
  CHECK(golden("llama").norm_eps == 1e-4);
  CHECK(golden("llama_bias").qkv_bias);
  CHECK(golden("llama_bias").output_bias);
  CHECK(golden("llama_bias").mlp_bias);
  CHECK(golden("llama_rope_linear").rope->scaling.kind == rope_kind::linear);
  CHECK(golden("llama_rope_linear").rope->scaling.factor == 4);
  CHECK(golden("llama_rope_llama3").rope->scaling.kind == rope_kind::llama3);
  CHECK(golden("llama_rope_llama3").rope->scaling.original_context == 32);
  CHECK(golden("llama_rope_llama3").tie_word_embeddings == true);
  for (const char* name : {"llama", "llama_bias", "llama_rope_linear", "llama_rope_llama3"})
    CHECK(golden(name).warnings.empty());
}

TEST_CASE("sizes that are missing, absurd or do not fit together") {
  for (const char* key : {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
                          "max_position_embeddings", "rms_norm_eps"})
    refused({{key, "remove me"}}, (std::string("c: \"") + key + "\" is missing").c_str());
  refused({{"num_hidden_layers", 1000000}},
          "c: \"num_hidden_layers\", expected a whole number from 1 to 4096, found 1000000");
  refused({{"num_attention_heads", 0}}, "c: \"num_attention_heads\", expected a whole number from 1 to 4096, found 0");
  refused({{"hidden_size", -64}}, "c: \"hidden_size\", expected a whole number from 1 to 16777216, found -64");
  refused({{"vocab_size", "97"}}, "c: \"vocab_size\", expected a whole number from 1 to 16777216, found \"97\"");
  refused({{"num_key_value_heads", 3}},
          "c: \"num_key_value_heads\", expected a divisor of num_attention_heads, 4, found 3");
  refused({{"num_key_value_heads", 8}},
          "c: \"num_key_value_heads\", expected a divisor of num_attention_heads, 4, found 8");
  refused({{"head_dim", nullptr}, {"hidden_size", 66}},
          "c: \"hidden_size\", expected a multiple of num_attention_heads, 4, found 66");
  refused({{"head_dim", 15}}, "c: \"head_dim\", expected an even number of rotary components, found 15 of 15");
  refused({{"rms_norm_eps", 0}}, "c: \"rms_norm_eps\", expected a number from 1e-30 to 1, found 0");
  refused({{"attention_bias", 1}}, "c: \"attention_bias\", expected true or false, found 1");
  refused({{"tie_word_embeddings", "yes"}}, "c: \"tie_word_embeddings\", expected true or false, found \"yes\"");
}

TEST_CASE("keys that nobody knows are warnings") {
  CHECK(changed_llama({{"new_trick", 3}, {"rope_scaling", {{"type", "linear"}, {"factor", 2}, {"other", true}}}})
            .warnings ==
        std::vector<std::string>{
            "c: unknown key \"rope_scaling.other\" with value true is ignored; the model may compute something else "
            "with it",
            "c: unknown key \"new_trick\" with value 3 is ignored; the model may compute something else with it"});
}

TEST_CASE("texts that are no JSON object") {
  const auto parse = [](const char* text) { static_cast<void>(strata::parse_config_json(text, "c")); };
  CHECK_THROWS_WITH_AS(parse("[]"), "c: expected an object, found []", strata::data_error);
  CHECK_THROWS_WITH_AS(parse("{,}"), "c: malformed JSON or UTF-8 at byte 2 of 3", strata::data_error);
}

}  // namespace config_json_test
