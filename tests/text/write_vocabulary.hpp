// A GGUF file with the settings of a vocabulary.
#pragma once

#include <string>
#include <vector>

#include "strata/text/gguf_vocabulary.hpp"
#include "support/write_gguf.hpp"

inline gguf_writer::file file_of(const strata::gguf_vocabulary& vocabulary) {
  gguf_writer::file out;
  const auto put = [&](gguf_writer::setting setting) {
    setting.key = "tokenizer.ggml." + setting.key;
    out.settings.push_back(setting);
  };
  const auto put_if = [&](const char* key, const auto& value) {
    if (value) put(gguf_writer::one(key, *value));
  };
  put(gguf_writer::text("model", vocabulary.model));
  put_if("pre", vocabulary.pre);
  put(gguf_writer::array("tokens", vocabulary.tokens));
  if (!vocabulary.scores.empty()) put(gguf_writer::array("scores", vocabulary.scores));
  if (!vocabulary.token_types.empty()) put(gguf_writer::array("token_type", vocabulary.token_types));
  if (!vocabulary.merges.empty()) put(gguf_writer::array("merges", vocabulary.merges));
  put_if("bos_token_id", vocabulary.bos_token_id);
  put_if("eos_token_id", vocabulary.eos_token_id);
  put_if("unknown_token_id", vocabulary.unknown_token_id);
  put_if("add_bos_token", vocabulary.add_bos_token);
  put_if("add_eos_token", vocabulary.add_eos_token);
  put_if("add_space_prefix", vocabulary.add_space_prefix);
  return out;
}

// Unknown, begin, end, a newline's byte, text, two user-defined tokens and an unused one.
inline strata::gguf_vocabulary small_text_vocabulary() {
  strata::gguf_vocabulary out;
  out.file = "t.gguf";
  out.model = "llama";
  out.tokens = {"<unk>", "<s>", "</s>", "<0x0A>", "▁", "a", "b", "ab", "▁ab", "<mark>", "▁▁", "<old>"};
  out.token_types = {2, 3, 3, 6, 1, 1, 1, 1, 1, 4, 4, 5};
  out.scores = {0, 0, 0, 0, -9, -9, -9, -1, -2, 0, 0, 0};
  out.bos_token_id = 1;
  out.eos_token_id = 2;
  out.unknown_token_id = 0;
  return out;
}
