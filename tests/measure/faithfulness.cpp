#include "strata/measure/faithfulness.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "measure/distributions.hpp"

namespace faithfulness_test {

namespace {

template <class T>
std::span<const T> view(const std::vector<T>& x) {
  return x;
}

}  // namespace

TEST_CASE("a distribution is entirely faithful to itself") {
  const auto p = distributions::make<float>("random", 2000, 1).p;
  const strata::faithfulness_to<float> to(view(p), 7);
  const strata::faithfulness f = to(view(p));
  CHECK(f.kl == 0);
  CHECK(f.total_variation == 0);
  CHECK(f.top1);
  CHECK(f.nucleus == 99);
  CHECK(f.nucleus_size == strata::nucleus<float>(view(p), 0.99).size());
  CHECK(f.entropy == doctest::Approx(to.entropy()).epsilon(1e-12));
  CHECK(f.rank.value() == strata::rank_of<float>(view(p), 7));
  CHECK(f.cross_entropy.value() == strata::cross_entropy<float>(view(p), 7));
  CHECK_FALSE(strata::faithfulness_to<float>(view(p))(view(p)).rank.has_value());
}

TEST_CASE("nuclei agree exactly where the two lists are equal") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    const auto of = distributions::make<double>(seed % 2 ? "near" : "random", 20 + 13 * seed, seed);
    const strata::faithfulness f = strata::faithfulness_to<double>(view(of.p))(view(of.q));
    int largest = 0;
    std::size_t size = 0;
    for (std::size_t k = 0; k < 12; ++k) {
      const auto p = strata::nucleus<double>(view(of.p), strata::nucleus_percents[k] / 100.0);
      const auto q = strata::nucleus<double>(view(of.q), strata::nucleus_percents[k] / 100.0);
      CHECK(f.nucleus_agrees[k] == (p == q));
      if (p == q) largest = strata::nucleus_percents[k], size = p.size();
    }
    CHECK(f.nucleus == largest);
    CHECK(f.nucleus_size == size);
    auto first = strata::nucleus<double>(view(of.q), 0.6);
    first.resize(std::min<std::size_t>(first.size(), 5));
    CHECK(f.first_five == first);
  }
}

TEST_CASE("a larger nucleus can agree where a smaller one does not") {
  const std::vector<double> p{0.5, 0.0}, q{2.0, 0.0};  // 62 % and 88 % of the first token
  const strata::faithfulness f = strata::faithfulness_to<double>(view(p))(view(q));
  CHECK(f.nucleus == 99);
  CHECK_FALSE(f.nucleus_agrees[8]);  // 70 %: two tokens against one
  CHECK(f.nucleus_agrees[10]);       // 90 %: both tokens
  CHECK(f.nucleus_size == 2);
}

}  // namespace faithfulness_test
