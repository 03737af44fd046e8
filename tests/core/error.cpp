#include "strata/core/error.hpp"

#include <doctest/doctest.h>

TEST_CASE("concat joins texts and numbers") {
  CHECK(strata::concat("layer ", 3, ", token ", std::size_t{7}, ": error ", 0.25) == "layer 3, token 7: error 0.25");
  CHECK(strata::concat('"', std::string("x"), '"') == "\"x\"");
}

TEST_CASE("raise throws the named error with the joined message, and every error is a strata::error") {
  CHECK_THROWS_WITH_AS(strata::raise<strata::data_error>("size ", 2.5), "size 2.5", strata::data_error);
  CHECK_THROWS_AS(strata::raise<strata::cancelled>("stopped"), strata::error);
}
