/// e^x in lanes of double, split so that e^x − 1 and e^x − 1 − x keep their relative accuracy near 0.
#pragma once

#include <cstddef>
#include <limits>
#include <type_traits>

#include "strata/detail/simd.hpp"

namespace strata::detail {

/// c_0 + c_1·x + …: Horner's rule for the even and the odd powers, side by side.
template <class Arch, std::size_t N>
[[nodiscard]] lanes<double, Arch> polynomial(const double (&c)[N], const lanes<double, Arch>& x,
                                             const lanes<double, Arch>& x_squared) {
  using wide = lanes<double, Arch>;
  wide last(c[N - 1]), previous(c[N - 2]);
  for (std::size_t i = N - 2; i-- > 0;) {
    const wide next = fma(last, x_squared, wide(c[i]));
    last = previous;
    previous = next;
  }
  return fma(last, x, previous);
}

/// Which arguments split_exp is given: any up to 709, or none beyond ±700, where nothing has to be clamped.
enum class exp_range { wide, checked };

/// e^x = 2^k · (1 + r + tail) with x = k·ln 2 + r, |r| ≤ ln 2 / 2, and tail = e^r − 1 − r = r²·(1/2 + r/6 + …).
/// T is the type that x was computed from: for float a shorter polynomial is exact enough.
/// Requires: x ≤ 709, or |x| ≤ 700 where the range is checked. Below −708 the value is that of −708 (3e-308).
/// Accuracy: relative error of the value 4e-16 for double, 1e-11 for float; of the tail 4e-16 and 6e-11.
template <class T, class Arch, exp_range Range = exp_range::wide>
class split_exp {
 public:
  using wide = lanes<double, Arch>;

  explicit split_exp(const wide& x) : x_(x) {
    constexpr double log2_e = 1.4426950408889634;
    constexpr double ln2_high = 0.693147180369123816490;  // 33 bits, so that k·ln2_high is exact
    constexpr double ln2_low = 1.90821492927058770002e-10;
    constexpr double integer_shift = 6755399441055744.0;  // 1.5·2^52: adding it rounds to an integer

    const wide clamped = Range == exp_range::wide ? max(x, wide(-708.0)) : x;
    const wide shifted = fma(clamped, wide(log2_e), wide(integer_shift));
    k_ = shifted - wide(integer_shift);
    if constexpr (std::is_same_v<T, float>)
      r_ = fma(k_, wide(-ln2), clamped);  // k·(error of ln2) ≤ 3e-14
    else
      r_ = fma(k_, wide(-ln2_low), fma(k_, wide(-ln2_high), clamped));
    const wide r_squared = r_ * r_;
    tail_ = r_squared * tail_by_square(r_squared);
    scale_ = power_of_two<Arch>(shifted);
  }

  /// e^x.
  [[nodiscard]] wide value() const { return fma(scale_, r_ + tail_, scale_); }

  /// e^x − 1; where k = 0 it is r + tail.
  [[nodiscard]] wide minus_one() const { return fma(scale_, r_ + tail_, scale_ - wide(1.0)); }

  /// e^x − 1 − x ≥ 0; +∞ at −∞. Where k = 0 it is the tail.
  [[nodiscard]] wide excess() const {
    if constexpr (Range == exp_range::wide) {
      return select(k_ == wide(0.0), tail_, value() - wide(1.0) - x_);
    } else {
      const wide above = scale_ - wide(1.0);
      return fma(scale_, tail_, fma(above, r_, fma(k_, wide(-ln2), above)));
    }
  }

 private:
  static constexpr double ln2 = 0.6931471805599453;

  /// (e^r − 1 − r) / r², interpolated at the Chebyshev points of |r| ≤ ln 2 / 2.
  [[nodiscard]] wide tail_by_square(const wide& r_squared) const {
    if constexpr (std::is_same_v<T, float>) {
      static constexpr double c[] = {0.5,
                                     0.16666666719028936,
                                     0.04166666671901226,
                                     0.00833329846980059,
                                     0.001388885403566671,
                                     0.00019899285575896282,
                                     2.4859589834589056e-05};
      return polynomial<Arch>(c, r_, r_squared);
    } else {
      static constexpr double c[] = {0.5,
                                     0.1666666666666667,
                                     0.04166666666666667,
                                     0.008333333333326136,
                                     0.0013888888888883748,
                                     0.00019841269874820627,
                                     2.4801587325547743e-05,
                                     2.7557255400206422e-06,
                                     2.75572736431103e-07,
                                     2.5105217004720745e-08,
                                     2.0914686968086876e-09};
      return polynomial<Arch>(c, r_, r_squared);
    }
  }

  wide x_, k_, r_, tail_, scale_;
};

/// e^x for every x: exactly 0 below −708 and +∞ above 709.
template <class Arch>
[[nodiscard]] lanes<double, Arch> full_range_exp(const lanes<double, Arch>& x) {
  using wide = lanes<double, Arch>;
  const wide value = split_exp<double, Arch>(min(x, wide(709.0))).value();
  const wide below = select(x < wide(-708.0), wide(0.0), value);
  return select(x > wide(709.0), wide(std::numeric_limits<double>::infinity()), below);
}

}  // namespace strata::detail
