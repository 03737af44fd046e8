#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "report/fuzz_mask_file.hpp"
#include "support/mutations.hpp"
#include "support/saved_inputs.hpp"

namespace fuzz_replay_test {

namespace {

using bytes = std::vector<std::uint8_t>;

std::vector<bytes> small_files() {
  const strata::graph graph = fuzz_mask_graph();
  strata::edge_order order(graph.edge_count());
  for (const strata::edge_id e : std::vector<strata::edge_id>{18, 3, 0, 7}) order.push_back(e);
  std::vector<bytes> files;
  for (const std::string& text : {strata::mask_text(strata::edge_mask::prefix(graph, order, 3)),
                                  strata::masks_text(graph, order, std::vector<std::size_t>{0, 2, 2, 4})})
    files.emplace_back(text.begin(), text.end());
  return files;
}

}  // namespace

TEST_CASE("a mask file that is cut off at any length is refused") {
  for (const bytes& whole : small_files()) {
    REQUIRE(fuzz_mask_file(whole));
    for (std::size_t length = 0; length + 1 < whole.size(); ++length)  // the last byte is the end of the line
      REQUIRE_FALSE(fuzz_mask_file(bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))));
  }
}

TEST_CASE("a mask file with any one bit flipped is refused or holds masks") {
  for (const bytes& whole : small_files()) {
    std::size_t accepted = 0;
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      bytes flipped = whole;
      flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
      accepted += fuzz_mask_file(flipped) ? 1 : 0;
    }
    CHECK(accepted > 0);  // sizes and edges may be others
    CHECK(accepted < whole.size());
  }
}

TEST_CASE("mutated mask files are refused or hold masks") {
  for (const bytes& whole : small_files()) {
    std::size_t accepted = 0;
    for (std::uint32_t seed = 0; seed < 4000; ++seed)
      accepted += fuzz_mask_file(mutated(whole, whole.size(), seed)) ? 1 : 0;
    CHECK(accepted > 0);
    CHECK(accepted < 1000);
  }
}

TEST_CASE("mask files that the fuzzer found are refused or hold masks") {
  CHECK(saved_inputs::some_are_accepted("mask_file", fuzz_mask_file));
}

}  // namespace fuzz_replay_test
