#include "strata/measure/recovery.hpp"

#include <doctest/doctest.h>

#include <array>
#include <optional>
#include <vector>

TEST_CASE("the smallest size that recovers a nucleus") {
  const std::vector<double> sizes{0.1, 0.2, 0.4};
  std::vector<strata::faithfulness> measured(3);
  measured[0].nucleus_agrees[10] = true;                                 // 90 %
  measured[1].nucleus_agrees[3] = measured[2].nucleus_agrees[0] = true;  // 20 %, lost again at 0.4, and 1 %
  CHECK(strata::smallest_size_recovering(sizes, measured, 20).value() == 0.2);
  CHECK_FALSE(strata::smallest_size_recovering(sizes, measured, 10).has_value());
  CHECK_THROWS_AS(static_cast<void>(strata::smallest_size_recovering(sizes, measured, 25)), strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::smallest_size_recovering({}, {}, 20)), strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::smallest_size_recovering(sizes, {}, 20)), contract_violation);

  const auto found = strata::recovery(sizes, measured);
  const std::array<std::optional<double>, 8> expected{0.4, {}, {}, 0.2, {}, {}, {}, 0.1};
  CHECK(found == expected);
}
