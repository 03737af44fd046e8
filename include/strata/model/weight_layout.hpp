/// Where a decoder's weights are in its files: the names of the tensors, and what of their order differs from the
/// computation's. A name stands without ".weight" and ".bias"; those of a layer follow the layer's own: "model.layers." 7
/// ".self_attn.q_proj" ".weight".
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace strata {

/// How the output rows of the query, key and value matrices are ordered.
enum class row_order : std::uint8_t {
  as_computed,   // all heads of the queries, then of the keys, then of the values
  by_head,       // query, key and value of each head side by side (GPT-NeoX)
  rotary_pairs,  // within a head of queries or keys, the two components that turn together side by side (GGUF of Llama)
};

/// The defaults are those of a Llama in safetensors files.
struct weight_layout {
  std::string_view embedding = "model.embed_tokens";
  std::string_view positions = "";  // learned ones
  std::string_view final_norm = "model.norm";
  std::string_view unembedding = "lm_head";

  std::string_view layer = "model.layers.";
  std::array<std::string_view, 3> query_key_value{"self_attn.q_proj", "self_attn.k_proj",
                                                  "self_attn.v_proj"};  // or one
  std::string_view output = "self_attn.o_proj";
  std::array<std::string_view, 2> gate_up{"mlp.gate_proj", "mlp.up_proj"};  // or one
  std::string_view down = "mlp.down_proj";
  std::string_view attention_norm = "input_layernorm";
  std::string_view attention_post_norm = "";
  std::string_view mlp_norm = "post_attention_layernorm";
  std::string_view mlp_post_norm = "";
  std::string_view query_norm = "self_attn.q_norm";
  std::string_view key_norm = "self_attn.k_norm";

  row_order rows = row_order::as_computed;
  bool transposed = false;     // matrices of the layers are (in, out)
  bool gain_plus_one = false;  // a norm multiplies by 1 + weight
};

/// The names in GGUF files, the same for all architectures but for matrices that are stored as one.
[[nodiscard]] constexpr weight_layout gguf_layout() {
  weight_layout names;
  names.embedding = "token_embd";
  names.positions = "position_embd";
  names.final_norm = "output_norm";
  names.unembedding = "output";
  names.layer = "blk.";
  names.query_key_value = {"attn_q", "attn_k", "attn_v"};
  names.output = "attn_output";
  names.gate_up = {"ffn_gate", "ffn_up"};
  names.down = "ffn_down";
  names.attention_norm = "attn_norm";
  names.attention_post_norm = "post_attention_norm";
  names.mlp_norm = "ffn_norm";
  names.mlp_post_norm = "post_ffw_norm";
  names.query_norm = "attn_q_norm";
  names.key_norm = "attn_k_norm";
  return names;
}

}  // namespace strata
