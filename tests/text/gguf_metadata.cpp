#include "strata/text/gguf_metadata.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/text/tokenizer.hpp"
#include "support/temporary_folder.hpp"
#include "text/gguf_from_json.hpp"
#include "text/small_tokenizer.hpp"
#include "text/write_vocabulary.hpp"

namespace {

strata::gguf_vocabulary read(const gguf_writer::file& file) {
  const auto bytes = file.content();
  return strata::vocabulary_of(strata::gguf_file(bytes, "t.gguf"));
}

void check_equal(const strata::gguf_vocabulary& a, const strata::gguf_vocabulary& b) {
  CHECK(a.file == b.file);
  CHECK(a.model == b.model);
  CHECK((a.pre == b.pre));
  CHECK(a.tokens == b.tokens);
  CHECK(a.scores == b.scores);
  CHECK(a.token_types == b.token_types);
  CHECK(a.merges == b.merges);
  CHECK((a.bos_token_id == b.bos_token_id));
  CHECK((a.eos_token_id == b.eos_token_id));
  CHECK((a.unknown_token_id == b.unknown_token_id));
  CHECK((a.add_bos_token == b.add_bos_token));
  CHECK((a.add_eos_token == b.add_eos_token));
  CHECK((a.add_space_prefix == b.add_space_prefix));
}

}  // namespace

TEST_CASE("settings become a vocabulary") {
  auto text = small_text_vocabulary();
  check_equal(read(file_of(text)), text);
  text.add_bos_token = true;
  text.add_eos_token = false;
  text.add_space_prefix = true;
  check_equal(read(file_of(text)), text);
  const auto bytes = gguf_from_json(small_tokenizer::document(), "gpt-2");
  check_equal(read(file_of(bytes)), bytes);
}

TEST_CASE("a GGUF file is known by its content, whatever its name") {
  const temporary_folder folder;
  const auto content = file_of(small_text_vocabulary()).content();
  const std::string text(reinterpret_cast<const char*>(content.data()), content.size());
  const auto tokenizer = strata::tokenizer::from_file(folder.add("tokenizer.json", text));
  CHECK(tokenizer.encode("ab ab") == std::vector<std::int32_t>{1, 8, 8});
  CHECK(strata::tokenizer::from_file(folder.path()).vocabulary() == 12);
}

TEST_CASE("settings of another type are refused by key") {
  CHECK_THROWS_WITH_AS(read(gguf_writer::file{}),
                       "t.gguf: has no tokenizer, the setting \"tokenizer.ggml.model\" is missing", strata::data_error);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"pre", "a text"},           {"merges", "an array of texts"}, {"eos_token_id", "an integer"},
      {"add_eos_token", "a flag"}, {"add_space_prefix", "a flag"},  {"unknown_token_id", "an integer"}};
  for (const auto& [key, type] : expected) {
    auto vocabulary = small_text_vocabulary();
    vocabulary.eos_token_id.reset();
    vocabulary.unknown_token_id.reset();
    auto file = file_of(vocabulary);
    const std::string name = "tokenizer.ggml." + key;
    file.settings.push_back(gguf_writer::one(name, 0.5F));
    CHECK_THROWS_WITH_AS(read(file), ("t.gguf: setting \"" + name + "\", expected " + type + ", found 0.5").c_str(),
                         strata::data_error);
  }
}
