// Right reverse passes go through; mistakes that leave all hooks content are seen.
#include "strata/forward/check_gradient.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/model/decoder.hpp"
#include "support/goldens.hpp"

using strata::decoder;
using strata::matrix_view;

namespace {

enum class mistake { none, pattern_is_constant, mlp_is_constant, sign_of_attention, last_layer_only };

// Hands on what a pass with the mistake would.
template <class Hooks>
struct wrong_hooks : Hooks {
  mistake which;
  std::size_t layers;
  wrong_hooks(const Hooks& hooks, mistake kind, std::size_t count) : Hooks(hooks), which(kind), layers(count) {}

  void split_mlp(std::size_t layer, matrix_view<double> gx, matrix_view<double> gout, strata::row_list rows = {}) {
    Hooks::split_mlp(layer, gx, gout, rows);
    if (which == mistake::mlp_is_constant) fill(gout, 0);
  }
  void split_attention(std::size_t layer, matrix_view<double> gx, matrix_view<double> gout,
                       strata::row_list rows = {}) {
    Hooks::split_attention(layer, gx, gout, rows);
    if (which == mistake::sign_of_attention) fill(gout, -1);
    if (which == mistake::last_layer_only && layer + 1 == layers) fill(gx, 0);
  }
  void attend_back(std::size_t layer, std::size_t head, std::size_t row0, matrix_view<const double> weights,
                   matrix_view<const double> gmixed, matrix_view<double> gweights) {
    Hooks::attend_back(layer, head, row0, weights, gmixed, gweights);
    if (which == mistake::pattern_is_constant) fill(gweights, 0);
  }

  static void fill(matrix_view<double> of, double factor) {
    for (std::size_t r = 0; r < of.rows; ++r)
      for (double& value : of.row(r)) value *= factor;
  }
};

struct mistaken {
  using scalar = double;
  decoder<double> right;
  mistake which = mistake::none;

  [[nodiscard]] strata::model_shape shape() const { return right.shape(); }
  template <class Hooks>
  [[nodiscard]] std::vector<double> forward(std::span<const int> tokens, Hooks& hooks) const {
    return right.forward(tokens, hooks);
  }
  template <class Hooks, class LogitGradient>
  [[nodiscard]] std::vector<double> forward_backward(std::span<const int> tokens, Hooks& hooks,
                                                     LogitGradient gradient) const {
    wrong_hooks<Hooks> wrong(hooks, which, right.shape().layers);
    auto logits = right.forward_backward(tokens, wrong, gradient);
    static_cast<Hooks&>(hooks) = wrong;
    return logits;
  }
};

}  // namespace

TEST_CASE("the decoder, every architecture, in double and in float") {
  double largest = 0, largest_float = 0;
  for (const std::string& name : goldens::all_runs()) {
    CAPTURE(name);
    const auto tokens = goldens::run(name).integer("tokens");
    const auto model = decoder<double>::load(goldens::model_folder(name));
    largest = std::max(largest, strata::check_gradient(model, std::span<const int>(tokens)));
    const auto single = decoder<float>::load(goldens::model_folder(name));
    largest_float = std::max(largest_float, strata::check_gradient(single, std::span<const int>(tokens)));
  }
  MESSAGE("largest error: " << largest << " in double, " << largest_float << " in float");
  CHECK(largest < 1e-4);
  CHECK(largest_float < 0.01);
}

TEST_CASE("mistakes") {
  for (const std::string name : {"llama", "gpt_neox", "gemma3_text"}) {
    const auto tokens = goldens::run(name).integer("tokens");
    mistaken model{decoder<double>::load(goldens::model_folder(name))};
    CHECK(strata::check_gradient(model, std::span<const int>(tokens)) < 0.02);
    for (const mistake which : {mistake::pattern_is_constant, mistake::mlp_is_constant, mistake::sign_of_attention,
                                mistake::last_layer_only}) {
      CAPTURE(name);
      CAPTURE(static_cast<int>(which));
      model.which = which;
      CHECK_THROWS_WITH_AS(static_cast<void>(strata::check_gradient(model, std::span<const int>(tokens))),
                           doctest::Contains("the gradient says"), strata::contract_error);
    }
  }
}
