/// One distribution P against many Q: what belongs to P is computed once.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/divergence.hpp"
#include "strata/measure/log_ratio.hpp"
#include "strata/measure/softmax.hpp"

namespace strata {

/// Divergences of distributions Q from one P. Holds P's logits and weights, 8 + sizeof(T) bytes a token; each call is
/// const and allocates nothing, so threads may share an object. The results are those of the free functions up to
/// rounding.
template <class T, class Arch = detail::default_arch>
class divergence_from {
 public:
  /// Shape:    p_logits: (vocabulary).
  /// Throws:   numeric_error at the first NaN or +∞, or if all are −∞.
  explicit divergence_from(std::span<const T> p_logits) : logits_(p_logits.begin(), p_logits.end()) {
    using wide = detail::lanes<double, Arch>;
    weights_.resize((p_logits.size() + wide::size - 1) / wide::size * wide::size);
    const detail::log_normalizer normalizer = detail::normalize<T, Arch>(logits(), "P");
    const detail::computed_weights<T, Arch> weight_of{normalizer.largest};
    constexpr double none = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < logits_.size(); i += wide::size)
      weight_of(i, detail::load_double<Arch>(logits_.data() + i, logits_.size() - i, none))
          .store_unaligned(weights_.data() + i);
    largest_ = normalizer.largest;
    log_sum_exp_ = normalizer.log_sum_exp();
    entropy_ = strata::entropy<T, Arch>(logits());
  }

  [[nodiscard]] std::span<const T> logits() const { return logits_; }
  [[nodiscard]] std::size_t vocabulary() const { return logits_.size(); }
  [[nodiscard]] double log_sum_exp() const { return log_sum_exp_; }
  [[nodiscard]] double entropy() const { return entropy_; }

  /// KL(P‖Q). One exponential a token.
  [[nodiscard]] double kl(std::span<const T> q_logits) const { return ratio(q_logits, q_largest(q_logits)).kl; }

  /// ½ Σ|p − q|. Two exponentials a token.
  [[nodiscard]] double total_variation(std::span<const T> q_logits) const {
    return sums<detail::terms::total_variation>(q_logits).total_variation;
  }

  /// ½ KL(P‖M) + ½ KL(Q‖M). Two exponentials a token.
  [[nodiscard]] double jensen_shannon(std::span<const T> q_logits) const {
    return sums<detail::terms::jensen_shannon>(q_logits).jensen_shannon;
  }

  /// All of them and the entropy of Q.
  [[nodiscard]] divergences operator()(std::span<const T> q_logits) const { return sums<detail::terms::all>(q_logits); }

 private:
  [[nodiscard]] double q_largest(std::span<const T> q_logits) const {
    STRATA_ASSERT(q_logits.size() == logits_.size(), "divergence_from: two distributions of different lengths");
    return detail::largest_logit<T, Arch>(q_logits, "Q");
  }

  [[nodiscard]] detail::stored_weights<Arch> weights() const { return {weights_.data()}; }

  [[nodiscard]] detail::log_ratio ratio(std::span<const T> q_logits, double largest) const {
    return detail::compare<T, Arch>(logits(), largest_, q_logits, largest, weights());
  }

  template <detail::terms Terms>
  [[nodiscard]] divergences sums(std::span<const T> q_logits) const {
    const double largest = q_largest(q_logits);
    return detail::differences<T, Arch, Terms>(logits(), largest_, q_logits, largest, ratio(q_logits, largest),
                                               weights());
  }

  std::vector<T> logits_;
  std::vector<double> weights_;  // e^(logit − largest), 0 below e^−700; whole registers
  double largest_ = 0;
  double log_sum_exp_ = 0;
  double entropy_ = 0;
};

/// KL(P‖Q_i) for every row i.
/// Shape:    p_logits: (vocabulary); q_logits: (many, vocabulary), rows without gaps between columns; out: (many).
/// Throws:   as kl_divergence.
/// Cost:     one allocation, of what is kept of P.
template <class T, class Arch = detail::default_arch>
void kl_divergence(std::span<const T> p_logits, matrix_view<const T> q_logits, std::span<double> out) {
  STRATA_ASSERT(q_logits.rows == out.size(), "kl_divergence: one result a row");
  const divergence_from<T, Arch> from(p_logits);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = from.kl(q_logits.row(i));
}

/// Total variation of P and every row; shapes and errors as kl_divergence.
template <class T, class Arch = detail::default_arch>
void total_variation(std::span<const T> p_logits, matrix_view<const T> q_logits, std::span<double> out) {
  STRATA_ASSERT(q_logits.rows == out.size(), "total_variation: one result a row");
  const divergence_from<T, Arch> from(p_logits);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = from.total_variation(q_logits.row(i));
}

/// Jensen–Shannon divergence of P and every row; shapes and errors as kl_divergence.
template <class T, class Arch = detail::default_arch>
void jensen_shannon(std::span<const T> p_logits, matrix_view<const T> q_logits, std::span<double> out) {
  STRATA_ASSERT(q_logits.rows == out.size(), "jensen_shannon: one result a row");
  const divergence_from<T, Arch> from(p_logits);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = from.jensen_shannon(q_logits.row(i));
}

}  // namespace strata
