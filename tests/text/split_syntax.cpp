#include "strata/text/split_syntax.hpp"

#include <doctest/doctest.h>

#include <string>

#include "strata/text/pre_tokenizer.hpp"

TEST_CASE("the patterns of known tokenizers are accepted") {
  for (const std::string& pattern :
       {std::string(strata::gpt2_words),
        std::string(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"),
        std::string(R"([^\r\n\p{L}\p{N}]?+\p{L}+| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"),
        std::string(R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t)?)"),
        std::string(R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[\p{P}\p{S}]+)"),
        std::string("[一-龥぀-ゟ゠-ヿ]+|\\u3000|\\p{Han}"), std::string("(?<=a)b(?<!c)(?>d)(e)(?:f)*"),
        std::string("[-a][a-][a-z-]")})
    CHECK_MESSAGE(strata::split_syntax::complaint(pattern).empty(), pattern, ' ',
                  strata::split_syntax::complaint(pattern));
}

TEST_CASE("what means different things to different engines is refused") {
  for (const std::string pattern :
       {R"(^a)",        R"(a$)",        R"(\w+)",    R"(\W)",      R"(\bа)",       R"(\h)",          R"(\v)",
        R"(\Z)",        R"(\G)",        R"(\R)",     R"(\x41)",    R"(\1)",        R"(\k<a>)",       R"(\é)",
        R"((?m:.))",    R"((?i)a)",     R"((?#x))",  R"((?<n>a))", R"([a[b]])",    R"([[:alpha:]])", R"([a&&b])",
        R"([a--b])",    R"([\s-a])",    R"([a-\s])", R"([a-c-e])", R"([一-龥-x])", R"([])",          R"([^])",
        R"(\p{Alpha})", R"(\p{Punct})", R"(\p{^L})", R"(\pL)",     R"(\p{L)",      R"(\p{})",        R"(\p{Any})",
        R"(a{2}+)",     R"(a{2}?)",     R"(a{,2})",  R"((a){2})",  R"(a{1}{2})",   R"(a{1000})",     R"(a{1)",
        R"(a{})",       R"(a**)",       R"(*a)",     R"(a|+)",     R"((*))",       R"(})",           R"(a])",
        R"(\u12)",      R"(\ud800)",    R"(\u12g4)", R"(\)",       R"([\)",        R"([a)",          R"([a-)",
        R"((a)",        R"(a))",        R"((?)",     R"((?a))"})
    CHECK_MESSAGE(!strata::split_syntax::complaint(pattern).empty(), pattern);
  CHECK_FALSE(strata::split_syntax::complaint(std::string(100, '(') + std::string(100, ')')).empty());
  CHECK_FALSE(strata::split_syntax::complaint(std::string("\\\0", 2)).empty());
}

TEST_CASE("the complaint says what and where") {
  CHECK(strata::split_syntax::complaint("ab$") == "has an unescaped '$' at offset 2, which is not supported");
}
