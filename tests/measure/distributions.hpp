// Logits of many kinds, and slow, obvious references in long double.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace distributions {

template <class T>
using logits = std::vector<T>;

inline const std::vector<std::string>& kinds() {
  static const std::vector<std::string> names{"random", "near",   "nearer",  "peaked", "tied",
                                              "huge",   "masked", "shifted", "apart"};
  return names;
}

template <class T>
struct pair {
  logits<T> p, q;
};

template <class T>
pair<T> make(const std::string& kind, std::size_t n, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  pair<T> out{logits<T>(n), logits<T>(n)};
  const double difference = kind == "near" ? 1e-3 : kind == "nearer" ? 3e-6 : 1.0;
  for (std::size_t i = 0; i < n; ++i) {
    double p = 3 * normal(engine), q = p + difference * normal(engine);
    if (kind == "peaked") (i == n / 2 ? p : q) += i == n / 2 ? 40 : 0;
    if (kind == "peaked" && i == n / 2) q += 38;
    if (kind == "tied") p = std::round(p / 3), q = std::round(q / 3);
    if (kind == "huge") p = (i % 2 == 0 ? -1e4 : 1e4) + p, q = ((i + seed) % 3 == 0 ? -1e4 : 1e4) + q;
    if (kind == "shifted") q += 100;
    if (kind == "apart") q = 60 * normal(engine);
    out.p[i] = static_cast<T>(p);
    out.q[i] = static_cast<T>(q);
    if (kind == "masked" && i % 5 == 1) out.p[i] = out.q[i] = -std::numeric_limits<T>::infinity();
    if (kind == "masked" && i % 5 == 2) out.p[i] = -std::numeric_limits<T>::infinity();
  }
  return out;
}

/// ln Σ e^x as the largest x and what is above it: kept apart, small differences of two such sums do not cancel.
struct normalizer {
  long double largest = -std::numeric_limits<long double>::infinity(), above = 0;
};

template <class T>
normalizer log_sum_exp(const logits<T>& x) {
  normalizer out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] > x[at]) at = i;
  out.largest = x[at];
  long double others = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (i != at) others += std::exp(static_cast<long double>(x[i]) - out.largest);
  out.above = std::log1p(others);
  return out;
}

template <class T>
std::vector<long double> log_softmax(const logits<T>& x) {
  const normalizer all = log_sum_exp(x);
  std::vector<long double> out;
  for (const T v : x) out.push_back((static_cast<long double>(v) - all.largest) - all.above);
  return out;
}

struct measured {
  long double kl = 0, total_variation = 0, jensen_shannon = 0, entropy = 0;
};

/// (1 + t)·ln(1 + t) + (1 − t)·ln(1 − t) without cancellation, |t| ≤ 1.
inline long double twice_divergence_from_middle(long double t) {
  if (std::abs(t) > 0.1L) {
    const long double low = t < 1 && t > -1 ? (1 - std::abs(t)) * std::log1p(-std::abs(t)) : 0;
    return (1 + std::abs(t)) * std::log1p(std::abs(t)) + low;
  }
  long double sum = 0, power = 1;
  for (int k = 1; k < 20; ++k) sum += (power *= t * t) / (static_cast<long double>(k) * (2 * k - 1));
  return sum;
}

/// e^x − 1 − x.
inline long double excess(long double x) {
  if (std::abs(x) > 0.1L) return std::exp(x) - 1 - x;
  long double sum = 0, term = x;
  for (int k = 2; k < 25; ++k) sum += term *= x / k;
  return sum;
}

template <class T>
measured reference(const pair<T>& of) {
  constexpr long double infinity = std::numeric_limits<long double>::infinity();
  const std::vector<long double> log_p = log_softmax(of.p), log_q = log_softmax(of.q);
  const normalizer all_p = log_sum_exp(of.p), all_q = log_sum_exp(of.q);
  measured out;
  for (std::size_t i = 0; i < log_p.size(); ++i) {
    const long double p = std::exp(log_p[i]), q = std::exp(log_q[i]);
    const long double distance = static_cast<long double>(of.p[i]) - static_cast<long double>(of.q[i]);
    const long double delta = (distance - (all_p.largest - all_q.largest)) - (all_p.above - all_q.above);
    if (q > 0) out.entropy -= q * log_q[i];
    if (log_p[i] == -infinity) {
      out.kl += q;
    } else if (log_q[i] == -infinity) {
      out.kl = infinity;
    } else {
      out.kl += std::abs(delta) < 1 ? p * excess(-delta) : q - p + p * delta;
    }
    const long double difference = std::abs(delta) < 1 ? p * std::expm1(-delta) : q - p;
    out.total_variation += std::abs(difference) / 2;
    if (p + q > 0) out.jensen_shannon += (p + q) / 4 * twice_divergence_from_middle(difference / (p + q));
  }
  return out;
}

}  // namespace distributions
