#include "strata/model/known_settings.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "model/config_text.hpp"

namespace known_settings_test {

using nlohmann::json;

TEST_CASE("settings that the decoder does not compute are refused with key and value") {
  const std::vector<std::pair<json, std::string>> cases{
      {{{"hidden_act", "relu"}},
       "c: \"hidden_act\", expected silu, gelu, gelu_new, gelu_fast or gelu_pytorch_tanh, found \"relu\""},
      {{{"pretraining_tp", 2}}, "c: \"pretraining_tp\" is not supported, expected 1 or no such key, found 2"},
      {{{"partial_rotary_factor", 0.5}},
       "c: \"partial_rotary_factor\" is not supported for this architecture: 8 of 16 components of a head would turn"},
      {{{"quantization_config", {{"bits", 4}}}},
       "c: \"quantization_config\" is not supported, expected no such key, found {\"bits\":4}"},
      {{{"sliding_window", 4096}}, "c: \"sliding_window\" is not supported, expected no such key, found 4096"},
      {{{"final_logit_softcapping", 30.0}},
       "c: \"final_logit_softcapping\" is not supported, expected no such key, found 30.0"},
      {{{"num_local_experts", 8}}, "c: \"num_local_experts\" is not supported, expected no such key, found 8"},
      {{{"use_qk_norm", true}}, "c: \"use_qk_norm\" is not supported, expected false or no such key, found true"},
      {{{"pruned_heads", {{"0", {1}}}}},
       "c: \"pruned_heads\" is not supported, expected {} or no such key, found an object of 1 elements"},
  };
  for (const auto& [changes, message] : cases)
    CHECK_THROWS_WITH_AS(changed_llama(changes), message.c_str(), strata::data_error);
}

TEST_CASE("the same settings with neutral values are accepted in silence") {
  const strata::decoder_config config = changed_llama({{"pretraining_tp", 1},
                                                       {"partial_rotary_factor", 1.0},
                                                       {"quantization_config", nullptr},
                                                       {"sliding_window", nullptr},
                                                       {"use_sliding_window", false},
                                                       {"pruned_heads", json::object()},
                                                       {"hidden_act", "remove me"}});
  CHECK(config.warnings.empty());
}

TEST_CASE("settings that change nothing are accepted in silence, whatever their value") {
  const strata::decoder_config config = changed_llama({{"use_cache", false},
                                                       {"torch_dtype", "bfloat16"},
                                                       {"transformers_version", "9.9"},
                                                       {"initializer_range", "?"},
                                                       {"bos_token_id", 1},
                                                       {"eos_token_id", {1, 2}},
                                                       {"attention_dropout", 0.5},
                                                       {"_name_or_path", "x"}});
  CHECK(config.warnings.empty());
}

}  // namespace known_settings_test
