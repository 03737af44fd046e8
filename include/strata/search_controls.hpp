/// Controls of a search: what its traces would look like if they explained nothing. A trace that is found for one prompt
/// should say little about another, and a search that could reach any distribution would have found nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/random_numbers.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/measure/divergence_from.hpp"
#include "strata/search/random_connected.hpp"
#include "strata/search/without_attention.hpp"
#include "strata/search_trial.hpp"

namespace strata {

/// P is the prompt's distribution, P' the other prompt's.
enum class control : std::uint8_t {
  other_prompt,      // P' itself against P, at every size: how far chance is
  wrong_target,      // the same search towards P', against P': what a search can reach that the prompt does not say
  random_connected,  // random traces connected to the output, against P
  permuted_base,     // the same search from the scores in random order, against P
  embedding_swap,    // the prompt's traces, and what stands for dropped edges, on the other prompt, against P
  context_swap,      // the same with the prompt's own last token: what is still explained is not carried by the trace
  no_attention,      // only the last token's residual and MLP edges, against P
};

inline constexpr std::array<std::string_view, 7> control_names{
    "other prompt",   "wrong target", "random connected",   "permuted base",
    "embedding swap", "context swap", "no-attention column"};

[[nodiscard]] constexpr std::string_view name_of(control which) {
  return control_names[static_cast<std::size_t>(which)];
}

/// The values in random order, each order equally probable.
template <class T>
[[nodiscard]] std::vector<T> permuted(std::vector<T> values, std::uint64_t seed) {
  random_numbers random(seed);
  for (std::size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[random.below(static_cast<std::uint32_t>(i))]);
  return values;
}

/// Total variation of every control at every size of the trial.
/// found:    the order that the method found on the trial's prompt.
/// other:    another prompt of the same length.
/// Shape:    (control_names, sizes).
/// Throws:   strata::option_error for another prompt out of range; as the trial's functions.
/// Cost:     two searches, five sweeps and a plain run.
template <forward_pass Model>
[[nodiscard]] matrix<double> controls_of(const search_trial<Model>& trial, const search_method& method,
                                         const edge_order& found, std::span<const token_id> other,
                                         std::uint64_t seed = 0, const sensitivity_table* table = nullptr) {
  using T = typename Model::scalar;
  const std::span<const token_id> own = trial.tokens();
  check_prompt(trial.model().shape(), other);
  if (other.size() != own.size())
    raise<option_error>("the other prompt has ", other.size(), " tokens, the prompt ", own.size(),
                        "; they must be equally long");
  const std::vector<T> theirs = run(trial.model(), other);

  const edge_order from_permuted =
      trial.order(method, permuted(trial.scores(method.base, trial.logits(), table), seed), trial.logits());
  std::vector<token_id> last_kept(other.begin(), other.end());
  last_kept.back() = own.back();

  matrix<double> values(control_names.size(), trial.sizes().size());
  const auto put = [&](control which, const std::vector<double>& of_sizes) {
    std::copy(of_sizes.begin(), of_sizes.end(), values.row(static_cast<std::size_t>(which)).begin());
  };
  const double chance = divergence_from<T>(trial.logits()).total_variation(theirs);
  put(control::other_prompt, std::vector<double>(trial.sizes().size(), chance));
  put(control::wrong_target, trial.variation(trial.find(method, theirs, table), own, theirs));
  put(control::random_connected, trial.variation(random_connected(trial.edges(), trial.edges().edge_count(), seed)));
  put(control::permuted_base, trial.variation(from_permuted));
  put(control::embedding_swap, trial.variation(found, other, trial.logits()));
  put(control::context_swap, trial.variation(found, last_kept, trial.logits()));
  put(control::no_attention, trial.variation(last_token_without_attention(trial.edges())));
  return values;
}

}  // namespace strata
