#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/mutations.hpp"
#include "support/saved_inputs.hpp"
#include "text/any_text.hpp"
#include "text/fuzz_gguf_tokenizer.hpp"
#include "text/fuzz_tokenizer_json.hpp"
#include "text/gguf_from_json.hpp"
#include "text/small_tokenizer.hpp"
#include "text/write_vocabulary.hpp"

namespace fuzz_replay_test {

namespace {

using nlohmann::json;

bool accepted(const std::string& text) {
  // Memory of exactly that size, so that a sanitizer sees a read beyond it.
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  return fuzz_tokenizer_json(bytes);
}

json llama3_like() { return json::parse(std::ifstream(STRATA_TEST_DATA "/text/llama3-like.tokenizer.json")); }

// The settings of the real file over the vocabulary of the small one: its mutations are read in no time.
std::string settings() {
  auto document = small_tokenizer::document();
  const auto real = llama3_like();
  document["pre_tokenizer"] = real["pre_tokenizer"];
  document["post_processor"] = real["post_processor"];
  document["model"]["ignore_merges"] = true;
  return document.dump();
}

class mutator {
 public:
  explicit mutator(std::uint32_t seed) : random_(seed) {}

  // Flips, removes, repeats or overwrites some bytes.
  std::string bytes(std::string text) {
    static const std::string telling = "0129-.e\"[]{},: \\/\x7f\xff";
    for (std::size_t edits = 1 + below(4); edits > 0 && !text.empty(); --edits) {
      const std::size_t place = below(text.size());
      const std::size_t length = 1 + below(8);
      switch (below(5)) {
        case 0:
          text[place] = static_cast<char>(static_cast<unsigned char>(text[place]) ^ (1U << below(8)));
          break;
        case 1:
          text[place] = telling[below(telling.size())];
          break;
        case 2:
          text.erase(place, length);
          break;
        case 3:
          text.insert(place, text.substr(place, length));
          break;
        default:
          text.resize(place);
      }
    }
    return text;
  }

  // Replaces, removes or copies values of a well-formed document, to reach what lies behind the JSON.
  json values(json document) {
    static const json strange = json::parse(
        R"json([null, true, -1, 0, 5, 1e300, 4294967296, 18446744073709551615, 0.5, "", "A", "h e", "Sequence", [], {},
            [[]], "(a+)+b", "\\p{L}*", "[^\\s]|", "\\p{N}{1,999}", "(?:(?:a*)*)*", "\u0000", "日", "{", "(?=.)"])json");
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      auto& parent = walk(document);
      if (parent.empty()) continue;
      auto place = parent.begin();
      std::advance(place, static_cast<std::ptrdiff_t>(below(parent.size())));
      switch (below(4)) {
        case 0:
          parent.erase(place);
          break;
        case 1:
          *place = json(walk(document));
          break;
        default:
          *place = strange[below(strange.size())];
      }
    }
    return document;
  }

 private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_()) % bound; }

  // Some object or array; the way down is random.
  json& walk(json& document) {
    auto* at = &document;
    while (!at->empty() && below(5) != 0) {
      auto child = at->begin();
      std::advance(child, static_cast<std::ptrdiff_t>(below(at->size())));
      if (!child->is_structured()) break;
      at = &*child;
    }
    return *at;
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("the corpus itself is accepted") {
  CHECK(accepted(settings()));
  CHECK(accepted(llama3_like().dump()));
}

TEST_CASE("every beginning of a tokenizer.json is refused") {
  const std::string text = settings();
  for (std::size_t length = 0; length < text.size(); length += 7) REQUIRE_FALSE(accepted(text.substr(0, length)));
}

TEST_CASE("edited bytes are refused or harmless") {
  const std::string text = settings();
  std::size_t count = 0;
  for (std::uint32_t seed = 0; seed < 3000; ++seed) count += accepted(mutator(seed).bytes(text)) ? 1 : 0;
  CHECK(count < 3000);
}

TEST_CASE("edited values are refused or harmless") {
  const auto document = json::parse(settings());
  std::size_t count = 0;
  for (std::uint32_t seed = 0; seed < 2000; ++seed) count += accepted(mutator(seed).values(document).dump()) ? 1 : 0;
  CHECK(count > 0);
  CHECK(count < 2000);
}

TEST_CASE("edits of a real file") {
  const std::string text = llama3_like().dump();
  for (std::uint32_t seed = 0; seed < 100; ++seed) static_cast<void>(accepted(mutator(seed).bytes(text)));
}

TEST_CASE("files that the fuzzer found are refused or harmless") {
  CHECK(saved_inputs::some_are_accepted("tokenizer_json", fuzz_tokenizer_json));
}

TEST_CASE("edited GGUF files are refused or harmless") {
  for (const auto& vocabulary : {small_text_vocabulary(), gguf_from_json(small_tokenizer::document(), "llama-bpe")}) {
    const auto content = file_of(vocabulary).content();
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
    CHECK(fuzz_gguf_tokenizer(bytes));
    for (std::size_t length = 0; length < bytes.size(); length += 31)
      static_cast<void>(fuzz_gguf_tokenizer(bytes.first(length)));
    std::size_t count = 0;
    for (std::uint32_t seed = 0; seed < 1500; ++seed)
      count += fuzz_gguf_tokenizer(mutated(bytes, bytes.size(), seed)) ? 1 : 0;
    CHECK(count > 0);
    CHECK(count < 1500);
  }
}

TEST_CASE("any bytes as a text: refused, or the same text again") {
  const std::string data = STRATA_TEST_DATA "/text/";
  const auto bytes_of_text = strata::tokenizer::from_file(data + "llama3-like.tokenizer.json");
  const auto marked_text = strata::tokenizer::from_file(data + "llama2-like.tokenizer.json");
  const std::string text = "Hello,  world's 123\n\t日本 e\xcc\x81 😀▁<|begin|> <s></s>\xc2\xa0 \"x\" <0x41>";
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    const auto edited = mutated(bytes, bytes.size(), seed);
    const std::string_view view(reinterpret_cast<const char*>(edited.data()), edited.size());
    fuzz_text(bytes_of_text, view, true);
    fuzz_text(marked_text, view, false);
  }
}

TEST_CASE("tokenizers in GGUF files that the fuzzer found are refused or harmless") {
  CHECK(saved_inputs::some_are_accepted("gguf_tokenizer", fuzz_gguf_tokenizer));
}

}  // namespace fuzz_replay_test
