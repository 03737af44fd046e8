/// The rules by name, for programs that choose one when they run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "strata/core/error.hpp"
#include "strata/score/cosine.hpp"
#include "strata/score/l1.hpp"
#include "strata/score/l1_over_node.hpp"
#include "strata/score/l2.hpp"
#include "strata/score/leverage.hpp"
#include "strata/score/proximity.hpp"
#include "strata/score/proximity_shifted.hpp"
#include "strata/score/random_scores.hpp"
#include "strata/score/sensitivity.hpp"
#include "strata/score/share_sensitivity.hpp"

namespace strata {

inline constexpr std::array<std::string_view, 10> rule_names{
    "l1",     "l2",       "l1_over_node", "proximity",   "proximity_shifted",
    "cosine", "leverage", "random",       "sensitivity", "share_sensitivity"};

/// What some rules have beside their name.
struct rule_settings {
  std::size_t k = 3;              // of leverage
  std::uint64_t seed = 0;         // of random
  node_sensitivities of_nodes{};  // of sensitivity and share_sensitivity, which score nothing without
};

/// Whether the rule of that name needs rule_settings::of_nodes.
[[nodiscard]] constexpr bool needs_sensitivities(std::string_view name) {
  return name == "sensitivity" || name == "share_sensitivity";
}

/// f(rule) with the rule of that name; f returns the same type for all of them.
/// Throws:   strata::option_error for a name that is none, and for leverage with k = 0.
template <class F>
decltype(auto) with_rule(std::string_view name, const rule_settings& settings, F f) {
  if (name == "l1") return f(l1{});
  if (name == "l2") return f(l2{});
  if (name == "l1_over_node") return f(l1_over_node{});
  if (name == "proximity") return f(proximity{});
  if (name == "proximity_shifted") return f(proximity_shifted{});
  if (name == "cosine") return f(cosine{});
  if (name == "leverage") {
    if (settings.k == 0) raise<option_error>("leverage: k is 0, expected at least 1");
    return f(leverage{settings.k});
  }
  if (name == "random") return f(random_scores{settings.seed});
  if (name == "sensitivity") return f(sensitivity{settings.of_nodes});
  if (name == "share_sensitivity") return f(share_sensitivity{settings.of_nodes});
  std::string names;
  for (const std::string_view known : rule_names) names += concat(names.empty() ? "" : ", ", known);
  raise<option_error>("there is no score rule \"", name, "\"; expected one of ", names);
}

}  // namespace strata
