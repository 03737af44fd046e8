// Matrices that every language computes exactly, so that figures of numpy can be compared.
#pragma once

#include <cstddef>

#include "strata/core/matrix.hpp"

namespace samples {

/// ((a·i + b·j + c·i·j) mod 17 − 8) / 4.
template <class T = double>
strata::matrix<T> make(std::size_t rows, std::size_t cols, std::size_t a, std::size_t b, std::size_t c) {
  strata::matrix<T> out(rows, cols);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) out(i, j) = (static_cast<T>((a * i + b * j + c * i * j) % 17) - 8) / 4;
  return out;
}

}  // namespace samples
