/// The edges of a trace as NPZ: a ZIP archive of columns that numpy.load reads. docs/files.md says what they mean.
/// Source: numpy, "numpy.lib.format", version 1.0.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "strata/core/error.hpp"
#include "strata/graph/edge.hpp"
#include "strata/graph/graph.hpp"
#include "strata/report/edge_table.hpp"
#include "strata/report/zip_writer.hpp"

namespace strata {

/// Most edges of an NPZ file, so that it is smaller than 4 GiB: a row takes at most 37 bytes.
inline constexpr std::size_t most_npz_edges = 116'000'000;

namespace detail {

/// What stands before an array's numbers: "<i4" for integers of 4 bytes, the lowest first.
[[nodiscard]] inline std::string npy_header(std::string_view type, std::size_t count) {
  constexpr std::size_t before_text = 10, aligned = 64;
  std::string text = concat("{'descr': '", type, "', 'fortran_order': False, 'shape': (", count, ",), }");
  text.append(aligned - 1 - (before_text + text.size()) % aligned, ' ');
  text += '\n';
  std::string header("\x93NUMPY\1\0", 8);
  append_little_endian(header, static_cast<std::uint16_t>(text.size()));
  return header + text;
}

/// numpy's name of a number's type.
template <class Number>
[[nodiscard]] std::string npy_type() {
  const char kind = std::is_floating_point_v<Number> ? 'f' : std::is_signed_v<Number> ? 'i' : 'u';
  return concat(sizeof(Number) == 1 ? '|' : '<', kind, sizeof(Number));
}

template <class Number>
void append_npy(std::string& bytes, Number number) {
  if constexpr (std::is_floating_point_v<Number>) {
    using bits = std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint64_t>;
    append_little_endian(bytes, std::bit_cast<bits>(number));
  } else {
    append_little_endian(bytes, number);
  }
}

/// Adds an array to the archive whose number i is value(i).
template <class Archive, class Value>
void add_column(Archive& archive, const char* name, std::size_t count, Value value) {
  using number = std::invoke_result_t<Value, std::size_t>;
  archive.add(concat(name, ".npy"), [&](auto to) {
    constexpr std::size_t part = std::size_t{1} << 13;
    to(npy_header(npy_type<number>(), count));
    std::string bytes;
    for (std::size_t i = 0; i < count;) {
      bytes.clear();
      for (const std::size_t end = std::min(count, i + part); i < end; ++i) append_npy(bytes, value(i));
      to(bytes);
    }
  });
}

/// Adds the names of the kinds, an array of texts.
template <class Archive>
void add_kind_names(Archive& archive) {
  constexpr std::size_t longest = 12;  // "mlp_residual"
  archive.add("kind_names.npy", [&](auto to) {
    std::string bytes = npy_header(concat("<U", longest), edge_kind_names.size());
    for (const std::string_view name : edge_kind_names)
      for (std::size_t i = 0; i < longest; ++i)
        append_little_endian(bytes, std::uint32_t{i < name.size() ? static_cast<unsigned char>(name[i]) : 0U});
    to(bytes);
  });
}

}  // namespace detail

/// Hands the table as NPZ to sink(std::string_view), in parts.
/// Throws:   strata::option_error for more than most_npz_edges, and for a graph whose numbers do not fit into 31 bits.
/// Cost:     every column is made twice; memory does not grow with the table.
template <class T, std::invocable<std::string_view> Sink>
void write_npz(const edge_table<T>& table, Sink sink) {
  const graph& graph = table.edges_of();
  if (table.size() > most_npz_edges)
    raise<option_error>("an NPZ file of ", table.size(), " edges would be larger than 4 GiB, at most ", most_npz_edges,
                        " are written: choose a smaller size, or CSV");
  if (std::max({graph.tokens(), graph.heads(), graph.levels()}) > std::numeric_limits<std::int32_t>::max())
    raise<option_error>("the NPZ file of a graph of ", graph.levels(), " levels, ", graph.heads(), " heads and ",
                        graph.tokens(), " tokens: its columns hold numbers below 2147483648");
  detail::zip_writer archive(std::move(sink));
  const auto column = [&](const char* name, auto value) {
    detail::add_column(archive, name, table.size(), [&](std::size_t i) { return value(table.at(i)); });
  };
  const auto number = [](std::size_t n) { return static_cast<std::int32_t>(n); };
  detail::add_column(archive, "edge", table.size(),
                     [&](std::size_t i) { return static_cast<std::int64_t>(table.id(i)); });
  column("kind", [](const edge& e) { return static_cast<std::uint8_t>(e.kind); });
  column("layer", [&](const edge& e) { return number(graph.layer_of(e.level)); });
  column("head", [&](const edge& e) { return e.head == no_head ? -1 : number(e.head); });
  column("level", [&](const edge& e) { return number(e.level); });
  column("source", [&](const edge& e) { return number(e.source); });
  column("target", [&](const edge& e) { return number(e.target); });
  if (table.has_scores())
    detail::add_column(archive, "score", table.size(), [&](std::size_t i) { return table.score(i); });
  detail::add_kind_names(archive);
  archive.finish();
}

}  // namespace strata
