#include "strata/measure/nucleus.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "measure/distributions.hpp"

namespace nucleus_test {

namespace {

template <class T>
std::span<const T> view(const std::vector<T>& x) {
  return x;
}

template <class T>
std::vector<std::size_t> sorted(const std::vector<T>& x) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&x](std::size_t a, std::size_t b) { return x[a] > x[b]; });
  return order;
}

}  // namespace

TEST_CASE_TEMPLATE("the lazy ranking is a stable sort", T, float, double) {
  for (const auto& kind : distributions::kinds())
    for (const std::size_t n : {1u, 2u, 63u, 64u, 65u, 320u, 321u, 5000u}) {
      const std::vector<T> x = distributions::make<T>(kind, n + 1, 4).p;
      const std::vector<std::size_t> order = sorted(x);
      strata::ranking<T> ranked(view(x));
      for (std::size_t i = 0; i < x.size(); i += i / 3 + 1) CHECK(ranked[i] == order[i]);
      const auto all = ranked.first(x.size());
      CHECK(std::equal(all.begin(), all.end(), order.begin(), order.end()));
      for (std::size_t i = 0; i < x.size(); i += i / 3 + 1) CHECK(strata::rank_of<T>(view(x), order[i]) == i + 1);
    }
}

TEST_CASE_TEMPLATE("the common beginning of an order and a ranking", T, float, double) {
  for (const auto& kind : distributions::kinds())
    for (const std::size_t n : {1u, 2u, 17u, 400u}) {
      const std::vector<T> x = distributions::make<T>(kind, n, 4).p;
      const std::vector<std::size_t> order = sorted(x);
      CHECK(strata::common_beginning<T>(view(x), order) == n);
      CHECK(strata::common_beginning<T>(view(x), std::span<const std::size_t>(order).first(n / 2)) == n / 2);
      for (std::size_t at = 0; at < n; at += n / 7 + 1) {
        std::vector<std::size_t> left_out = order, exchanged = order;
        left_out.erase(left_out.begin() + static_cast<std::ptrdiff_t>(at));
        std::swap(exchanged[at], exchanged[n / 2]);
        CHECK(strata::common_beginning<T>(view(x), left_out) == at);
        CHECK(strata::common_beginning<T>(view(x), exchanged) == (at == n / 2 ? n : std::min(at, n / 2)));
      }
    }
}

TEST_CASE("a nucleus is the shortest prefix whose sum is at least p") {
  const auto x = distributions::make<double>("random", 3000, 9).p;
  const std::vector<std::size_t> order = sorted(x);
  const std::vector<long double> log_p = distributions::log_softmax(x);
  strata::ranking<double> ranked(view(x));
  for (const double p : {0.99, 0.3, 0.01, 0.5, 0.9, 0.6}) {
    long double sum = 0;
    std::size_t size = 0;
    while (sum < p) sum += std::exp(log_p[order[size++]]);
    CHECK(ranked.nucleus_size(p) == size);
    CHECK(ranked.nucleus_size(p, 5) == std::min<std::size_t>(size, 5));
    const auto tokens = strata::nucleus<double>(view(x), p);
    CHECK(std::equal(tokens.begin(), tokens.end(), order.begin(), order.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

TEST_CASE("equal logits are counted without rounding") {
  for (const std::size_t n : {10u, 100u, 32000u}) {
    const std::vector<float> x(n, 1.25f);
    strata::ranking<float> ranked(view(x));
    for (const int percent : {10, 20, 30, 60, 70, 90})
      CHECK(ranked.nucleus_size(percent / 100.0) == n * static_cast<std::size_t>(percent) / 100);
  }
}

TEST_CASE("nucleus 1 holds the tokens of positive probability, however small") {
  std::vector<float> x(200, -300.0f);
  x[17] = 50;
  strata::ranking<float> ranked(view(x));
  CHECK(ranked.nucleus_size(0.999) == 1);
  CHECK(ranked.nucleus_size(1.0) == 200);
  x[3] = -std::numeric_limits<float>::infinity();
  CHECK(strata::nucleus<float>(view(x), 1.0).size() == 199);
}

TEST_CASE("wrong nuclei and logits are refused") {
  const std::vector<float> x(3), none;
  CHECK_THROWS_AS(static_cast<void>(strata::nucleus<float>(view(x), 0.0)), strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::nucleus<float>(view(x), 1.1)), strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::nucleus<float>(view(x), std::nan(""))), strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::rank_of<float>(view(x), 3)), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(strata::nucleus<float>(view(none), 0.5)), contract_violation);
}

}  // namespace nucleus_test
