// The measures of all golden runs, in double: integers exactly, reals within 1e-9.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strata/measure/curve.hpp"
#include "strata/measure/faithfulness.hpp"
#include "strata/measure/recovery.hpp"
#include "support/goldens.hpp"

namespace {

bool close(double found, double expected) { return std::abs(found - expected) <= 1e-9 * std::abs(expected) + 1e-15; }

/// −1 stands for none.
bool same(std::optional<double> found, double expected) { return found.value_or(-1.0) == expected; }

}  // namespace

TEST_CASE("measures agree with the goldens") {
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const goldens::run golden(name);
    const strata::matrix<double> all_logits = golden.matrix("logits"), q = golden.matrix("metrics.logits");
    const auto target = static_cast<std::size_t>(golden.integer("metrics.target").at(0));
    const strata::faithfulness_to<double> to(all_logits.row(all_logits.rows() - 1), target);
    const std::vector<double> sizes = golden.real("metrics.size");
    REQUIRE(q.rows() == sizes.size());
    REQUIRE(sizes == std::vector<double>(strata::published_sizes.begin(), strata::published_sizes.end()));
    CHECK(close(to.entropy(), golden.real("metrics.entropy_p").at(0)));

    std::vector<strata::faithfulness> measured;
    std::vector<double> kl, total_variation;
    for (std::size_t i = 0; i < q.rows(); ++i) {
      CAPTURE(i);
      const strata::faithfulness f = to(q.row(i));
      CHECK(close(f.kl, golden.real("metrics.kl")[i]));
      CHECK(close(f.total_variation, golden.real("metrics.tv")[i]));
      CHECK(close(f.jensen_shannon, golden.real("metrics.jsd")[i]));
      CHECK(close(f.entropy, golden.real("metrics.entropy")[i]));
      CHECK(close(f.cross_entropy.value(), golden.real("metrics.cross_entropy")[i]));
      CHECK(static_cast<int>(f.rank.value()) == golden.integer("metrics.rank")[i]);
      CHECK(static_cast<int>(f.top1) == golden.integer("metrics.top1")[i]);
      CHECK(f.nucleus == golden.integer("metrics.nucleus")[i]);
      CHECK(static_cast<int>(f.nucleus_size) == golden.integer("metrics.nucleus_size")[i]);
      for (std::size_t k = 0; k < 12; ++k)
        CHECK(static_cast<int>(f.nucleus_agrees[k]) == golden.integer("metrics.nucleus_agree")[12 * i + k]);
      for (std::size_t k = 0; k < 5; ++k)
        CHECK((k < f.first_five.size() ? static_cast<int>(f.first_five[k]) : -1) ==
              golden.integer("metrics.first5")[5 * i + k]);
      measured.push_back(f);
      kl.push_back(f.kl);
      total_variation.push_back(f.total_variation);
    }

    CHECK(close(strata::density(sizes, total_variation), golden.real("metrics.density").at(0)));
    const auto recovered = strata::recovery(sizes, measured);
    for (std::size_t k = 0; k < recovered.size(); ++k) CHECK(same(recovered[k], golden.real("metrics.recover")[k]));
    const std::vector<double> bounds{0.5, 0.2, 0.1, 0.05};
    for (std::size_t k = 0; k < bounds.size(); ++k) {
      CHECK(same(strata::smallest_size_below(sizes, total_variation, bounds[k]),
                 golden.real("metrics.first_tv_below")[k]));
      CHECK(same(strata::smallest_size_below(sizes, kl, bounds[k]), golden.real("metrics.first_kl_below")[k]));
    }
  }
}
