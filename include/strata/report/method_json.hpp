/// Parts of a trace's JSON that are written when they were asked for: final states, compositions by layer and head, a metric.
/// docs/json.md says what every key means.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "strata/circuit.hpp"
#include "strata/graph/edge.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/measure/curve.hpp"
#include "strata/measure/geometry.hpp"
#include "strata/measure/published.hpp"
#include "strata/trace.hpp"

namespace strata {

/// The path of the final states over the sizes.
/// Requires: a trace that kept them (trace_options::keep_states).
template <class T>
[[nodiscard]] nlohmann::ordered_json states_json(const trace_result<T>& trace) {
  const matrix_view<const T> states = trace.final_states;
  return {{"l2_to_last", distances_to_last<T>(states)},
          {"cosine_to_last", cosine_distances_to_last<T>(states)},
          {"step_l2", step_lengths<T>(states)},
          {"step_cosine", step_cosine_distances<T>(states)},
          {"curvature", menger_curvature<T>(states)}};
}

/// Edges of every size by layer and kind, and by head.
/// Shape: layers: (curve, layers, 4); heads: (curve, layers, heads).
template <class T>
[[nodiscard]] nlohmann::ordered_json components_json(const trace_result<T>& trace) {
  using json = nlohmann::ordered_json;
  json all{{"kinds", edge_kind_names}, {"layers", json::array()}, {"heads", json::array()}};
  const auto table = [](const std::vector<edge_id>& counts, std::size_t rows, std::size_t cols) {
    json made = json::array();
    for (std::size_t r = 0; r < rows; ++r) {
      json row = json::array();
      for (std::size_t c = 0; c < cols; ++c) row.push_back(counts.empty() ? 0 : counts[r * cols + c]);
      made.push_back(std::move(row));
    }
    return made;
  };
  for (const trace_point& point : trace.curve) {
    all["layers"].push_back(table(point.made_of.layers, trace.edges.layers(), edge_kind_names.size()));
    all["heads"].push_back(table(point.made_of.heads, trace.edges.layers(), trace.edges.heads()));
  }
  return all;
}

/// The published code's own figures (measure/published.hpp): density over the logarithm of the size and, as it once was, over
/// the size; entropies of Q.
/// Requires: a trace that kept its logits (trace_options::keep_logits).
template <class T>
[[nodiscard]] nlohmann::ordered_json published_json(const trace_result<T>& trace) {
  std::vector<double> shares, variation, entropy;
  for (std::size_t i = 0; i < trace.curve.size(); ++i) {
    const double size = trace.curve[i].size;
    const edge_id edges = size > 0 ? edges_at_size(trace.edges, size) : 0;  // also of an inverse: those of its trace
    shares.push_back(static_cast<double>(edges) / static_cast<double>(trace.edges.edge_count()));
    variation.push_back(trace.curve[i].measured.total_variation);
    entropy.push_back(published_entropy<T>(trace.curve_logits.row(i)));
  }
  return {{"density", published_density(shares, variation)},
          {"density_linear", published_density(shares, variation, size_axis::linear)},
          {"entropy", entropy}};
}

/// name: of the metric.
[[nodiscard]] inline nlohmann::ordered_json circuit_json(const circuit_curve& circuit, const std::string& name) {
  using json = nlohmann::ordered_json;
  json made{{"name", name}, {"full", circuit.full}, {"empty", circuit.empty}};
  made["faithfulness"] = circuit.faithfulness.empty() ? json() : json(circuit.faithfulness);
  made["cpr"] = circuit.cpr ? json(*circuit.cpr) : json();
  made["cmd"] = circuit.cmd ? json(*circuit.cmd) : json();
  return made;
}

}  // namespace strata
