#include "strata/measure/sampling.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "strata/measure/nucleus.hpp"
#include "strata/measure/softmax.hpp"

using strata::sampler;
using strata::sampling_options;

namespace {

const std::vector<double> logits{0.3, -1.2, 2.1, 1.4, -0.5, 1.4, -std::numeric_limits<double>::infinity(), 0.9};

std::vector<double> probabilities(double temperature) {
  std::vector<double> p;
  for (const double x : logits) p.push_back(x / temperature);
  strata::softmax<double>(p, p);
  return p;
}

// How often each token is drawn, of `draws`.
std::vector<double> shares(const sampling_options& options, int draws = 20000) {
  sampler choose(options);
  std::vector<double> drawn(logits.size());
  for (int i = 0; i < draws; ++i) drawn[choose.next<double>(logits)] += 1.0 / draws;
  return drawn;
}

void check_refused(const sampling_options& options, const char* said) {
  CHECK_THROWS_WITH_AS(sampler{options}, said, strata::option_error);
}

}  // namespace

TEST_CASE("the generator's published numbers, and its numbers in [0, 1)") {
  strata::random_numbers random(1234567);
  for (const std::uint64_t expected :
       {6457827717110365317U, 3203168211198807973U, 9817491932198370423U, 4593380528125082431U, 16408922859458223821U})
    CHECK(random.next() == expected);
  CHECK(strata::random_numbers(1234567).uniform() ==
        static_cast<double>(6457827717110365317U >> 11U) / 9007199254740992.0);
  strata::random_numbers many(1);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double u = many.uniform();
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
    sum += u;
  }
  CHECK(sum / 10000 == doctest::Approx(0.5).epsilon(0.03));
}

TEST_CASE("tokens are drawn as often as they are probable") {
  for (const double temperature : {0.5, 1.0, 2.0}) {
    CAPTURE(temperature);
    const auto p = probabilities(temperature), drawn = shares({.temperature = temperature, .seed = 3});
    for (std::size_t i = 0; i < p.size(); ++i) CHECK(std::abs(drawn[i] - p[i]) < 0.02);  // 5.6 deviations or more
    CHECK(drawn[6] == 0);
  }
}

TEST_CASE("the first token over many seeds is distributed in the same way") {
  const auto p = probabilities(1);
  std::vector<double> drawn(logits.size());
  for (std::uint64_t seed = 0; seed < 20000; ++seed)
    drawn[sampler({.temperature = 1, .seed = seed}).next<double>(logits)] += 1.0 / 20000;
  for (std::size_t i = 0; i < p.size(); ++i) CHECK(std::abs(drawn[i] - p[i]) < 0.02);
}

TEST_CASE("top-p stays within the nucleus, and draws from it as often as the shares of its sum") {
  for (const double top_p : {0.3, 0.5, 0.6, 0.9, 0.999}) {
    CAPTURE(top_p);
    const auto p = probabilities(1), drawn = shares({.temperature = 1, .top_p = top_p, .seed = 5});
    std::vector<double> expected(logits.size());
    double sum = 0;
    for (const std::size_t token : strata::nucleus<double>(logits, top_p)) sum += expected[token] = p[token];
    for (std::size_t i = 0; i < p.size(); ++i) {
      CHECK(std::abs(drawn[i] - expected[i] / sum) < 0.02);
      if (expected[i] == 0) CHECK(drawn[i] == 0);
    }
  }
}

TEST_CASE("the nucleus is that at the temperature") {
  // At temperature 1 the first token has 40 % and is the nucleus of 0.35; at 4 it has 23 %.
  CHECK(shares({.temperature = 1, .top_p = 0.35, .seed = 1}, 1000)[2] == doctest::Approx(1));
  CHECK(shares({.temperature = 4, .top_p = 0.35, .seed = 1}, 1000)[2] < 0.8);
}

TEST_CASE("temperature 0 is greedy, and so is one that goes to 0; of equal logits the lower id comes first") {
  for (const double temperature : {0.0, 1e-3, 1e-100, 1e-308, 5e-324})
    CHECK(shares({.temperature = temperature, .seed = 9}, 200)[2] == doctest::Approx(1));
  const std::vector<float> equal{1, 3, 3, -std::numeric_limits<float>::infinity()};
  CHECK(sampler({}).next<float>(equal) == 1);
  const auto hot = shares({.temperature = 1e6, .seed = 9});
  for (std::size_t i = 0; i < hot.size(); ++i)
    CHECK(hot[i] == (i == 6 ? doctest::Approx(0) : doctest::Approx(1. / 7).epsilon(0.1)));
}

TEST_CASE("the same seed gives the same tokens, another one others") {
  const auto tokens = [](std::uint64_t seed) {
    sampler choose({.temperature = 1, .top_p = 0.9, .seed = seed});
    std::vector<std::size_t> out;
    for (int i = 0; i < 12; ++i) out.push_back(choose.next<double>(logits));
    return out;
  };
  CHECK(tokens(42) == tokens(42));
  CHECK(tokens(42) != tokens(43));
  CHECK(tokens(42) == std::vector<std::size_t>{5, 2, 2, 2, 2, 7, 2, 5, 2, 5, 2, 3});  // computed without this library
}

TEST_CASE("a long vocabulary of which few tokens are probable") {
  std::vector<float> many(50000, -20);
  many[31415] = 3;
  many[2] = 2;
  sampler choose({.temperature = 1, .top_p = 0.99, .seed = 1});
  for (int i = 0; i < 100; ++i) {
    const std::size_t token = choose.next<float>(many);
    CHECK((token == 31415 || token == 2));
  }
}

TEST_CASE("settings that cannot be") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  check_refused({.temperature = -1}, "the temperature is -1, expected a number that is not negative");
  for (const double wrong : {nan, infinity, -1e-9})
    CHECK_THROWS_AS(sampler({.temperature = wrong}), strata::option_error);
  check_refused({.top_p = 0}, "top-p is 0, expected 0 < p <= 1");
  for (const double wrong : {nan, infinity, -0.5, 1.0001})
    CHECK_THROWS_AS(sampler({.top_p = wrong}), strata::option_error);
  const std::vector<double> wrong{0, nan};
  CHECK_THROWS_AS(static_cast<void>(sampler({}).next<double>(wrong)), strata::numeric_error);
  CHECK_THROWS_AS(static_cast<void>(sampler({.temperature = 1}).next<double>(wrong)), strata::numeric_error);
}
