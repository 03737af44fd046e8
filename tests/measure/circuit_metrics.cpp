#include "strata/measure/circuit_metrics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

#include "strata/measure/curve.hpp"

namespace {

struct first_logit {
  float operator()(std::span<const float> logits) const { return logits[0]; }
};
static_assert(strata::logit_metric<first_logit, float>);
static_assert(!strata::logit_metric<first_logit, double>);
static_assert(strata::logit_metric<strata::log_probability_of, float>);
static_assert(strata::logit_metric<strata::logit_difference, double>);

// A curve that is below 0, crosses 1, and comes back.
const std::vector<double> curve{-0.1, 0, 0.1, 0.3, 0.5, 0.9, 1.2, 1.1, 0.95, 1};

}  // namespace

TEST_CASE_TEMPLATE("ready metrics", T, float, double) {
  const std::vector<T> logits{1, 3, -std::numeric_limits<T>::infinity(), 0};
  const std::span<const T> view(logits);
  const double all = std::exp(1.0) + std::exp(3.0) + 1;
  CHECK(strata::log_probability_of{0}(view) == doctest::Approx(1 - std::log(all)).epsilon(1e-9));
  CHECK(strata::log_probability_of{2}(view) == -std::numeric_limits<double>::infinity());
  CHECK(strata::logit_difference{1, 0}(view) == 2);
  CHECK(strata::logit_difference{3, 1}(view) == -3);
  CHECK_THROWS_AS(static_cast<void>(strata::log_probability_of{4}(view)), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(strata::logit_difference{0, 4}(view)), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(strata::logit_difference{4, 0}(view)), contract_violation);
}

TEST_CASE(
    "normalised faithfulness is 0 for the empty graph, 1 for the model, and anything else in between and beyond") {
  CHECK(strata::normalised_faithfulness(2.0, 2.0, 6.0).value() == 0);
  CHECK(strata::normalised_faithfulness(6.0, 2.0, 6.0).value() == 1);
  CHECK(strata::normalised_faithfulness(3.0, 2.0, 6.0).value() == 0.25);
  CHECK(strata::normalised_faithfulness(1.0, 2.0, 6.0).value() == -0.25);
  CHECK(strata::normalised_faithfulness(8.0, 2.0, 6.0).value() == 1.5);
  CHECK(strata::normalised_faithfulness(-3.0, -2.0, -6.0).value() == 0.25);
  CHECK_FALSE(strata::normalised_faithfulness(3.0, 2.0, 2.0).has_value());
}

TEST_CASE("any callable on logits is a metric") {
  const std::vector<float> trace{3, 0}, empty{1, 0}, full{5, 1};
  const std::span<const float> t(trace), e(empty), f(full);
  CHECK(strata::normalised_faithfulness(first_logit{}, t, e, f).value() == 0.5);
  CHECK(strata::normalised_faithfulness(strata::logit_difference{0, 1}, t, e, f).value() == 2.0 / 3);
  CHECK_FALSE(strata::normalised_faithfulness([](std::span<const float>) { return 7.0; }, t, e, f).has_value());
}

// numpy 2.4.6: trapezoid(f, sizes), trapezoid(abs(1 − f), sizes), trapezoid(f, log(sizes)).
TEST_CASE("areas agree with numpy") {
  CHECK(strata::circuit_performance_ratio(strata::mib_sizes, curve) == doctest::Approx(0.9886).epsilon(1e-14));
  CHECK(strata::circuit_model_distance(strata::mib_sizes, curve) == doctest::Approx(0.0804).epsilon(1e-13));
  CHECK(strata::area_over_log_size(strata::mib_sizes, curve) * std::numbers::ln10 ==
        doctest::Approx(4.208389296662421).epsilon(1e-14));
}

TEST_CASE("the areas of the best and of the worst curve") {
  const std::vector<double> ones(10, 1.0), zeros(10, 0.0);
  CHECK(strata::circuit_performance_ratio(strata::mib_sizes, ones) == doctest::Approx(0.999).epsilon(1e-14));
  CHECK(strata::circuit_model_distance(strata::mib_sizes, ones) == 0);
  CHECK(strata::circuit_performance_ratio(strata::mib_sizes, zeros) == 0);
  CHECK(strata::circuit_model_distance(strata::mib_sizes, zeros) == doctest::Approx(0.999).epsilon(1e-14));
}

TEST_CASE("better than the model counts against the distance, not against the ratio") {
  const std::vector<double> sizes{0.5, 1.0}, above{1.5, 1.5};
  CHECK(strata::circuit_performance_ratio(sizes, above) == 0.75);
  CHECK(strata::circuit_model_distance(sizes, above) == 0.25);
  CHECK_THROWS_AS(static_cast<void>(strata::circuit_performance_ratio(sizes, curve)), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(strata::circuit_model_distance(std::vector<double>{0.0, 1.0}, above)),
                  strata::option_error);
}
