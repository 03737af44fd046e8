#include "strata/text/bpe.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

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
