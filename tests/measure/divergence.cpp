#include "strata/measure/divergence.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "measure/distributions.hpp"
#include "strata/core/matrix.hpp"
#include "strata/measure/divergence_from.hpp"

namespace divergence_test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class T>
std::span<const T> view(const std::vector<T>& x) {
  return x;
}

std::vector<std::size_t> lengths() {
  std::vector<std::size_t> out;
  for (std::size_t n = 1; n <= 70; ++n) out.push_back(n);
  for (const std::size_t n : {511u, 512u, 513u, 1023u, 1025u, 4099u, 50257u, 200000u}) out.push_back(n);
  return out;
}

double relative(double value, long double expected) {
  if (static_cast<long double>(value) == expected) return 0;
  return static_cast<double>(std::abs(static_cast<long double>(value) - expected) / std::abs(expected));
}

struct worst {
  double kl = 0, kl_small = 0, total_variation = 0, jensen_shannon = 0, entropy = 0;
};

template <class T>
worst worst_errors(const std::string& kind) {
  worst out;
  for (const std::size_t n : lengths()) {
    const distributions::pair<T> of = distributions::make<T>(kind, n, static_cast<unsigned>(n));
    const distributions::measured expected = distributions::reference(of);
    const std::span<const T> p = view(of.p), q = view(of.q);
    const strata::divergences found = strata::compare_distributions<T>(p, q);
    CHECK(relative(strata::kl_divergence<T>(p, q), found.kl) < 1e-14);
    CHECK(relative(strata::total_variation<T>(p, q), found.total_variation) < 1e-14);
    CHECK(relative(strata::jensen_shannon<T>(p, q), found.jensen_shannon) < 1e-14);
    CHECK(found.kl >= 0);
    if (expected.kl > 1e-10L)
      out.kl = std::max(out.kl, relative(found.kl, expected.kl));
    else
      out.kl_small = std::max(out.kl_small, static_cast<double>(std::abs(found.kl - expected.kl)));
    if (expected.total_variation > 1e-20L)
      out.total_variation = std::max(out.total_variation, relative(found.total_variation, expected.total_variation));
    if (expected.jensen_shannon > 1e-25L)
      out.jensen_shannon = std::max(out.jensen_shannon, relative(found.jensen_shannon, expected.jensen_shannon));
    out.entropy = std::max(out.entropy, static_cast<double>(std::abs(found.entropy - expected.entropy)));
  }
  MESSAGE((sizeof(T) == 4 ? "float  " : "double "), kind, ": relative error KL ", out.kl, ", TV ", out.total_variation,
          ", JS ", out.jensen_shannon, "; absolute: KL below 1e-10 ", out.kl_small, ", entropy ", out.entropy);
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("divergences agree with long double over kinds and lengths", T, float, double) {
  for (const std::string& kind : distributions::kinds()) {
    CAPTURE(kind);
    const worst w = worst_errors<T>(kind);
    // What large logits cost: d = p − q is rounded in double.
    const bool large = kind == "huge" || kind == "shifted" || kind == "apart";
    const double bound = sizeof(T) == 4 ? 1e-9 : large ? 1e-11 : 1e-12;
    CHECK(w.kl <= bound);
    CHECK(w.kl_small <= 1e-16);
    CHECK(w.total_variation <= bound);
    CHECK(w.jensen_shannon <= bound);
    CHECK(w.entropy <= (sizeof(T) == 4 ? 1e-8 : 1e-11));
  }
}

TEST_CASE_TEMPLATE("spans need not be aligned", T, float, double) {
  const auto of = distributions::make<T>("random", 1037, 5);
  const strata::divergences expected = strata::compare_distributions<T>(view(of.p), view(of.q));
  for (std::size_t at = 1; at < 9; ++at) {
    std::vector<T> p(at + of.p.size()), q(at + 1 + of.q.size());
    for (std::size_t i = 0; i < of.p.size(); ++i) {
      p[at + i] = of.p[i];
      q[at + 1 + i] = of.q[i];
    }
    const strata::divergences found = strata::compare_distributions<T>(view(p).subspan(at), view(q).subspan(at + 1));
    CHECK(found.kl == expected.kl);
    CHECK(found.total_variation == expected.total_variation);
    CHECK(found.jensen_shannon == expected.jensen_shannon);
    CHECK(found.entropy == expected.entropy);
  }
}

TEST_CASE_TEMPLATE("identical distributions, also shifted by a constant, have divergence exactly 0", T, float, double) {
  for (const std::string& kind : distributions::kinds()) {
    auto p = distributions::make<T>(kind, 1001, 3).p;
    const strata::divergences d = strata::compare_distributions<T>(view(p), view(p));
    CHECK(d.kl == 0);
    CHECK(d.total_variation == 0);
    CHECK(d.jensen_shannon == 0);
  }
  std::vector<T> p, q;
  for (int i = 0; i < 1001; ++i) p.push_back(static_cast<T>(i % 37) / 8);
  for (const T x : p) q.push_back(x + 100);
  CHECK(strata::kl_divergence<T>(view(p), view(q)) == 0);
  CHECK(strata::jensen_shannon<T>(view(p), view(q)) == 0);
}

TEST_CASE("a shift of all logits of one distribution leaves the divergence as it is") {
  const auto of = distributions::make<double>("near", 5000, 8);
  std::vector<double> shifted = of.q;
  for (double& x : shifted) x += 100;
  const double kl = strata::kl_divergence<double>(view(of.p), view(of.q));
  CHECK(relative(strata::kl_divergence<double>(view(of.p), view(shifted)), kl) < 1e-10);
}

TEST_CASE_TEMPLATE("a KL of 1e-13 keeps its digits", T, float, double) {
  std::vector<T> p(300, T(0)), q(300, T(0));
  for (std::size_t i = 0; i < q.size(); i += 2) q[i] = static_cast<T>(4.76837158203125e-07);
  const distributions::measured expected = distributions::reference<T>({p, q});
  const strata::divergences found = strata::compare_distributions<T>(view(p), view(q));
  CHECK(expected.kl < 1e-13L);
  CHECK(relative(found.kl, expected.kl) < 1e-9);
  CHECK(relative(found.jensen_shannon, expected.jensen_shannon) < 1e-9);
  CHECK(relative(found.total_variation, expected.total_variation) < 1e-9);
}

TEST_CASE_TEMPLATE("a probability of zero: no part of KL in P, infinite KL in Q", T, float, double) {
  const T none = -std::numeric_limits<T>::infinity();
  const std::vector<T> half{0, 0, none}, third{0, 0, 0};
  CHECK(strata::kl_divergence<T>(view(half), view(third)) == doctest::Approx(std::log(1.5)).epsilon(1e-10));
  CHECK(strata::kl_divergence<T>(view(third), view(half)) == infinity);
  const strata::divergences d = strata::compare_distributions<T>(view(third), view(half));
  CHECK(d.total_variation == doctest::Approx(1.0 / 3).epsilon(1e-10));
  CHECK(d.entropy == doctest::Approx(std::log(2.0)).epsilon(1e-10));
  CHECK(strata::jensen_shannon<T>(view(half), view(third)) ==
        doctest::Approx(strata::jensen_shannon<T>(view(third), view(half))).epsilon(1e-10));

  std::vector<T> p(900, T(0)), q(900, T(0));
  p[0] = T(-1e4);
  q[0] = none;
  CHECK(strata::kl_divergence<T>(view(p), view(q)) == infinity);
  p[0] = none;
  CHECK(strata::kl_divergence<T>(view(p), view(q)) == 0);
  const std::vector<T> left{0, none}, right{none, 0};
  const strata::divergences apart = strata::compare_distributions<T>(view(left), view(right));
  CHECK(apart.kl == infinity);
  CHECK(apart.total_variation == 1);
  CHECK(apart.jensen_shannon == doctest::Approx(std::log(2.0)).epsilon(1e-10));
}

TEST_CASE_TEMPLATE("NaN, +∞ and all −∞ are refused with the index", T, float, double) {
  for (const std::size_t at : {std::size_t{0}, std::size_t{5}, std::size_t{63}, std::size_t{99}}) {
    std::vector<T> p(100, T(1)), q(100, T(2));
    q[at] = std::numeric_limits<T>::quiet_NaN();
    CHECK_THROWS_WITH_AS(static_cast<void>(strata::kl_divergence<T>(view(p), view(q))),
                         doctest::Contains(strata::concat("logit ", at, " of Q is ").c_str()), strata::numeric_error);
    p[at] = std::numeric_limits<T>::infinity();
    CHECK_THROWS_WITH_AS(static_cast<void>(strata::total_variation<T>(view(p), view(q))),
                         strata::concat("logit ", at, " of P is inf, expected a finite number or −∞").c_str(),
                         strata::numeric_error);
  }
  const std::vector<T> none(3, -std::numeric_limits<T>::infinity()), some(3, T(0));
  CHECK_THROWS_AS(static_cast<void>(strata::kl_divergence<T>(view(some), view(none))), strata::numeric_error);
}

TEST_CASE_TEMPLATE("tokens that are likely need not be where the mean is", T, float, double) {
  for (const T apart : {T(3), T(-3), T(20), T(-20), T(1000), T(-1000)}) {
    CAPTURE(apart);
    distributions::pair<T> of = distributions::make<T>("near", 6400, 2);
    for (std::size_t i = 0; i < of.p.size(); ++i) {
      of.q[i] = (of.p[i] = of.p[i] / 8) + (of.q[i] - of.p[i]) / 8;
      if (i % 100 == 50) of.p[i] = 4, of.q[i] = 4 + apart;  // the most likely of its stretch
    }
    const distributions::measured expected = distributions::reference(of);
    const strata::divergences found = strata::compare_distributions<T>(view(of.p), view(of.q));
    const strata::divergences kept = strata::divergence_from<T>(view(of.p))(view(of.q));
    const double bound = sizeof(T) == 4 ? 1e-10 : 1e-13;
    CHECK(relative(found.kl, expected.kl) < bound);
    CHECK(relative(kept.kl, expected.kl) < bound);
    CHECK(relative(found.total_variation, expected.total_variation) < bound);
    CHECK(relative(kept.jensen_shannon, expected.jensen_shannon) < bound);
  }
}

TEST_CASE_TEMPLATE("NaN is refused also where P has no mass", T, float, double) {
  for (const T nothing : {-std::numeric_limits<T>::infinity(), T(-5000)}) {
    std::vector<T> p(100, T(1)), q(100, T(2));
    p[40] = nothing;
    q[40] = std::numeric_limits<T>::quiet_NaN();
    CHECK_THROWS_AS(static_cast<void>(strata::kl_divergence<T>(view(p), view(q))), strata::numeric_error);
    CHECK_THROWS_AS(static_cast<void>(strata::divergence_from<T>(view(p)).kl(view(q))), strata::numeric_error);
  }
}

TEST_CASE("different or no lengths are wrong calls") {
  const std::vector<float> two(2), three(3), none;
  CHECK_THROWS_AS(static_cast<void>(strata::kl_divergence<float>(view(two), view(three))), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(strata::jensen_shannon<float>(view(two), view(three))), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(strata::kl_divergence<float>(view(none), view(none))), contract_violation);
}

TEST_CASE_TEMPLATE("one against many is one against one", T, float, double) {
  for (const std::string& kind : distributions::kinds()) {
    const auto of = distributions::make<T>(kind, 1531, 11);
    strata::matrix<T> rows(3, of.p.size());
    for (std::size_t i = 0; i < 3; ++i) {
      const auto q = distributions::make<T>(kind, of.p.size(), 11 + static_cast<unsigned>(i)).q;
      std::copy(q.begin(), q.end(), rows.row(i).begin());
    }
    std::vector<double> kl(3), total_variation(3), jensen_shannon(3);
    strata::kl_divergence<T>(view(of.p), rows.view(), kl);
    strata::total_variation<T>(view(of.p), rows.view(), total_variation);
    strata::jensen_shannon<T>(view(of.p), rows.view(), jensen_shannon);
    for (std::size_t i = 0; i < 3; ++i) {
      const std::span<const T> q = rows.row(i);
      CHECK(relative(kl[i], strata::kl_divergence<T>(view(of.p), q)) < 1e-14);
      CHECK(relative(total_variation[i], strata::total_variation<T>(view(of.p), q)) < 1e-14);
      CHECK(relative(jensen_shannon[i], strata::jensen_shannon<T>(view(of.p), q)) < 1e-14);
    }
  }
}

}  // namespace divergence_test
