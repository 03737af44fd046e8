#include "strata/text/normalizer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using strata::normal_form;
using strata::normalizer;
using strata::prepend_text;
using strata::replace_text;

TEST_CASE("no step changes nothing") {
  CHECK(normalizer().empty());
  CHECK(normalizer()("e\xcc\x81") == "e\xcc\x81");
}

TEST_CASE("normal forms of Unicode") {
  const std::string text = "\u00e9e\u0301\ufb01";
  CHECK(normalizer({normal_form::nfc})(text) == "\u00e9\u00e9\ufb01");
  CHECK(normalizer({normal_form::nfd})(text) == "e\u0301e\u0301\ufb01");
  CHECK(normalizer({normal_form::nfkc})(text) == "\u00e9\u00e9fi");
  CHECK(normalizer({normal_form::nfkd})(text) == "e\u0301e\u0301fi");
}

TEST_CASE("steps in order") {
  const normalizer::step mark = replace_text{" ", "_"};
  const normalizer::step prefix = prepend_text{" "};
  CHECK(normalizer({mark, prefix})("a b") == " a_b");
  CHECK(normalizer({prefix, mark})("a b") == "_a_b");
  CHECK(normalizer({prefix, mark})("").empty());
  CHECK(normalizer({replace_text{"aa", "b"}})("aaaaa") == "bba");
  CHECK(normalizer({replace_text{"a", "aa"}})("aba") == "aabaa");
}

TEST_CASE("steps that make a text many times longer are refused") {
  const std::vector<normalizer::step> steps(3, replace_text{"a", "aaaaaaaa"});
  const normalizer longer(steps);
  CHECK(longer("a").size() == 512);  // short texts may grow
  CHECK_THROWS_WITH_AS(static_cast<void>(longer(std::string(10'000, 'a'))),
                       "the normalizer makes a text more than sixteen times as long", strata::data_error);
  const std::string widest = "\ufdfa";  // 33 bytes in compatibility forms
  std::string text;
  for (int i = 0; i < 1000; ++i) text += widest;
  CHECK(normalizer({normal_form::nfkd})(text).size() == 33'000);
}
