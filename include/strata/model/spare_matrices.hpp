/// Matrices that were used and wait to be used again: fresh memory costs as much as what is done with it where a matrix
/// is larger than what the allocator keeps.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"

namespace strata::detail {

template <class T>
class spare_matrices {
 public:
  /// A matrix whose values are whatever the memory holds: in the smallest spare one that is large enough, otherwise in
  /// fresh memory instead of the largest.
  [[nodiscard]] matrix<T> take(std::size_t rows, std::size_t cols) {
    matrix<T> taken;
    if (!spare_.empty()) {
      auto best = std::min_element(spare_.begin(), spare_.end(), [&](const matrix<T>& a, const matrix<T>& b) {
        const bool fits = a.capacity() >= rows * cols;
        if (fits != (b.capacity() >= rows * cols)) return fits;
        return fits ? a.capacity() < b.capacity() : a.capacity() > b.capacity();
      });
      taken = std::move(*best);
      spare_.erase(best);
    }
    taken.resize_uninitialised(rows, cols);
    return taken;
  }

  void give(matrix<T>&& used) {
    if (used.capacity() > 0) spare_.push_back(std::move(used));
  }

 private:
  std::vector<matrix<T>> spare_;
};

}  // namespace strata::detail
