/// From which size on traces recover the head of the prediction: the most probable tokens, in their order.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/measure/curve.hpp"
#include "strata/measure/faithfulness.hpp"

namespace strata {

/// The nuclei, in percent, whose recovery is reported.
inline constexpr std::array<int, 8> recovered_percents = {1, 5, 10, 20, 40, 60, 80, 90};

/// The first size of the grid whose nucleus is P's, as ordered lists; larger sizes may lose it again. The published code
/// takes the first at which this or a larger nucleus is P's: smallest_size_where(…, nucleus >= percent).
/// Shape:    sizes, measured: (sizes).
/// Throws:   option_error if the percent is not one of nucleus_percents, or for sizes that do not ascend in (0, 1].
[[nodiscard]] inline std::optional<double> smallest_size_recovering(std::span<const double> sizes,
                                                                    std::span<const faithfulness> measured,
                                                                    int percent) {
  STRATA_ASSERT(sizes.size() == measured.size(), "a curve needs one value a size");
  std::size_t k = 0;
  while (k < nucleus_percents.size() && nucleus_percents[k] != percent) ++k;
  if (k == nucleus_percents.size())
    raise<option_error>("nucleus ", percent, " %, expected 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90 or 99");
  return smallest_size_where(sizes, [&](std::size_t i) { return measured[i].nucleus_agrees[k]; });
}

/// The same of each of recovered_percents; empty where no size recovers it.
[[nodiscard]] inline std::array<std::optional<double>, recovered_percents.size()> recovery(
    std::span<const double> sizes, std::span<const faithfulness> measured) {
  std::array<std::optional<double>, recovered_percents.size()> found;
  for (std::size_t k = 0; k < found.size(); ++k)
    found[k] = smallest_size_recovering(sizes, measured, recovered_percents[k]);
  return found;
}

}  // namespace strata
