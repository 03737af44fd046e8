#include "support/goldens.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

TEST_CASE("every run can be read and fits its own shape") {
  CHECK(goldens::all_runs().size() == 17);
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const goldens::run run(name);
    const std::vector<int> shape = run.integer("shape");  // L, H, T, d, dh, V, parallel, E
    REQUIRE(shape.size() == 8);
    const auto size = [&](std::size_t i) { return static_cast<std::size_t>(shape[i]); };
    CHECK(run.shape_of("logits") == std::vector<std::size_t>{size(2), size(5)});
    CHECK(run.matrix("values.0").rows() == size(1) * size(2));
    CHECK(run.matrix("values.0").cols() == size(4));
    CHECK(run.integer("mask.keep").size() == 10 * size(7));
    CHECK(run.real("score.l1").size() == size(7));
    CHECK(run.matrix("logits")(0, 1) == run.real("logits")[1]);
    CHECK(run.has("order"));
    CHECK_FALSE(run.has("score.none"));
  }
}

TEST_CASE("runs of one model with fewer tokens share its folder") {
  CHECK(goldens::model_folder("llama_T1") == goldens::model_folder("llama"));
  CHECK(goldens::model_folder("llama_bias") == STRATA_TEST_DATA "/goldens/models/llama_bias");
}
