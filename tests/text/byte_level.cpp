#include "strata/text/byte_level.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "text/small_tokenizer.hpp"

TEST_CASE("every byte has its own character, and the character gives the byte back") {
  std::set<char16_t> characters;
  for (std::size_t b = 0; b < 256; ++b) {
    characters.insert(strata::byte_characters[b]);
    CHECK(strata::bytes_of_token(small_tokenizer::character_of(b)) == std::string(1, static_cast<char>(b)));
  }
  CHECK(characters.size() == 256);
}

TEST_CASE("known characters") {
  CHECK(strata::bytes_of_token("Ġa") == " a");
  CHECK(strata::bytes_of_token("Ċ") == "\n");
  CHECK(strata::bytes_of_token("Ã©") == "é");
  CHECK(strata::bytes_of_token("ł") == "\xa0");
  CHECK(strata::bytes_of_token("Ń") == "\xad");
  CHECK(strata::bytes_of_token("") == "");
}

TEST_CASE("characters that stand for no byte") {
  CHECK_FALSE(strata::bytes_of_token("a b"));
  CHECK_FALSE(strata::bytes_of_token("日"));
  CHECK_FALSE(strata::bytes_of_token("ń"));  // U+0144, the first behind the table
  CHECK_FALSE(strata::bytes_of_token("\xad"));
  CHECK_FALSE(strata::bytes_of_token("\n"));
}
