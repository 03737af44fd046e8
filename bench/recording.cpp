// A recorded run with all edge scores against a plain forward pass, one core.
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <cmath>
#include <cstdio>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "interleaved.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/recorder.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_safetensors.hpp"

namespace {

// The widths of SmolLM2-135M with 12 of its 30 layers and a small vocabulary, random weights.
strata::decoder<float> random_model() {
  const std::size_t layers = 12, width = 576, queries = 576, keys = 192, mlp_width = 1536, vocabulary = 2048;
  std::mt19937 random(1);
  std::vector<safetensors_writer::tensor> tensors;
  const auto add = [&](const std::string& name, std::vector<std::size_t> shape) {
    const std::size_t count = std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
    std::vector<float> values(count, 1.0F);
    if (shape.size() == 2)
      for (float& v : values)
        v = std::normal_distribution<float>(0, 1 / std::sqrt(static_cast<float>(shape[1])))(random);
    tensors.push_back(safetensors_writer::bf16(name, shape, values));
  };
  add("model.embed_tokens.weight", {vocabulary, width});
  add("model.norm.weight", {width});
  for (std::size_t l = 0; l < layers; ++l) {
    const std::string p = "model.layers." + std::to_string(l) + ".";
    add(p + "self_attn.q_proj.weight", {queries, width});
    add(p + "self_attn.k_proj.weight", {keys, width});
    add(p + "self_attn.v_proj.weight", {keys, width});
    add(p + "self_attn.o_proj.weight", {width, queries});
    add(p + "mlp.gate_proj.weight", {mlp_width, width});
    add(p + "mlp.up_proj.weight", {mlp_width, width});
    add(p + "mlp.down_proj.weight", {width, mlp_width});
    add(p + "input_layernorm.weight", {width});
    add(p + "post_attention_layernorm.weight", {width});
  }
  const temporary_folder folder;
  safetensors_writer::write_file(folder.path() / "model.safetensors", tensors);
  folder.add("config.json", R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 12, "num_attention_heads": 9, "num_key_value_heads": 3, "hidden_size": 576, "intermediate_size": 1536,
    "vocab_size": 2048, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "tie_word_embeddings": true})");
  return strata::decoder<float>::load(folder.path());
}

void measure(const char* name, const strata::decoder<float>& model, std::size_t count, std::size_t repeats) {
  std::vector<strata::token_id> tokens(count);
  for (std::size_t t = 0; t < count; ++t)
    tokens[t] = static_cast<strata::token_id>((37 * t + 11) % model.shape().vocabulary);
  const strata::graph edges(model.shape(), count);
  std::vector<float> plain_logits, recorded_logits, scores;
  const auto times = bench::in_turn(repeats, {[&] {
                                                strata::no_hooks<float> hooks;
                                                plain_logits = model.forward(tokens, hooks);
                                              },
                                              [&] {
                                                strata::recorder<float> record(edges);
                                                recorded_logits = model.forward(tokens, record);
                                                scores = record.take_scores();
                                              }});
  const bench::spread ratio = bench::ratio(times[1], times[0]);
  std::printf("%-28s %4zu tokens: plain %8.2f ms, recorded %8.2f ms, ratio %.3f (%.3f to %.3f), %zu edges\n", name,
              count, 1e3 * bench::spread_of(times[0]).median, 1e3 * bench::spread_of(times[1]).median, ratio.median,
              ratio.low, ratio.high, scores.size());
  CHECK(plain_logits == recorded_logits);
}

}  // namespace

TEST_CASE("recording against a plain pass", "[recording]") {
  const auto big = random_model();
  measure("width 576, 12 layers", big, 40, 21);
  measure("width 576, 12 layers", big, 128, 9);
  const auto small = strata::decoder<float>::load(STRATA_SOURCE_DIR "/examples/model");
  measure("bundled model", small, 15, 101);
  measure("bundled model", small, 40, 51);
}
