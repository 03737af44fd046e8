// What the families read from config.json beyond what Llama reads, and what they refuse.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "strata/model/config_json.hpp"
#include "strata/model/model_description.hpp"
#include "support/goldens.hpp"

namespace families_test {

using nlohmann::json;
using strata::decoder_config;

namespace {

json settings_of(const std::string& golden) {
  const strata::mapped_file file(goldens::model_folder(golden) + "/config.json");
  return json::parse(reinterpret_cast<const char*>(file.bytes().data()),
                     reinterpret_cast<const char*>(file.bytes().data()) + file.bytes().size());
}

// The settings of a golden model with other keys; "remove me" removes one.
decoder_config changed(const std::string& golden, const json& changes) {
  json config = settings_of(golden);
  for (const auto& [key, value] : changes.items()) {
    if (value == "remove me") {
      config.erase(key);
    } else {
      config[key] = value;
    }
  }
  return strata::parse_config_json(config.dump(), "c");
}

void refused(const std::string& golden, const json& changes, const char* message) {
  CAPTURE(golden);
  CHECK_THROWS_WITH_AS(changed(golden, changes), message, strata::data_error);
}

using sizes = std::vector<std::size_t>;

}  // namespace

TEST_CASE("the golden models' settings are all known, and no other is taken in silence") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    CHECK(changed(name, json::object()).warnings.empty());
    CHECK(changed(name, {{"surprise", 1}}).warnings.size() == 1);
  }
}

TEST_CASE("keys of published models that change nothing, with the values that they have there") {
  const auto silent = [](const char* name, const json& keys) {
    CAPTURE(name);
    CHECK(changed(name, keys).warnings.empty());
  };
  silent("llama",
         {{"is_llama_config", true}, {"rope_interleaved", false}, {"transformers.js_config", {{"dtype", "q4"}}}});
  silent("qwen2", {{"use_mrope", false}, {"max_window_layers", 21}});
  silent("phi3",
         {{"lm_head_bias", false}, {"full_attn_mod", 1}, {"interpolate_factor", 1}, {"auto_map", json::object()}});
  silent("gpt_neox", {{"attention_probs_dropout_prob", 0}, {"hidden_dropout_prob", 0}, {"hidden_act", "gelu_fast"}});
  silent("gemma3_text", {{"cache_implementation", "hybrid"}, {"eos_token_id", {1, 106}}});
  silent("gpt2", {{"task_specific_params", {{"text-generation", {{"max_length", 50}}}}}, {"n_ctx", 32}});
  refused("phi3", {{"lm_head_bias", true}},
          "c: \"lm_head_bias\" is not supported, expected false or no such key, found true");
  refused("llama", {{"rope_interleaved", true}},
          "c: \"rope_interleaved\" is not supported, expected false or no such key, found true");
}

TEST_CASE("what no family computes is refused by every one, with key and value") {
  for (const std::string& name : goldens::all_runs()) {
    refused(name, {{"quantization_config", {{"bits", 4}}}},
            "c: \"quantization_config\" is not supported, expected no such key, found {\"bits\":4}");
    refused(name, {{"attn_logit_softcapping", 50.0}},
            "c: \"attn_logit_softcapping\" is not supported, expected no such key, found 50.0");
    refused(name, {{"num_experts", 8}}, "c: \"num_experts\" is not supported, expected no such key, found 8");
    const std::string model = settings_of(name)["model_type"];
    const char* const key = model == "gpt2"          ? "activation_function"
                            : model == "gemma3_text" ? "hidden_activation"
                                                     : "hidden_act";
    refused(name, {{key, "relu"}},
            strata::concat("c: \"", key,
                           "\", expected silu, gelu, gelu_new, gelu_fast or gelu_pytorch_tanh, found \"relu\"")
                .c_str());
  }
}

TEST_CASE("Mistral: a window in all layers; a missing key, unlike null, has the family's default") {
  CHECK(changed("mistral", {}).windows == sizes{5, 5, 5});
  CHECK(changed("mistral", {{"sliding_window", nullptr}}).windows == sizes{0, 0, 0});
  CHECK(changed("mistral", {{"sliding_window", "remove me"}}).windows == sizes{4096, 4096, 4096});
  refused("mistral", {{"sliding_window", 0}},
          "c: \"sliding_window\", expected a whole number from 1 to 16777216, found 0");
}

TEST_CASE("Qwen: windows from a layer on, if they are used at all; a list of layers decides") {
  for (const char* name : {"qwen2", "qwen3"}) {
    const json without{{"layer_types", "remove me"}, {"use_sliding_window", true}, {"sliding_window", 7}};
    const auto with = [&](json more) {
      json all = without;
      all.update(more);
      return changed(name, all);
    };
    CHECK(with({{"max_window_layers", 1}}).windows == sizes{0, 7, 7});
    CHECK(with({{"max_window_layers", 0}}).windows == sizes{7, 7, 7});
    CHECK(with({{"max_window_layers", "remove me"}}).windows == sizes{0, 0, 0});
    CHECK(with({{"max_window_layers", 0}, {"use_sliding_window", false}}).windows == sizes{0, 0, 0});
    CHECK(with({{"max_window_layers", 0}, {"sliding_window", nullptr}}).windows == sizes{0, 0, 0});
    CHECK(with({{"layer_types", {"sliding_attention", "full_attention", "sliding_attention"}}}).windows ==
          sizes{7, 0, 7});
    refused(name, {{"layer_types", {"full_attention"}}},
            "c: \"layer_types\", expected a list of 3 names, found [\"full_attention\"]");
    refused(name, {{"layer_types", {"full_attention", "linear_attention", "full_attention"}}},
            "c: \"layer_types\", expected full_attention or sliding_attention, found \"linear_attention\"");
    refused(name, {{"layer_types", {"full_attention", "sliding_attention", "full_attention"}}},
            "c: \"sliding_window\" is missing, but layer 1 has sliding attention");
  }
  CHECK(changed("qwen2", {}).qkv_bias);
  CHECK_FALSE(changed("qwen2", {}).output_bias);
  CHECK(changed("qwen3", {{"attention_bias", true}}).output_bias);
  refused("qwen3", {{"head_dim", "remove me"}}, "c: \"head_dim\" is missing");
}

TEST_CASE("Gemma 3: two kinds of layers, two rotary embeddings, in both spellings") {
  const decoder_config as_saved = changed("gemma3_text", {});
  CHECK(as_saved.windows == sizes{4, 0, 4});
  CHECK(as_saved.rope->theta == 20000);
  CHECK(as_saved.rope->scaling.factor == 8);
  CHECK(as_saved.sliding_rope->theta == 100);
  CHECK(as_saved.sliding_rope->scaling.kind == strata::rope_kind::none);
  CHECK(as_saved.attention_scale == doctest::Approx(1 / std::sqrt(24.0)));
  CHECK(as_saved.embedding_scale == std::sqrt(60.0));

  const decoder_config newer =
      changed("gemma3_text", {{"rope_theta", "remove me"},
                              {"rope_local_base_freq", "remove me"},
                              {"rope_scaling", "remove me"},
                              {"rope_parameters",
                               {{"full_attention", {{"rope_type", "linear"}, {"factor", 8}, {"rope_theta", 20000}}},
                                {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 100}}}}}});
  CHECK(newer.warnings.empty());
  CHECK(newer.rope->theta == 20000);
  CHECK(newer.rope->scaling.factor == 8);
  CHECK(newer.sliding_rope->theta == 100);
  CHECK(newer.sliding_rope->scaling.kind == strata::rope_kind::none);

  CHECK(changed("gemma3_text", {{"layer_types", "remove me"}}).windows == sizes{4, 4, 4});
  CHECK(changed("gemma3_text", {{"layer_types", "remove me"}, {"sliding_window_pattern", 2}}).windows ==
        sizes{4, 0, 4});
  refused("gemma3_text", {{"use_bidirectional_attention", true}},
          "c: \"use_bidirectional_attention\" is not supported, expected false or no such key, found true");
  refused(
      "gemma3_text", {{"partial_rotary_factor", 0.5}},
      "c: \"partial_rotary_factor\" is not supported for this architecture: 10 of 20 components of a head would turn");
}

TEST_CASE("Phi-3: a part of each head turns; longrope with the context of the training beside it or within") {
  CHECK(changed("phi3_partial", {}).rotary_width == 6);
  CHECK(changed("phi3_partial", {}).windows == sizes{6, 6, 6});
  const std::vector<double> up(6, 2.0), down(6, 1.0);
  const json scaling{{"type", "longrope"}, {"short_factor", down}, {"long_factor", up}};
  const decoder_config beside = changed("phi3", {{"rope_scaling", scaling}, {"original_max_position_embeddings", 16}});
  CHECK(beside.rope->scaling.original_context == 16);
  CHECK(beside.rope->scaling.attention_factor == doctest::Approx(std::sqrt(1 + std::log(4.0) / std::log(16.0))));
  json within = scaling;
  within["original_max_position_embeddings"] = 32;
  CHECK(changed("phi3", {{"rope_scaling", within}, {"original_max_position_embeddings", "remove me"}})
            .rope->scaling.original_context == 32);
  refused("phi3", {{"partial_rotary_factor", 0.25}},
          "c: \"partial_rotary_factor\", expected an even number of rotary components, found 3 of 12");
}

TEST_CASE("GPT-2 and GPT-NeoX: their own spellings") {
  const decoder_config gpt2 = changed("gpt2", {{"n_inner", nullptr}});
  CHECK(gpt2.mlp_width == 4 * 48);
  CHECK_FALSE(gpt2.rope);
  CHECK(gpt2.norm == strata::norm_kind::layer);
  refused("gpt2", {{"scale_attn_by_inverse_layer_idx", true}},
          "c: \"scale_attn_by_inverse_layer_idx\" is not supported, expected false or no such key, found true");
  refused("gpt2", {{"n_head", 5}}, "c: \"n_embd\", expected a multiple of n_head, 5, found 48");

  CHECK(changed("gpt_neox", {}).block == strata::block_kind::parallel);
  CHECK(changed("gpt_neox", {{"use_parallel_residual", "remove me"}}).block == strata::block_kind::parallel);
  CHECK(changed("gpt_neox_seq", {}).block == strata::block_kind::sequential);
  CHECK(changed("gpt_neox", {}).rotary_width == 4);
  const json without{{"rotary_pct", "remove me"},
                     {"rotary_emb_base", "remove me"},
                     {"partial_rotary_factor", "remove me"},
                     {"rope_theta", "remove me"}};
  CHECK(changed("gpt_neox", without).rotary_width == 4);
  json older = without;
  older["rotary_pct"] = 0.5;
  older["rotary_emb_base"] = 500;
  CHECK(changed("gpt_neox", older).rotary_width == 8);
  CHECK(changed("gpt_neox", older).rope->theta == 500);
  json newest = without;
  newest["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 700}, {"partial_rotary_factor", 0.75}};
  CHECK(changed("gpt_neox", newest).rotary_width == 12);
  CHECK(changed("gpt_neox", newest).rope->theta == 700);
  refused("gpt_neox", {{"rotary_pct", 0.5}},
          "c: \"rotary_pct\", expected the same as \"partial_rotary_factor\", 0.25, found 0.5");
}

TEST_CASE("what the file says twice must be the same, and a missing key has the family's default") {
  refused(
      "llama",
      {{"rope_parameters", {{"rope_type", "default"}, {"partial_rotary_factor", 0.5}}}, {"partial_rotary_factor", 1.0}},
      "c: \"rope_parameters.partial_rotary_factor\", expected the share of 16 of 16 components, found 0.5");
  refused("llama", {{"rope_scaling", {{"rope_type", "linear"}, {"factor", 2}, {"partial_rotary_factor", 0.5}}}},
          "c: \"rope_scaling.partial_rotary_factor\", expected the share of 16 of 16 components, found 0.5");
  const json two{
      {"rope_theta", "remove me"},
      {"rope_scaling", "remove me"},
      {"rope_parameters",
       {{"full_attention", {{"rope_type", "default"}}}, {"sliding_attention", {{"rope_theta", 100}, {"odd", 1}}}}}};
  const decoder_config newer = changed("gemma3_text", two);
  CHECK(newer.rope->theta == 1e6);
  CHECK(newer.warnings.size() == 2);  // the older rope_local_base_freq, and what the sliding layers say beside
  CHECK(changed("gemma3_text", {{"rope_theta", "remove me"}}).rope->theta == 1e6);
  CHECK(changed("gemma3_text", {}).tied(true));
  CHECK(changed("gpt2", {}).tied(true));
  CHECK_FALSE(changed("gpt2", {{"tie_word_embeddings", false}}).tied(true));

  const json neox{{"rotary_pct", 0.25}, {"partial_rotary_factor", "remove me"}, {"rope_theta", "remove me"}};
  const auto with = [&](json more) {
    json all = neox;
    all.update(more);
    return all;
  };
  refused("gpt_neox", with({{"rope_parameters", {{"rope_theta", 10000}, {"partial_rotary_factor", 0.5}}}}),
          "c: \"rotary_pct\", expected the same as \"partial_rotary_factor\", 0.5, found 0.25");
  refused("gpt_neox", with({{"rotary_emb_base", 25000}, {"rope_parameters", {{"rope_theta", 10000}}}}),
          "c: \"rotary_emb_base\", expected the same as \"rope_theta\", 10000, found 25000");
  CHECK(changed("gpt_neox", with({{"rotary_pct", "remove me"}, {"rope_parameters", {{"rope_theta", 10000}}}}))
            .rotary_width == 4);
}

TEST_CASE("a stretched context reaches as far as the positions are stretched") {
  CHECK(changed("llama", {{"rope_scaling", {{"type", "dynamic"}, {"factor", 2.5}}}}).context == 160);
  CHECK(
      changed("llama", {{"rope_scaling", {{"type", "yarn"}, {"factor", 4}, {"original_max_position_embeddings", 32}}}})
          .context == 128);
  CHECK(changed("llama", {{"rope_scaling", {{"type", "linear"}, {"factor", 4}}}}).context == 64);
}

}  // namespace families_test
