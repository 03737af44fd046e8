#include "strata/file/gguf_types.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string_view>

using strata::find_gguf_type;

TEST_CASE("types by their number") {
  CHECK(find_gguf_type(3)->name == "Q4_1");
  CHECK(find_gguf_type(3)->block_elements == 32);
  CHECK(find_gguf_type(3)->block_bytes == 20);
  CHECK(find_gguf_type(23)->name == "IQ4_XS");
  CHECK(find_gguf_type(4) == nullptr);
  CHECK(find_gguf_type(1000) == nullptr);
}

TEST_CASE("numbers and names are there once, in order") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < strata::gguf_types.size(); ++i) {
    CHECK(names.insert(strata::gguf_types[i].name).second);
    CHECK((i == 0 || strata::gguf_types[i - 1].code < strata::gguf_types[i].code));
  }
}
