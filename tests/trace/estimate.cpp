#include "strata/estimate.hpp"

#include <doctest/doctest.h>
#include <malloc.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <vector>

#include "strata/graph/graph.hpp"
#include "strata/model/decoder.hpp"
#include "strata/trace.hpp"

// A sanitizer has an allocator of its own, and takes more than the program does.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STRATA_ALLOCATOR_OF_A_SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define STRATA_ALLOCATOR_OF_A_SANITIZER
#endif

#if !defined(STRATA_ALLOCATOR_OF_A_SANITIZER)
namespace {
std::atomic<std::size_t> allocated{0}, most{0};
}

// Not inlined: the compiler would see malloc's memory go to delete.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  void* const place = std::malloc(bytes);
  if (place == nullptr) throw std::bad_alloc();
  const std::size_t now = allocated += malloc_usable_size(place);
  if (now > most) most = now;
  return place;
}
[[gnu::noinline]] void operator delete(void* place) noexcept {
  if (place != nullptr) allocated -= malloc_usable_size(place);
  std::free(place);
}
[[gnu::noinline]] void operator delete(void* place, std::size_t /*bytes*/) noexcept { operator delete(place); }
#endif

namespace {

constexpr strata::model_shape shape{6, 4, 64, 1000, 0, strata::block_kind::sequential};
constexpr strata::pass_footprint pass{
    .source = 128, .head_width = 16, .row = 400, .sweep_row = 600, .fixed = 50000, .products = 3e5};

double total(std::size_t tokens, const strata::trace_options& options, bool recomputed) {
  return strata::estimate_memory(shape, pass, tokens, options, recomputed, 4).total;
}

}  // namespace

TEST_CASE("the estimated number of edges is the graph's") {
  for (const auto block : {strata::block_kind::sequential, strata::block_kind::parallel})
    for (const std::size_t layers : {1U, 2U, 7U})
      for (const std::size_t tokens : {1U, 2U, 100U}) {
        const strata::model_shape of{layers, 3, 12, 50, 0, block};
        CHECK(strata::estimate_memory(of, pass, tokens, {}, false, 4).edges ==
              static_cast<double>(strata::graph(of, tokens).edge_count()));
      }
}

#if !defined(STRATA_ALLOCATOR_OF_A_SANITIZER)
TEST_CASE("a trace takes what was estimated: on both ways at most so much, and not much less") {
  auto model = strata::decoder<float>::load(STRATA_SOURCE_DIR "/examples/model");
  std::vector<int> tokens;
  for (int i = 0; i < 250; ++i) tokens.push_back((i * i * 31 + 7 * i + 3) % 2048);
  for (const double max_size : {0.01, 1.0})
    for (const bool recomputed : {false, true}) {
      CAPTURE(max_size);
      CAPTURE(recomputed);
      strata::trace_options options;
      options.max_size = max_size;
      if (max_size < 1) options.sizes = {0.01};
      options.scores = recomputed ? strata::score_storage::recomputed : strata::score_storage::stored;
      const double estimated =
          strata::estimate_memory(model.shape(), model.footprint(), tokens.size(), options, recomputed, 4).total;
      const std::size_t before = allocated;
      most = before;
      static_cast<void>(strata::trace(model, tokens, options));
      const auto taken = static_cast<double>(most - before);
      CAPTURE(estimated / taken);
      CHECK(taken <= estimated);
      CHECK(taken >= estimated / 2);
    }
}
#endif

TEST_CASE("memory of a long prompt: stored grows with the square of the tokens, recomputed does not") {
  strata::trace_options options;
  options.sizes = {1e-5};
  CHECK(total(20000, options, false) / total(10000, options, false) > 3.5);
  CHECK(total(20000, options, true) / total(10000, options, true) < 2.5);
}

TEST_CASE("no prompt is too long for an estimate") {
  const std::size_t longest = std::numeric_limits<std::size_t>::max();
  for (const bool recomputed : {false, true}) {
    CHECK(std::isfinite(total(longest, {}, recomputed)));
    CHECK(std::isfinite(strata::estimate_time(shape, pass, longest, {}, recomputed).total));
  }
}

TEST_CASE("the plan: stored below the bound, recomputed above it, refused where neither fits") {
  strata::trace_options options;
  options.sizes = {1e-4};
  const auto plan = [&](std::size_t tokens, double bound) {
    options.max_memory = static_cast<std::size_t>(bound);
    return strata::plan_memory(shape, pass, tokens, options, {}, 4);
  };
  const double stored = std::ceil(total(5000, options, false)), again = std::ceil(total(5000, options, true));
  REQUIRE(again < stored);
  CHECK_FALSE(plan(5000, stored).recomputed);
  CHECK(plan(5000, stored - 1).recomputed);
  CHECK(plan(5000, again).recomputed);
  CHECK_THROWS_AS(static_cast<void>(plan(5000, again - 1)), strata::option_error);
}

TEST_CASE("time: a part of a pass for each step, and one pass for each size at most") {
  strata::trace_options options;
  options.sizes = {0.001, 0.01, 1};  // of 1 the plain run is known
  for (const bool recomputed : {false, true}) {
    const strata::time_estimate time = strata::estimate_time(shape, pass, 500, options, recomputed);
    CHECK(time.record > 1);
    CHECK(time.order > 0);
    CHECK(time.sweep == 2);
    CHECK(time.total == time.record + time.order + time.sweep);
  }
}

TEST_CASE("a gradient: edges twice, and the layers that are kept as far as the bound allows") {
  strata::model_shape small;
  small.layers = 4;
  small.heads = 2;
  small.width = 16;
  small.vocabulary = 10;
  strata::pass_footprint differentiable;
  differentiable.gradient_row = 100;
  const auto bytes = [&](std::size_t tokens, double tape = 1e18) {
    return strata::estimate_gradient(small, differentiable, tokens, sizeof(float), tape);
  };
  const auto edges = static_cast<double>(strata::graph(small, 8).edge_count());
  const double layer = 8 * 100 + 2 * 2 * 8 * 8;
  CHECK(bytes(8) == doctest::Approx(4 * (2 * edges + 4 * 8 * 6 * 16 + layer + 3 * 2 * 8 * 8 + 4 * layer) + edges / 8));
  CHECK(bytes(8, 0) == doctest::Approx(bytes(8) - 4 * 4 * layer));
  CHECK(bytes(8, 1000) == bytes(8, 0) + 1000);
  strata::trace_options options;
  const double without = strata::estimate_memory(small, differentiable, 8, options, false, sizeof(float)).order;
  options.swap.emplace();
  CHECK(strata::estimate_memory(small, differentiable, 8, options, false, sizeof(float)).order >= without + bytes(8));
}
