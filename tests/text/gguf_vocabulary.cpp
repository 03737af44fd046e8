#include "strata/text/gguf_vocabulary.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "strata/text/tokenizer.hpp"
#include "text/gguf_from_json.hpp"
#include "text/small_tokenizer.hpp"
#include "text/write_vocabulary.hpp"

namespace gguf_vocabulary_test {

namespace {

using ids = std::vector<std::int32_t>;
using strata::gguf_vocabulary;

gguf_vocabulary byte_model() { return gguf_from_json(small_tokenizer::document(), "gpt-2"); }

strata::tokenizer read(const gguf_vocabulary& vocabulary) { return strata::tokenizer(strata::parts_of(vocabulary)); }

template <class Change>
void refused(gguf_vocabulary vocabulary, Change change, const std::string& message) {
  change(vocabulary);
  CHECK_THROWS_WITH_AS(read(vocabulary), ("t.gguf: " + message).c_str(), strata::data_error);
}

}  // namespace

TEST_CASE("a vocabulary of bytes with merges") {
  const auto tokenizer = read(byte_model());
  CHECK(tokenizer.encode("hello") == ids{259});
  CHECK(tokenizer.encode("hello<|end|>") == ids{259, 261});
  CHECK(tokenizer.decode(tokenizer.encode(" h\n")) == " h\n");
  CHECK(tokenizer.added_tokens()[0].special);
}

TEST_CASE("a vocabulary of text with scores") {
  const auto tokenizer = read(small_text_vocabulary());
  CHECK(tokenizer.encode("ab") == ids{1, 8});
  CHECK(tokenizer.encode("aab\n") == ids{1, 4, 5, 7, 3});
  CHECK(tokenizer.encode("axyb") == ids{1, 4, 5, 0, 6});  // no tokens for the bytes of x and y
  CHECK(tokenizer.encode("b<mark>ab</s>") == ids{1, 4, 6, 9, 8, 2});
  CHECK(tokenizer.encode("  b") == ids{1, 10, 4, 6});  // two spaces are user-defined
  CHECK(tokenizer.encode("<0x0A>").back() == 0);       // bytes have no name in a text
  CHECK(tokenizer.encode("<old>").back() != 11);
  CHECK(tokenizer.decode(ids{8, 3, 10, 7}) == "ab\n  ab");
  CHECK(tokenizer.piece(8) == " ab");
}

TEST_CASE("what is put around a text") {
  using enum strata::special_tokens;
  auto vocabulary = small_text_vocabulary();
  CHECK(read(vocabulary).end_of_text() == 2);
  CHECK(read(vocabulary).encode("") == ids{1});
  CHECK(read(vocabulary).encode("", without_begin_of_text) == ids{});
  vocabulary.add_bos_token = false;
  vocabulary.add_eos_token = true;
  CHECK(read(vocabulary).encode("") == ids{2});
  CHECK(read(vocabulary).encode("", with_begin_of_text) == ids{1, 2});

  auto llama3 = byte_model();
  llama3.pre = "llama-bpe";
  llama3.bos_token_id = 261;
  llama3.add_bos_token.reset();
  CHECK(read(llama3).encode("hello") == ids{261, 259});
  llama3.pre = "gpt-2";
  CHECK(read(llama3).encode("hello") == ids{259});
}

TEST_CASE("no space before a text if the file says so") {
  auto vocabulary = small_text_vocabulary();
  vocabulary.add_space_prefix = false;
  CHECK(read(vocabulary).encode("ab ab") == ids{1, 7, 8});
  CHECK(read(vocabulary).decode(ids{8}) == " ab");
}

TEST_CASE("user-defined tokens of a vocabulary of bytes are written as text") {
  auto vocabulary = byte_model();
  vocabulary.tokens.push_back("   ");
  vocabulary.token_types.push_back(4);
  CHECK(read(vocabulary).encode("h   h") == ids{'h', 262, 'h'});
  CHECK(read(vocabulary).piece(262) == "   ");
}

TEST_CASE("what is not supported is refused by key and value") {
  refused(
      byte_model(), [](auto& v) { v.model = "bert"; }, "tokenizer.ggml.model is \"bert\", expected gpt2 or llama");
  refused(
      byte_model(), [](auto& v) { v.pre.reset(); }, "tokenizer.ggml.pre is missing: how words are cut is not known");
  refused(
      byte_model(), [](auto& v) { v.tokens.clear(); }, "tokenizer.ggml.tokens has 0 tokens, expected 1 … 2147483647");
  refused(
      byte_model(), [](auto& v) { v.token_types.pop_back(); },
      "tokenizer.ggml.token_type has 261 types, expected 262, one for each token");
  refused(
      byte_model(), [](auto& v) { v.token_types[5] = 7; }, "tokenizer.ggml.token_type[5] is 7, expected 1 … 6");
  refused(
      byte_model(), [](auto& v) { v.tokens[7] = v.tokens[3]; }, "tokenizer.ggml.tokens[7] is the same as token 3");
  refused(
      byte_model(), [](auto& v) { v.merges[1] = "ll"; },
      "tokenizer.ggml.merges[1] is not two tokens with a space between them");
  refused(
      byte_model(), [](auto& v) { v.merges[1] = "l q"; },
      "tokenizer.ggml.merges[1] needs a token that is not in tokenizer.ggml.tokens");
  refused(
      byte_model(), [](auto& v) { v.tokens[261] = "\x80"; }, "tokenizer.ggml.tokens[261] is not valid UTF-8");
  refused(
      byte_model(), [](auto& v) { v.tokens[261] = std::string(1025, 'x'); },
      "tokenizer.ggml.tokens[261] has 1025 bytes, expected at most 1024");
  refused(
      byte_model(), [](auto& v) { v.add_bos_token = true; },
      "texts begin with begin-of-text, but tokenizer.ggml.bos_token_id is missing");
  refused(
      byte_model(), [](auto& v) { v.add_eos_token = true; },
      "texts end with end-of-text, but tokenizer.ggml.eos_token_id is missing");
  for (const std::int64_t id : {std::int64_t{-1}, std::int64_t{262}, std::numeric_limits<std::int64_t>::max()})
    refused(
        byte_model(), [id](auto& v) { v.bos_token_id = id; },
        "tokenizer.ggml.bos_token_id is " + std::to_string(id) + ", expected 0 … 261");

  refused(
      small_text_vocabulary(), [](auto& v) { v.scores.pop_back(); },
      "tokenizer.ggml.scores has 11 scores, expected 12, one for each token");
  refused(
      small_text_vocabulary(), [](auto& v) { v.scores[4] = std::numeric_limits<float>::quiet_NaN(); },
      "tokenizer.ggml.scores[4] is not a number");
  refused(
      small_text_vocabulary(), [](auto& v) { v.tokens[8] = std::string(300, 'a'); },
      "tokenizer.ggml.tokens: token 8 has 300 bytes, expected at most 256");
  refused(
      small_text_vocabulary(), [](auto& v) { v.tokens[9] = "  "; },
      "tokenizer.ggml.tokens[10] stands for the same text as token 9");
  refused(
      small_text_vocabulary(), [](auto& v) { v.unknown_token_id = 12; },
      "tokenizer.ggml.unknown_token_id is 12, expected 0 … 11");
}

}  // namespace gguf_vocabulary_test
