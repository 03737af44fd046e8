/// The edges of a trace in their order, one a row, and their text as CSV. docs/files.md says what the columns mean.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "strata/core/contract.hpp"
#include "strata/graph/edge.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// A view of the first edges of an order, with their scores where they were kept.
template <class T>
class edge_table {
 public:
  /// Shape:    scores: (E), by edge; or empty.
  /// Requires: order holds `count` edges, and it and the scores outlive the table.
  edge_table(const graph& graph, const edge_order& order, std::size_t count, std::span<const T> scores = {})
      : graph_(graph), order_(&order), count_(count), scores_(scores) {
    STRATA_ASSERT(count <= order.size(), "edge_table: the order holds fewer edges");
    STRATA_ASSERT(scores.empty() || scores.size() == graph.edge_count(), "edge_table: a score for each edge, or none");
  }

  [[nodiscard]] const graph& edges_of() const { return graph_; }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool has_scores() const { return !scores_.empty(); }

  [[nodiscard]] edge_id id(std::size_t position) const {
    STRATA_ASSERT(position < count_, "edge_table: no such row");
    return (*order_)[position];
  }
  [[nodiscard]] edge at(std::size_t position) const { return graph_.at(id(position)); }
  [[nodiscard]] T score(std::size_t position) const {
    STRATA_ASSERT(has_scores(), "edge_table::score: the scores were not kept");
    return scores_[static_cast<std::size_t>(id(position))];
  }

 private:
  graph graph_;
  const edge_order* order_;
  std::size_t count_;
  std::span<const T> scores_;
};

namespace detail {

/// Appends the number, a real with as many digits as reading it back takes: the same in every locale.
template <class Number>
void append_number(std::string& text, Number number) {
  char digits[48];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace detail

/// Hands the table as CSV, with a line of names first, to sink(std::string_view), in parts.
template <class T, std::invocable<std::string_view> Sink>
void write_csv(const edge_table<T>& table, Sink sink) {
  constexpr std::size_t part = std::size_t{1} << 16;
  std::string text = "position,edge,kind,layer,head,level,source,target";
  text += table.has_scores() ? ",score\n" : "\n";
  const auto cell = [&text](std::size_t number) {
    text += ',';
    detail::append_number(text, number);
  };
  for (std::size_t i = 0; i < table.size(); ++i) {
    const edge e = table.at(i);
    detail::append_number(text, i);
    cell(table.id(i));
    text += ',';
    text += name_of(e.kind);
    cell(table.edges_of().layer_of(e.level));
    if (e.head == no_head) {
      text += ',';
    } else {
      cell(e.head);
    }
    for (const std::size_t number : {e.level, e.source, e.target}) cell(number);
    if (table.has_scores()) {
      text += ',';
      detail::append_number(text, table.score(i));
    }
    text += '\n';
    if (text.size() < part) continue;
    sink(std::string_view(text));
    text.clear();
  }
  sink(std::string_view(text));
}

}  // namespace strata
