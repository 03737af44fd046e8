/// How faithful a trace's next-token distribution Q is to the full model's P: everything that is reported of one size.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/detail/simd.hpp"
#include "strata/measure/divergence_from.hpp"
#include "strata/measure/nucleus.hpp"
#include "strata/measure/softmax.hpp"

namespace strata {

/// The nuclei that are compared, in percent.
inline constexpr std::array<int, 12> nucleus_percents = {1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99};

/// One distribution Q against P.
struct faithfulness {
  double kl = 0;                          // KL(P‖Q), nats
  double total_variation = 0;             // ½ Σ|p − q|
  double jensen_shannon = 0;              // nats, without a root
  double entropy = 0;                     // of Q, nats
  bool top1 = false;                      // the most probable token is the same
  std::size_t top_token = 0;              // of Q
  int nucleus = 0;                        // the largest percent whose nuclei agree as ordered lists; 0: none
  std::size_t nucleus_size = 0;           // number of tokens in it
  std::array<bool, 12> nucleus_agrees{};  // by index in nucleus_percents
  std::vector<std::size_t> first_five;    // first tokens of Q's 60 % nucleus, at most 5
  std::optional<double> cross_entropy;    // −ln q of the target, if there is one
  std::optional<std::size_t> rank;        // of the target in Q; 1: the most probable
};

/// Holds P and measures every Q against it. Calls are const, so threads may share an object.
template <class T, class Arch = detail::default_arch>
class faithfulness_to {
 public:
  /// Shape:    p_logits: (vocabulary).
  /// Requires: target, if given, < vocabulary.
  /// Throws:   numeric_error at NaN, +∞, or if all logits are −∞.
  /// Cost:     a sort of P's 99 % nucleus.
  explicit faithfulness_to(std::span<const T> p_logits, std::optional<std::size_t> target = std::nullopt)
      : divergence_(p_logits), target_(target) {
    STRATA_ASSERT(!target || *target < p_logits.size(), "faithfulness_to: the target is beyond the vocabulary");
    ranking<T, Arch> ranked(divergence_.logits());
    for (std::size_t k = 0; k < sizes_.size(); ++k) sizes_[k] = ranked.nucleus_size(nucleus_percents[k] / 100.0);
    const std::span<const std::size_t> order = ranked.first(sizes_.back());
    order_.assign(order.begin(), order.end());
  }

  [[nodiscard]] std::span<const T> logits() const { return divergence_.logits(); }
  [[nodiscard]] double entropy() const { return divergence_.entropy(); }
  [[nodiscard]] std::size_t top_token() const { return order_.front(); }

  /// Shape:    q_logits: (vocabulary).
  /// Throws:   numeric_error as the constructor.
  /// Cost:     Q is ranked only to its fifth token; what agrees with P's ranking is found without sorting.
  [[nodiscard]] faithfulness operator()(std::span<const T> q_logits) const {
    faithfulness result;
    const divergences d = divergence_(q_logits);
    result.kl = d.kl;
    result.total_variation = d.total_variation;
    result.jensen_shannon = d.jensen_shannon;
    result.entropy = d.entropy;

    ranking<T, Arch> ranked(q_logits);
    const std::size_t agreeing = common_beginning<T, Arch>(q_logits, order_);
    double sum = 0, before = 0;  // of Q's weights over the tokens so far, and without the last
    for (std::size_t k = 0, taken = 0; k < sizes_.size() && sizes_[k] <= agreeing; ++k) {
      for (; taken < sizes_[k]; ++taken) {
        before = sum;
        sum += std::exp(static_cast<double>(q_logits[order_[taken]]) - ranked.normalizer().largest);
      }
      const double wanted = nucleus_percents[k] / 100.0 * ranked.normalizer().weight;
      if (!(before < wanted && wanted <= sum)) continue;
      result.nucleus_agrees[k] = true;
      result.nucleus = nucleus_percents[k];
      result.nucleus_size = sizes_[k];
    }

    result.top_token = ranked[0];
    result.top1 = result.top_token == top_token();
    const std::span<const std::size_t> first = ranked.first(ranked.nucleus_size(0.6, 5));
    result.first_five.assign(first.begin(), first.end());
    if (target_) {
      result.cross_entropy = -ranked.normalizer().log_probability(static_cast<double>(q_logits[*target_]));
      result.rank = rank_of<T, Arch>(q_logits, *target_);
    }
    return result;
  }

 private:
  divergence_from<T, Arch> divergence_;
  std::optional<std::size_t> target_;
  std::array<std::size_t, 12> sizes_{};  // of P's nuclei
  std::vector<std::size_t> order_;       // P's ranking, as long as its 99 % nucleus
};

}  // namespace strata
