#include "strata/measure/geometry.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <random>
#include <span>
#include <vector>

#include "measure/samples.hpp"

namespace {

using list = std::vector<double>;

double cosine(const list& x, const list& y) { return strata::cosine_distance<double>(x, y); }
double l2(const list& x, const list& y) { return strata::l2_distance<double>(x, y); }

void check_all(const list& found, const list& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-14));
}

strata::matrix<double> rows(const std::vector<list>& points) {
  strata::matrix<double> out(points.size(), points.front().size());
  for (std::size_t i = 0; i < points.size(); ++i)
    for (std::size_t j = 0; j < points[i].size(); ++j) out(i, j) = points[i][j];
  return out;
}

double curvature(const list& x, const list& y, const list& z) {
  return strata::menger_curvature<double>(rows({x, y, z})).at(0);
}

}  // namespace

TEST_CASE("distances by hand") {
  CHECK(l2({0, 0}, {3, 4}) == 5);
  CHECK(l2({1, 2, 3}, {1, 2, 3}) == 0);
  CHECK(cosine({1, 0}, {0, 5}) == doctest::Approx(1.0).epsilon(1e-15));
  CHECK(cosine({1, 0}, {1, 1}) == doctest::Approx(1 - std::sqrt(0.5)).epsilon(1e-15));
  CHECK(cosine({1, 2}, {-2, -4}) == doctest::Approx(2.0).epsilon(1e-15));
  CHECK(cosine({1, 2}, {-2, -4}) <= 2.0);
  CHECK(cosine({0.1, 0.7, 0.3}, {0.1, 0.7, 0.3}) == 0);
  CHECK_THROWS_AS(static_cast<void>(l2({1}, {1, 2})), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(cosine({1}, {1, 2})), contract_violation);
}

TEST_CASE("a zero vector has cosine distance 1 to any other and 0 to itself") {
  CHECK(cosine({0, 0}, {3, 4}) == 1);
  CHECK(cosine({3, 4}, {0, 0}) == 1);
  CHECK(cosine({0, 0}, {0, 0}) == 0);
}

TEST_CASE("a NaN is not hidden") {
  CHECK(std::isnan(cosine({1, std::nan("")}, {1, 2})));
  CHECK(std::isnan(l2({1, std::nan("")}, {1, 2})));
}

TEST_CASE("a cosine distance keeps its digits where two directions are close") {
  for (const double angle : {1e-1, 1e-4, 1e-7}) {  // 1 − cos computed as such: no digit left at 1e-8
    const double exact = 2 * std::pow(std::sin(angle / 2), 2);
    CHECK(cosine({1, 0}, {3 * std::cos(angle), 3 * std::sin(angle)}) == doctest::Approx(exact).epsilon(1e-8));
  }
}

TEST_CASE_TEMPLATE("distances agree with their definitions in long double", T, float, double) {
  std::mt19937 engine(1);
  std::normal_distribution<double> normal;
  for (std::size_t width = 1; width < 70; ++width) {
    std::vector<T> x(width), y(width);
    long double xx = 0, xy = 0, yy = 0, apart = 0;
    for (std::size_t i = 0; i < width; ++i) {
      x[i] = static_cast<T>(normal(engine)), y[i] = static_cast<T>(1e3 * normal(engine));
      const long double a = x[i], b = y[i];
      xx += a * a, xy += a * b, yy += b * b, apart += (a - b) * (a - b);
    }
    CHECK(strata::l2_distance<T>(x, y) == doctest::Approx(static_cast<double>(std::sqrt(apart))).epsilon(1e-14));
    CHECK(strata::cosine_distance<T>(x, y) ==
          doctest::Approx(static_cast<double>(1 - xy / std::sqrt(xx * yy))).epsilon(1e-13));
  }
}

// numpy 2.4.6 and scipy 1.17.1, x = samples 6 × 5 (7, 13, 5): cosine of scipy.spatial.distance, numpy.linalg.norm, and
// 4·area / product of the sides with area = ½·√(‖u‖²‖v‖² − (u·v)²).
TEST_CASE_TEMPLATE("a path agrees with numpy", T, float, double) {
  const strata::matrix<T> path = samples::make<T>(6, 5, 7, 13, 5);
  check_all(strata::step_lengths<T>(path),
            {3.526683994916471, 3.0413812651491097, 5.522680508593631, 3.0413812651491097, 3.526683994916471});
  check_all(strata::step_cosine_distances<T>(path),
            {1.382028723980208, 1.068734339662347, 1.9212598425196852, 1.068734339662347, 1.382028723980208});
  check_all(strata::distances_to_last<T>(path),
            {2.850438562747845, 3.307189138830738, 3.473110997362451, 5.031152949374527, 3.526683994916471, 0.0});
  check_all(strata::cosine_distances_to_last<T>(path),
            {0.43918918918918914, 1.1273429079934028, 0.700944951370007, 1.474111662462184, 1.382028723980208, 0.0});
  check_all(strata::menger_curvature<T>(path),
            {0.3918064653322166, 0.18794429025332968, 0.18794429025332976, 0.3918064653322165});
}

TEST_CASE("short paths have no steps and no inner points") {
  for (const std::size_t points : {0u, 1u, 2u}) {
    const strata::matrix<double> path(points, 3);
    CHECK(strata::step_lengths<double>(path).size() == (points == 2 ? 1 : 0));
    CHECK(strata::distances_to_last<double>(path).size() == points);
    CHECK(strata::menger_curvature<double>(path).empty());
  }
}

TEST_CASE("the curvature of three points of a circle is one over its radius, in any plane") {
  for (const double radius : {0.01, 1.0, 300.0})
    for (const double step : {1.5, 0.1, 1e-4}) {
      std::vector<list> points;
      for (const double angle : {0.4, 0.4 + step, 0.4 + 1.7 * step})
        points.push_back({radius * std::cos(angle) + 1, 7, radius * std::sin(angle), -2});
      CHECK(strata::menger_curvature<double>(rows(points)).at(0) ==
            doctest::Approx(1 / radius).epsilon(step < 1e-3 ? 1e-5 : 1e-11));
    }
}

TEST_CASE("a straight path has curvature 0, and so has one with coinciding points") {
  CHECK(curvature({0, 0}, {1, 1}, {2, 2}) == 0);
  CHECK(curvature({0, 0}, {1, 3}, {0.1, 0.3}) < 1e-13);  // there and back
  CHECK(curvature({1, 2}, {1, 2}, {3, 4}) == 0);
  CHECK(curvature({1, 2}, {3, 4}, {3, 4}) == 0);
  CHECK(curvature({1, 2}, {3, 4}, {1, 2}) == 0);
  CHECK(curvature({1, 2}, {1, 2}, {1, 2}) == 0);
}

TEST_CASE("a slight bend is seen where the area from its squares has lost it") {
  const double bend = 1e-9;  // (0,0), (1, bend), (2, 0): curvature 2·bend / (1 + bend²)
  CHECK(curvature({0, 0}, {1, bend}, {2, 0}) == doctest::Approx(2 * bend).epsilon(1e-7));
}
