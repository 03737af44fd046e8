/// Compared searches, and the controls of one prompt, as JSON. docs/json.md says what every key means.
#pragma once

#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/measure/curve.hpp"
#include "strata/measure/paired_difference.hpp"
#include "strata/search_comparison.hpp"
#include "strata/search_controls.hpp"

namespace strata {

namespace detail {

/// {"0.001": 0.95, …}
[[nodiscard]] inline nlohmann::ordered_json by_size(std::span<const double> sizes, std::span<const double> values) {
  nlohmann::ordered_json made = nlohmann::ordered_json::object();
  for (std::size_t s = 0; s < sizes.size(); ++s) made[concat(sizes[s])] = values[s];
  return made;
}

[[nodiscard]] inline nlohmann::ordered_json mean_by_size(const search_comparison& comparison, const compared& of) {
  std::vector<double> means;
  for (std::size_t s = 0; s < comparison.sizes.size(); ++s) means.push_back(of.mean_variation(s));
  return by_size(comparison.sizes, means);
}

}  // namespace detail

/// Every search with its mean total variation at each size, its area, and the area's difference to the first search's.
[[nodiscard]] inline nlohmann::ordered_json searches_json(const search_comparison& comparison) {
  using json = nlohmann::ordered_json;
  json all = json::array();
  for (std::size_t i = 0; i < comparison.searches.size(); ++i) {
    const compared& of = comparison.searches[i];
    const mean_and_error difference = comparison.difference(i);
    all.push_back({{"name", of.name},
                   {"tv_area", of.mean_area()},
                   {"tv_area_minus_greedy", difference.mean},
                   {"se", std::isnan(difference.error) ? json() : json(difference.error)},
                   {"tv", detail::mean_by_size(comparison, of)},
                   {"plain_passes", of.plain_passes},
                   {"areas", of.areas}});
  }
  return all;
}

/// Empty without controls.
[[nodiscard]] inline nlohmann::ordered_json controls_json(const search_comparison& comparison) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const compared& of : comparison.controls)
    all.push_back({{"name", of.name}, {"tv_area", of.mean_area()}, {"tv", detail::mean_by_size(comparison, of)}});
  return all;
}

/// Of one prompt, as controls_of() gives them.
[[nodiscard]] inline nlohmann::ordered_json controls_json(std::span<const double> sizes,
                                                          matrix_view<const double> controls) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (std::size_t c = 0; c < controls.rows; ++c)
    all.push_back({{"name", control_names[c]},
                   {"tv_area", tv_area(sizes, controls.row(c))},
                   {"tv", detail::by_size(sizes, controls.row(c))}});
  return all;
}

}  // namespace strata
