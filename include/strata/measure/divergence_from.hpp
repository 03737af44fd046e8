/// One distribution P against many Q: what belongs to P is computed once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/divergence.hpp"
#include "strata/measure/likely_tokens.hpp"
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
    wide total(0.0);
    for (std::size_t i = 0; i < logits_.size();) {  // added up in the order of sum_excess
      wide block(0.0);
      for (const std::size_t end = std::min(i + detail::summed_block, logits_.size()); i < end; i += wide::size) {
        const wide w = weight_of(i, detail::load_double<Arch>(logits_.data() + i, logits_.size() - i, none));
        w.store_unaligned(weights_.data() + i);
        block += w;
      }
      total += block;
    }
    total_ = detail::reduce_sum<double, Arch>(total);
    const std::span<const double> of_tokens = std::span<const double>(weights_).first(logits_.size());
    positive_ = std::find(of_tokens.begin(), of_tokens.end(), 0.0) == of_tokens.end();
    log_sum_exp_ = normalizer.log_sum_exp();
    entropy_ = strata::entropy<T, Arch>(logits());
    likely_ = detail::find_likely<T, Arch>(logits(), "P");
  }

  [[nodiscard]] std::span<const T> logits() const { return logits_; }
  [[nodiscard]] std::size_t vocabulary() const { return logits_.size(); }
  [[nodiscard]] double log_sum_exp() const { return log_sum_exp_; }
  [[nodiscard]] double entropy() const { return entropy_; }

  /// KL(P‖Q). One exponential a token.
  [[nodiscard]] double kl(std::span<const T> q_logits) const { return ratio<false>(q_logits).kl; }

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
  [[nodiscard]] detail::stored_weights<Arch> weights() const { return {weights_.data(), total_, positive_}; }

  template <bool Largest>
  [[nodiscard]] detail::log_ratio ratio(std::span<const T> q_logits) const {
    STRATA_ASSERT(q_logits.size() == logits_.size(), "divergence_from: two distributions of different lengths");
    return detail::compare<T, Arch, Largest>(logits(), q_logits, likely_, weights());
  }

  template <detail::terms Terms>
  [[nodiscard]] divergences sums(std::span<const T> q_logits) const {
    return detail::differences<T, Arch, Terms>(logits(), likely_.largest, q_logits,
                                               ratio<Terms == detail::terms::all>(q_logits), weights());
  }

  std::vector<T> logits_;
  std::vector<double> weights_;  // e^(logit − largest), 0 below e^−700; whole registers
  double total_ = 0;             // their sum
  bool positive_ = false;        // whether none is 0
  detail::likely_tokens likely_;
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
