#include "strata/text/bpe.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bpe_test {

using ids = std::vector<std::int32_t>;

namespace {

// a b c, ab, abc; "abc" has no merge.
strata::bpe_model model(bool whole_words) {
  const std::vector<strata::bpe_merge> merges{{0, 1, 3}};
  return {{{"a", 0}, {"b", 1}, {"c", 2}, {"ab", 3}, {"abc", 4}}, strata::merge_table(merges), whole_words};
}

ids encoded(const strata::bpe_model& with, const std::string& word) {
  strata::bpe_encoder encoder(with);
  ids out;
  encoder.encode(word, out);
  return out;
}

}  // namespace

TEST_CASE("words are merged from their bytes") {
  CHECK(encoded(model(false), "") == ids{});
  CHECK(encoded(model(false), "cab") == ids{2, 3});
  CHECK(encoded(model(false), "abc") == ids{3, 2});
}

TEST_CASE("a word that is a token can come before the merges") {
  CHECK(encoded(model(true), "abc") == ids{4});
  CHECK(encoded(model(true), "abcc") == ids{3, 2, 2});
}

TEST_CASE("a word that comes again has the same ids, short or long") {
  const auto with = model(false);
  strata::bpe_encoder encoder(with);
  for (const std::size_t length : {std::size_t{1}, std::size_t{64}, std::size_t{65}, std::size_t{1000}}) {
    ids first, both;
    encoder.encode(std::string(length, 'b') + "ab", first);
    encoder.encode(std::string(length, 'b') + "ab", both);
    encoder.encode(std::string(length, 'b') + "ab", both);
    CHECK(first.size() == length + 1);
    CHECK(both.size() == 2 * first.size());
    CHECK(ids(both.begin(), both.begin() + static_cast<std::ptrdiff_t>(first.size())) == first);
  }
}

TEST_CASE("a byte without a token is refused by its value") {
  const auto with = model(false);
  CHECK_THROWS_WITH_AS(encoded(with, "ab\xff"), "the vocabulary has no token for byte 255, which the text contains",
                       strata::data_error);
}

TEST_CASE("the smallest symbols may be characters") {
  // é 日 é日 b; with bytes, a model has to have tokens for them
  const std::vector<strata::bpe_merge> merges{{0, 1, 2}};
  strata::bpe_model with{{{"é", 0}, {"日", 1}, {"é日", 2}, {"b", 3}}, strata::merge_table(merges)};
  with.symbols = strata::smallest_symbol::character;
  CHECK(encoded(with, "bé日é") == ids{3, 2, 0});
  CHECK_THROWS_WITH_AS(encoded(with, "béx"),
                       "the vocabulary has no token for the character \"x\", which the text contains",
                       strata::data_error);

  SUBCASE("a character that is not a token becomes the token for unknown ones") {
    with.unknown = 9;
    CHECK(encoded(with, "xyéz") == ids{9, 9, 0, 9});
    with.one_unknown = true;
    CHECK(encoded(with, "xyéz") == ids{9, 0, 9});
  }
  SUBCASE("or its bytes, if they all have tokens") {
    with.unknown = 9;
    with.one_unknown = true;
    with.byte_tokens.assign(256, -1);
    with.byte_tokens[0xc3] = 10;
    with.byte_tokens[0xa8] = 11;
    CHECK(encoded(with, "è") == ids{10, 11});
    CHECK(encoded(with, "ê") == ids{9});
    CHECK(encoded(with, "êêèêb") == ids{9, 10, 11, 9, 3});
  }
}

}  // namespace bpe_test
