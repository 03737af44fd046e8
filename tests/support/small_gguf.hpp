// The settings and tables of a small Llama in a GGUF file, in which a test changes single settings.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "support/write_gguf.hpp"

namespace small_gguf {

/// Width 32, one layer, two heads, MLP 32, five tokens; only the settings and the tensors that settings are read from.
inline gguf_writer::file file() {
  using gguf_writer::one;
  gguf_writer::file out;
  out.settings = {gguf_writer::text("general.architecture", "llama"),
                  one<std::uint32_t>("llama.block_count", 1),
                  one<std::uint32_t>("llama.context_length", 64),
                  one<std::uint32_t>("llama.embedding_length", 32),
                  one<std::uint32_t>("llama.feed_forward_length", 32),
                  one<std::uint32_t>("llama.attention.head_count", 2),
                  one<std::uint32_t>("llama.attention.head_count_kv", 1),
                  one<float>("llama.attention.layer_norm_rms_epsilon", 1e-5F),
                  one<float>("llama.rope.freq_base", 500.0F),
                  one<std::uint32_t>("llama.rope.dimension_count", 16)};
  out.tensors = {{"token_embd.weight", 8, {32, 5}, 0}, {"rope_freqs.weight", 0, {8}, 192}};
  out.data.resize(192 + 8 * sizeof(float));
  for (std::size_t i = 0; i < 8; ++i) {
    const float factor = 1 + static_cast<float>(i);
    std::memcpy(out.data.data() + 192 + i * sizeof factor, &factor, sizeof factor);
  }
  return out;
}

/// With one setting replaced, or added.
inline gguf_writer::file with(gguf_writer::setting changed) {
  gguf_writer::file out = file();
  const auto same = [&](const gguf_writer::setting& s) { return s.key == changed.key; };
  out.settings.erase(std::remove_if(out.settings.begin(), out.settings.end(), same), out.settings.end());
  out.settings.push_back(std::move(changed));
  return out;
}

inline gguf_writer::file without(const std::string& key) {
  gguf_writer::file out = with(gguf_writer::text(key, ""));
  out.settings.pop_back();
  return out;
}

}  // namespace small_gguf
