#include "strata/text/added_tokens.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using strata::added_token;
using strata::added_token_matcher;

namespace {

// Text in brackets, tokens as their id.
std::string segments(const std::vector<added_token>& tokens, const std::string& text) {
  std::string out;
  for (const auto& [piece, id] : added_token_matcher(tokens).split(text))
    out += id < 0 ? '[' + std::string(piece) + ']' : std::to_string(id);
  return out;
}

added_token token(std::int32_t id, const char* content) {
  added_token out;
  out.id = id;
  out.content = content;
  return out;
}

}  // namespace

TEST_CASE("tokens are cut out of the text") {
  CHECK(segments({token(1, "<e>")}, "a<e>b") == "[a]1[b]");
  CHECK(segments({token(1, "<e>")}, "<e><e>") == "11");
  CHECK(segments({token(1, "<e>")}, "<<e><e") == "[<]1[<e]");
  CHECK(segments({token(1, "<e>")}, "") == "");
  CHECK(segments({}, "a") == "[a]");
}

TEST_CASE("the longest token at the leftmost place") {
  CHECK(segments({token(1, "a"), token(2, "abc"), token(3, "bcd")}, "abcd") == "2[d]");
  CHECK(segments({token(1, "a"), token(2, "abc"), token(3, "bcd")}, "abd") == "1[bd]");
  CHECK(segments({token(1, "bc"), token(2, "abcd")}, "abce") == "[a]1[e]");
}

TEST_CASE("a single word touches no letter, digit or underscore") {
  auto word = token(1, "foo");
  word.single_word = true;
  CHECK(segments({word}, "foo foo,foo") == "1[ ]1[,]1");
  CHECK(segments({word}, "afoo foob é日foo foo_ foo1 foo\xcc\x81") == "[afoo foob é日foo foo_ foo1 foo\xcc\x81]");
}

TEST_CASE("tokens may take the white space beside them") {
  auto left = token(1, "<l>");
  left.lstrip = true;
  auto right = token(2, "<r>");
  right.rstrip = true;
  CHECK(segments({left, right}, "a \n\xe3\x80\x80<l> b") == "[a]1[ b]");
  CHECK(segments({left, right}, "a <r> \t b") == "[a ]2[b]");
  CHECK(segments({left, right}, "<r>  <l>  ") == "21[  ]");
  CHECK(segments({left, right}, " <l>") == "1");
}

TEST_CASE("white space that a token has taken can be a token once more") {
  auto right = token(1, "<r>");
  right.rstrip = true;
  CHECK(segments({right, token(2, "\n")}, "<r>\nx") == "12[x]");
  auto both = token(2, "\n");
  both.lstrip = both.rstrip = true;
  CHECK(segments({right, both}, "<r> \n x") == "1[x]");
  CHECK(segments({both}, "a\n \nb") == "[a]2[b]");
}

TEST_CASE("contents that are empty or too long are a wrong call") {
  CHECK_THROWS_AS(added_token_matcher({token(1, "")}), contract_violation);
  CHECK_THROWS_AS(added_token_matcher({token(1, std::string(2000, 'a').c_str())}), contract_violation);
}
