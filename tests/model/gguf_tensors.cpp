#include "strata/model/gguf_tensors.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/model/safetensors.hpp"
#include "support/goldens.hpp"
#include "support/write_gguf.hpp"

using strata::element_type;
using strata::gguf_file;
using strata::gguf_tensors;

namespace {

std::vector<float> values_of(const strata::tensor_view& tensor) {
  std::vector<float> out(tensor.elements());
  strata::expand(tensor, std::span<float>(out));
  return out;
}

/// What llama.cpp's layout calls the tensors of the Llama family.
std::string name_in_gguf(std::string name) {
  const std::pair<const char*, const char*> parts[] = {{"model.embed_tokens", "token_embd"},
                                                       {"model.norm", "output_norm"},
                                                       {"lm_head", "output"},
                                                       {"model.layers.", "blk."},
                                                       {"self_attn.q_proj", "attn_q"},
                                                       {"self_attn.k_proj", "attn_k"},
                                                       {"self_attn.v_proj", "attn_v"},
                                                       {"self_attn.o_proj", "attn_output"},
                                                       {"mlp.gate_proj", "ffn_gate"},
                                                       {"mlp.up_proj", "ffn_up"},
                                                       {"mlp.down_proj", "ffn_down"},
                                                       {"input_layernorm", "attn_norm"},
                                                       {"post_attention_layernorm", "ffn_norm"}};
  for (const auto& [from, to] : parts)
    if (const std::size_t place = name.find(from); place != name.npos)
      name.replace(place, std::string(from).size(), to);
  return name;
}

/// Undoes the order of rows in which interleaved pairs are rotated: pair i of a head lies in rows i and i + half again.
std::vector<float> half_split(const std::vector<float>& rows, std::size_t width, std::size_t head_width) {
  std::vector<float> out(rows.size());
  for (std::size_t row = 0; row < rows.size() / width; ++row) {
    const std::size_t in_head = row % head_width;
    const std::size_t from = row - in_head + in_head % (head_width / 2) * 2 + in_head / (head_width / 2);
    for (std::size_t i = 0; i < width; ++i) out[row * width + i] = rows[from * width + i];
  }
  return out;
}

}  // namespace

TEST_CASE("types that are read, and those that are refused when they are asked for") {
  gguf_writer::file content;
  content.tensors = {
      {"f32", 0, {2, 2}, 0}, {"iq4_xs", 23, {256}, 32}, {"strange", 99, {5}, 192}, {"int", 26, {2}, 192}};
  content.data = gguf_writer::bytes_of<float>({1, 2, 3, 4});
  content.data.resize(224);
  const auto bytes = content.content();
  const gguf_tensors tensors(gguf_file(bytes, "m"));
  CHECK(tensors.file() == "m");
  CHECK(tensors.names() == std::vector<std::string>{"f32", "int", "iq4_xs", "strange"});
  CHECK(tensors.contains("iq4_xs"));
  CHECK_FALSE(tensors.contains("none"));
  CHECK(values_of(tensors.tensor("f32")) == std::vector<float>{1, 2, 3, 4});
  CHECK(tensors.tensor("f32").where == "m: tensor \"f32\"");
  CHECK(tensors.tensor("int").dtype == element_type::i32);
  const auto refused = [&](const char* name, const char* message) {
    CHECK_THROWS_WITH_AS(static_cast<void>(tensors.tensor(name)), message, strata::data_error);
  };
  refused("none", "m: tensor \"none\" is missing");
  refused("iq4_xs", "m: tensor \"iq4_xs\" has type IQ4_XS, which is not supported");
  refused("strange", "m: tensor \"strange\" has type number 99 of ggml, which is not supported");
}

TEST_CASE("a real file in llama.cpp's layout has the values of the safetensors that it was made from") {
  const std::string folder = STRATA_TEST_DATA "/goldens/models/llama-gguf/";
  const gguf_tensors exact(gguf_file(std::filesystem::path(folder + "llama-f32.gguf")));
  const gguf_tensors rounded(gguf_file(std::filesystem::path(folder + "llama-q8_0.gguf")));
  const strata::safetensors_file source(std::filesystem::path(goldens::model_folder("llama") + "/model.safetensors"));
  const gguf_file& settings = exact.container();
  CHECK(settings.find("general.architecture")->as_text() == "llama");
  CHECK(settings.find("tokenizer.ggml.tokens")->as_texts()->size() == 97);
  const auto number = [&](const char* key) {
    return static_cast<std::size_t>(*settings.find(std::string("llama.") + key)->as_integer());
  };
  const std::size_t head_width = number("embedding_length") / number("attention.head_count");
  REQUIRE(exact.names() == rounded.names());
  REQUIRE(exact.names().size() == source.names().size());
  std::size_t quantised = 0;
  for (const std::string& name : source.names()) {
    CAPTURE(name);
    const strata::tensor_view& a = exact.tensor(name_in_gguf(name));
    const strata::tensor_view& b = rounded.tensor(name_in_gguf(name));
    REQUIRE(a.shape == source.tensor(name).shape);
    REQUIRE(b.shape == a.shape);
    const std::vector<float> expected = values_of(source.tensor(name));
    const bool turned = name.find("q_proj") != name.npos || name.find("k_proj") != name.npos;
    CHECK((turned ? half_split(values_of(a), a.shape[1], head_width) : values_of(a)) == expected);
    if (b.dtype == element_type::f32) {
      CHECK(values_of(b) == values_of(a));
      continue;
    }
    REQUIRE(b.dtype == element_type::q8_0);
    ++quantised;
    const std::vector<float> given = values_of(a), found = values_of(b);
    bool close = true;
    for (std::size_t block = 0; block < given.size(); block += 32) {
      float largest = 0, error = 0;
      for (std::size_t i = block; i < block + 32; ++i) {
        largest = std::max(largest, std::fabs(given[i]));
        error = std::max(error, std::fabs(given[i] - found[i]));
      }
      // half a step, and 127 times the rounding of the step to a half
      close = close && error <= largest / 127 * (0.5F + 127 * 0x1p-11F);
    }
    CHECK(close);
  }
  CHECK(quantised > 0);
}
