// The files that hold a trace's edges: tables, drawings, masks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "on_screen.hpp"
#include "strata/core/error.hpp"
#include "strata/report/edge_npz.hpp"
#include "strata/report/edge_table.hpp"
#include "strata/report/graph_text.hpp"
#include "strata/report/json.hpp"
#include "strata/report/mask_file.hpp"
#include "strata/trace.hpp"
#include "written_file.hpp"

namespace cli {

class graph_files {
 public:
  // Opens the files, so that what cannot be written shows before the work.
  explicit graph_files(const arguments& given)
      : npz_(given.edges && given.edges->ends_with(".npz")),
        edges_(given.edges),
        dot_(given.dot),
        graphml_(given.graphml),
        masks_(given.masks) {
    if (given.edges && !npz_ && !given.edges->ends_with(".csv"))
      strata::raise<strata::option_error>("--edges: ", *given.edges, ", expected a name that ends with .csv or .npz");
    const bool nested =
        given.select != "top_scores" && !given.inverse && !(given.published && given.select == "random_connected");
    const bool one = given.sizes && given.sizes->find(',') == std::string::npos && *given.sizes != "mib";
    if ((given.edges || given.masks) && !nested && !one)
      strata::raise<strata::option_error>("--edges and --masks: these traces are not nested; ask for one with --sizes");
    if (given.drawn) drawn_ = number_of<double>("--drawn-size", *given.drawn);
    if (given.drawn && !given.dot && !given.graphml)
      strata::raise<strata::option_error>("--drawn-size goes with --dot and --graphml");
  }

  [[nodiscard]] bool want_scores() const { return edges_ || dot_ || graphml_; }

  void write(const strata::trace_result<float>& result, const strata::trace_description& about) {
    const bool order = result.masks.empty();
    if (masks_)
      masks_.commit(order ? strata::masks_text(result.edges, result.order, counts(result))
                          : strata::mask_text(result.masks[0]));
    if (edges_) {
      const std::size_t last = result.curve.size() - 1;
      const strata::edge_order edges = edges_of(result, last);
      const strata::edge_table<float> table(result.edges, edges, result.curve[last].edges, result.scores);
      const auto sink = [&](std::string_view part) { edges_.write(part); };
      npz_ ? strata::write_npz(table, sink) : strata::write_csv(table, sink);
      edges_.commit();
    }
    if (!dot_ && !graphml_) return;
    const std::size_t drawn = drawn_trace(result);
    const strata::edge_order edges = edges_of(result, drawn);
    const strata::edge_table<float> table(result.edges, edges, result.curve[drawn].edges, result.scores);
    const auto text_of = [&](std::size_t token) {
      const auto piece = about.piece ? about.piece(result.tokens[token]) : std::nullopt;
      return piece ? *piece : std::to_string(result.tokens[token]);
    };
    if (dot_) dot_.commit(strata::dot_text(table, text_of));
    if (graphml_) graphml_.commit(strata::graphml_text(table, text_of));
  }

 private:
  static std::vector<std::size_t> counts(const strata::trace_result<float>& result) {
    std::vector<std::size_t> counts;
    for (const strata::trace_point& point : result.curve) counts.push_back(static_cast<std::size_t>(point.edges));
    return counts;
  }

  // The edges of a trace; those of a mask in the order of their numbers.
  static strata::edge_order edges_of(const strata::trace_result<float>& result, std::size_t point) {
    if (result.masks.empty()) return result.order;
    strata::edge_order edges(result.edges.edge_count());
    for (strata::edge_id e = 0; e < result.edges.edge_count(); ++e)
      if (result.masks[point].contains(e)) edges.push_back(e);
    return edges;
  }

  // The one that was asked for, otherwise the smallest faithful one, otherwise the smallest with edges.
  std::size_t drawn_trace(const strata::trace_result<float>& result) const {
    for (std::size_t i = 0; i < result.curve.size(); ++i)
      if (drawn_ ? result.curve[i].size == *drawn_ : result.curve[i].measured.total_variation < 0.2) return i;
    if (drawn_) strata::raise<strata::option_error>("--drawn-size: ", *drawn_, " is not one of the sizes of the trace");
    for (std::size_t i = 0; i < result.curve.size(); ++i)
      if (result.curve[i].edges > 0) return i;
    return 0;
  }

  bool npz_;
  written_file edges_, dot_, graphml_, masks_;
  std::optional<double> drawn_;
};

}  // namespace cli
