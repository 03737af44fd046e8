/// Which rows of a level of a sweep are read, and something of each of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/forward/sweep_plan.hpp"

namespace strata::detail {

/// Rows of a level that are read, and the zero vector's where it is: (rows + 1).
using row_set = std::vector<bool>;

/// Something of each row of a set, one after the other.
template <class T>
struct of_rows {
  matrix<T> values;
  std::vector<std::uint32_t> place;  // (rows + 1): row of `values`, or none

  [[nodiscard]] std::span<const T> of(std::uint32_t row) const { return values.row(place[row]); }
};

[[nodiscard]] inline std::vector<std::uint32_t> numbered(const row_set& rows) {
  std::vector<std::uint32_t> list;
  for (std::size_t r = 0; r < rows.size(); ++r)
    if (rows[r]) list.push_back(static_cast<std::uint32_t>(r));
  return list;
}

[[nodiscard]] inline std::vector<std::uint32_t> places(const row_set& rows) {
  std::vector<std::uint32_t> place(rows.size(), sweep::none);
  std::uint32_t next = 0;
  for (std::size_t r = 0; r < rows.size(); ++r)
    if (rows[r]) place[r] = next++;
  return place;
}

}  // namespace strata::detail
