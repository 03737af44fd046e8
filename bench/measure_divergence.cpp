// Divergences of float logits, on one core: against plain loops with std::exp and std::log in double, and against what
// the machine can do. Times are processor times: on a busy machine longer runs are interrupted more often than short ones.
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <random>
#include <span>
#include <vector>

#include "interleaved.hpp"
#include "limits.hpp"
#include "strata/core/matrix.hpp"
#include "strata/measure/divergence_from.hpp"
#include "strata/measure/faithfulness.hpp"

namespace {

constexpr std::size_t vocabulary = 50257;
using logits = std::span<const float>;

double plain_log_sum_exp(logits x) {
  double largest = x[0], sum = 0;
  for (const float v : x) largest = std::max(largest, static_cast<double>(v));
  for (const float v : x) sum += std::exp(static_cast<double>(v) - largest);
  return largest + std::log(sum);
}

double plain_kl(logits p, logits q) {
  const double p_sum = plain_log_sum_exp(p), q_sum = plain_log_sum_exp(q);
  double kl = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double log_p = static_cast<double>(p[i]) - p_sum, log_q = static_cast<double>(q[i]) - q_sum;
    kl += std::exp(log_p) * (log_p - log_q);
  }
  return kl;
}

double plain_total_variation(logits p, logits q) {
  const double p_sum = plain_log_sum_exp(p), q_sum = plain_log_sum_exp(q);
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i)
    sum += std::abs(std::exp(static_cast<double>(p[i]) - p_sum) - std::exp(static_cast<double>(q[i]) - q_sum));
  return sum / 2;
}

double plain_jensen_shannon(logits p, logits q) {
  const double p_sum = plain_log_sum_exp(p), q_sum = plain_log_sum_exp(q);
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double log_p = static_cast<double>(p[i]) - p_sum, log_q = static_cast<double>(q[i]) - q_sum;
    const double a = std::exp(log_p), b = std::exp(log_q), log_m = std::log((a + b) / 2);
    sum += a * (log_p - log_m) + b * (log_q - log_m);
  }
  return sum / 2;
}

/// Median seconds of f and of plain, run in turn; the results must agree.
template <class F, class Plain>
void compare(const char* name, F f, Plain plain) {
  std::vector<double> ours, baseline;
  double result = 0, expected = 0;
  const auto seconds = [](auto& run, double& out) {
    const std::clock_t start = std::clock();
    out = run();
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  for (int i = 0; i < 61; ++i) {
    ours.push_back(seconds(f, result));
    baseline.push_back(seconds(plain, expected));
  }
  const auto median = [](std::vector<double>& v) {
    std::nth_element(v.begin(), v.begin() + 30, v.end());
    return v[30];
  };
  const double a = median(ours), b = median(baseline);
  std::printf("%-32s %9.1f us, plain %9.1f us, ratio %5.2f, result %.12g\n", name, 1e6 * a, 1e6 * b, b / a, result);
  CHECK(std::abs(result - expected) <= 1e-9 * std::abs(expected));
}

}  // namespace

TEST_CASE("divergences of 50257 float logits", "[divergence]") {
  std::mt19937 engine(1);
  std::normal_distribution<float> normal;
  constexpr std::size_t many = 27;
  std::vector<float> p_values(vocabulary);
  strata::matrix<float> q(many, vocabulary);
  for (float& x : p_values) x = 3 * normal(engine);
  for (std::size_t i = 0; i < many; ++i)
    for (std::size_t j = 0; j < vocabulary; ++j) q(i, j) = p_values[j] + 0.5f * normal(engine);
  const logits p = p_values, q0 = q.view().row(0);

  compare(
      "KL", [&] { return strata::kl_divergence<float>(p, q0); }, [&] { return plain_kl(p, q0); });
  compare(
      "total variation", [&] { return strata::total_variation<float>(p, q0); },
      [&] { return plain_total_variation(p, q0); });
  compare(
      "Jensen-Shannon", [&] { return strata::jensen_shannon<float>(p, q0); },
      [&] { return plain_jensen_shannon(p, q0); });

  std::vector<double> each(many);
  const auto total = [&each] {
    double sum = 0;
    for (const double x : each) sum += x;
    return sum;
  };
  compare(
      "KL against 27",
      [&] {
        strata::kl_divergence<float>(p, q.view(), each);
        return total();
      },
      [&] {
        for (std::size_t i = 0; i < many; ++i) each[i] = plain_kl(p, q.view().row(i));
        return total();
      });
  const strata::divergence_from<float> from(p);
  compare(
      "KL, TV, JS and entropy at once",
      [&] {
        const strata::divergences d = from(q0);
        return d.kl + d.total_variation + d.jensen_shannon;
      },
      [&] { return plain_kl(p, q0) + plain_total_variation(p, q0) + plain_jensen_shannon(p, q0); });
}

TEST_CASE("27 distributions against one, vocabulary 49152, against the machine's limits", "[limits]") {
  constexpr std::size_t many = 27, size = 49152;
  std::mt19937 engine(1);
  std::normal_distribution<float> normal;
  std::vector<float> p_values(size);
  for (float& x : p_values) x = 3 * normal(engine);
  const logits p = p_values;
  // As in a trace: all tokens equally likely at the smallest size, P itself at the largest, nearer and nearer between.
  strata::matrix<float> q(many, size);
  for (std::size_t i = 1; i < many; ++i)
    for (std::size_t j = 0; j < size; ++j)
      q(i, j) = p[j] + (i + 1 < many ? 3 * (1 - static_cast<float>(i) / many) * normal(engine) : 0.0f);

  const strata::divergence_from<float> from(p);
  const strata::faithfulness_to<float> to(p, 7);
  double sum = 0;
  const auto for_all = [&](const auto& measure) {
    return [&sum, &q, measure] {
      for (std::size_t i = 0; i < many; ++i) sum += measure(q.view().row(i));
    };
  };
  const auto measured = [](const auto& d) { return d.kl + d.total_variation + d.jensen_shannon + d.entropy; };
  const std::vector<const char*> names = {"reading the logits",
                                          "one exponential a token",
                                          "KL",
                                          "total variation",
                                          "Jensen-Shannon",
                                          "KL, TV, JS and entropy",
                                          "everything of a trace's sizes",
                                          "the same, first row (all tokens equal)",
                                          "the same, last row (P)",
                                          "what is kept of P"};
  const auto times = bench::in_turn(
      41, {[&] { sum += bench::read_bandwidth(std::span<const float>(q.data(), many * size)); },
           [&] { sum += bench::exp_throughput(many * size); }, for_all([&](logits x) { return from.kl(x); }),
           for_all([&](logits x) { return from.total_variation(x); }),
           for_all([&](logits x) { return from.jensen_shannon(x); }),
           for_all([&](logits x) { return measured(from(x)); }), for_all([&](logits x) { return measured(to(x)); }),
           [&] { sum += measured(to(q.view().row(0))); }, [&] { sum += measured(to(q.view().row(many - 1))); },
           [&] { sum += strata::faithfulness_to<float>(p, 7).entropy(); }});
  for (std::size_t i = 0; i < times.size(); ++i) {
    const bench::spread time = bench::spread_of(times[i]);
    std::printf("%-40s %9.1f us (%.1f to %.1f)\n", names[i], 1e6 * time.median, 1e6 * time.low, 1e6 * time.high);
  }
  // Which binds: the slower of reading and as many exponentials as are needed.
  const auto share = [&](const char* name, std::size_t run, double exponentials) {
    std::vector<double> limit;
    for (std::size_t i = 0; i < times[run].size(); ++i)
      limit.push_back(std::max(times[0][i], exponentials * times[1][i]));
    const bench::spread reached = bench::ratio(limit, times[run]);
    std::printf("%-40s %4.1f %% (%.1f to %.1f) of the limit, %.0f exponential%s a token\n", name, 100 * reached.median,
                100 * reached.low, 100 * reached.high, exponentials, exponentials > 1 ? "s" : "");
  };
  share("KL", 2, 1);
  share("total variation (KL included)", 3, 2);
  share("KL, TV, JS and entropy", 5, 2);
  CHECK(std::isfinite(sum));
  for (const std::size_t row : {std::size_t{0}, many / 2, many - 1}) {
    CHECK(std::abs(from.kl(q.view().row(row)) - plain_kl(p, q.view().row(row))) <= 1e-9);
    CHECK(std::abs(from(q.view().row(row)).jensen_shannon - plain_jensen_shannon(p, q.view().row(row))) <= 1e-9);
  }
}
