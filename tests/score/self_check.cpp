#include "strata/score/self_check.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <string>

#include "strata/forward/norm.hpp"

using strata::matrix;

namespace {

// A layer whose attention output is right, up to rounding.
struct layer {
  explicit layer(std::size_t token_count)
      : tokens(token_count),
        values(tokens, 8),
        output(16, width),
        bias(width),
        pattern(4, tokens),
        out(tokens, width),
        all(tokens) {
    std::mt19937 random(static_cast<unsigned>(tokens));
    const auto fill = [&](std::span<float> v) {
      for (float& x : v) x = static_cast<float>(std::normal_distribution<double>()(random));
    };
    fill(values.values());
    fill(output.values());
    fill(bias);
    for (std::size_t t = 0; t < tokens; ++t) {
      all[t] = t;
      for (std::size_t j = 0; j < width; ++j) out(t, j) = bias[j];
    }
    for (std::size_t h = 0; h < 4; ++h) {
      matrix<float> weights(tokens, tokens);
      for (std::size_t t = 0; t < tokens; ++t)
        for (std::size_t s = 0; s <= t; ++s) weights(t, s) = 1.0F / static_cast<float>(1 + (t + 3 * s + h) % 7);
      pattern.take(0, h, 0, weights.view());
      for (std::size_t t = 0; t < tokens; ++t)
        for (std::size_t j = 0; j < width; ++j) {
          double sum = 0;
          for (std::size_t s = 0; s <= t; ++s)
            for (std::size_t k = 0; k < 4; ++k)
              sum += double(weights(t, s)) * double(values(s, h / 2 * 4 + k)) * double(output(h * 4 + k, j));
          out(t, j) += static_cast<float>(sum);
        }
    }
  }
  double check() const {
    const auto weights_of = [&](std::size_t h, std::span<const std::size_t> of, matrix<float>& storage) {
      return strata::detail::rows_of(pattern.head(h), of, storage);
    };
    return strata::detail::self_check<float>(3, 4, weights_of, {values, output, bias, nullptr}, out, all, 1e-4);
  }

  static constexpr std::size_t width = 20;
  std::size_t tokens;
  matrix<float> values, output;
  std::vector<float> bias;
  strata::detail::attention_pattern<float> pattern;
  matrix<float> out;
  std::vector<std::size_t> all;
};

}  // namespace

TEST_CASE("a right output passes, checked by component and along random vectors") {
  for (const std::size_t tokens : {1U, 9U, 16U, 17U, 64U}) {
    const layer right(tokens);
    CHECK(right.check() > 0);
    CHECK(right.check() < 1e-5);
  }
}

TEST_CASE("wrong components are refused with the first token that has them: one, any two, all, by any sign") {
  for (const std::size_t tokens : {4U, 40U}) {
    layer wrong(tokens);
    const matrix<float> right = wrong.out;
    for (std::size_t a = 0; a < layer::width; ++a)
      for (std::size_t b = a; b < layer::width; ++b)
        for (const float sign : {1.0F, -1.0F}) {
          for (std::size_t t = 2; t < tokens; ++t) {
            wrong.out(t, a) += 0.5F;
            if (b != a) wrong.out(t, b) += 0.5F * sign;
          }
          std::string said;
          try {
            static_cast<void>(wrong.check());
          } catch (const strata::contract_error& e) {
            said = e.what();
          }
          CHECK(said.find("layer 3, token 2: the attention output is not the sum of its contributions") == 0);
          wrong.out = right;
        }
    for (float& x : wrong.out.values()) x *= 1.001F;
    CHECK_THROWS_AS(static_cast<void>(wrong.check()), strata::contract_error);
  }
}

TEST_CASE("a number that is none, in the output or in the output matrix, is refused") {
  for (const std::size_t tokens : {4U, 40U}) {
    layer wrong(tokens);
    wrong.out(1, 5) = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_AS(static_cast<void>(wrong.check()), strata::contract_error);
    layer other(tokens);
    other.output(2, 3) = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_AS(static_cast<void>(other.check()), strata::contract_error);
  }
}
