/// A small trace as a graph that other programs draw or read: DOT (Graphviz) and GraphML. Nodes are (level, token),
/// named n4_2 for token 2 at level 4; an edge carries its kind, layer, head, score and place in the order.
/// Source: graphviz.org, "DOT Language"; graphml.graphdrawing.org, "The GraphML File Format".
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/graph/edge.hpp"
#include "strata/graph/graph.hpp"
#include "strata/report/edge_table.hpp"
#include "strata/report/visible_text.hpp"

namespace strata {

/// Edges that a drawing can still show.
inline constexpr std::size_t most_drawn_edges = 5000;

/// The text of the prompt's token number i, as bytes of any kind.
template <class F>
concept text_of_token = requires(const F& text, std::size_t i) {
  { text(i) } -> std::convertible_to<std::string>;
};

namespace detail {

/// The nodes that the edges join, and the output node; by level, then token.
template <class T>
[[nodiscard]] std::vector<node> nodes_of(const edge_table<T>& trace) {
  std::vector<node> nodes{trace.edges_of().output()};
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const edge e = trace.at(i);
    nodes.insert(nodes.end(), {e.source_node(), e.target_node()});
  }
  std::sort(nodes.begin(), nodes.end(),
            [](node a, node b) { return std::pair(a.level, a.token) < std::pair(b.level, b.token); });
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

template <class T>
void require_few_edges(const edge_table<T>& trace, std::size_t most) {
  if (trace.size() > most)
    raise<option_error>("a graph of ", trace.size(), " edges is too large to be drawn, at most ", most,
                        " are written: choose a smaller size, or write them as a table");
}

[[nodiscard]] inline std::string node_name(node n) { return concat('n', n.level, '_', n.token); }

template <class Number>
[[nodiscard]] std::string number_text(Number number) {
  std::string text;
  append_number(text, number);
  return text;
}

/// The text with each of some characters replaced.
[[nodiscard]] inline std::string escaped(std::string_view text,
                                         std::initializer_list<std::pair<char, std::string_view>> replacements) {
  std::string out;
  for (const char c : text) {
    const auto* const found =
        std::find_if(replacements.begin(), replacements.end(), [c](const auto& r) { return r.first == c; });
    if (found == replacements.end()) {
      out += c;
    } else {
      out += found->second;
    }
  }
  return out;
}

/// In a label Graphviz takes a backslash for the beginning of an escape and & for that of an entity.
[[nodiscard]] inline std::string dot_label(std::string_view bytes) {
  return escaped(visible_text(bytes), {{'\\', "\\\\"}, {'"', "\\\""}, {'&', "&amp;"}});
}

[[nodiscard]] inline std::string xml_text(std::string_view bytes) {
  return escaped(visible_text(bytes), {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}});
}

}  // namespace detail

/// The trace as DOT: a column for each token, a row for each level, the embeddings at the bottom. Places are fixed, so
/// that `dot -Tsvg` draws thousands of edges at once.
/// Throws: strata::option_error for more than `most` edges.
template <class T, text_of_token TextOf>
[[nodiscard]] std::string dot_text(const edge_table<T>& trace, const TextOf& text_of,
                                   std::size_t most = most_drawn_edges) {
  detail::require_few_edges(trace, most);
  constexpr std::array<std::string_view, 4> colours{"gray50", "royalblue", "gray50", "darkorange"};  // by edge_kind
  constexpr double column = 1.5, row = 0.75;                                                         // inches
  std::string out =
      "digraph trace {\n"
      "  layout=neato;\n"
      "  node [shape=box, style=\"rounded,filled\", fillcolor=white, height=0.3];\n"
      "  edge [arrowsize=0.5];\n";
  for (const node n : detail::nodes_of(trace))
    out += concat("  ", detail::node_name(n), " [label=\"", detail::dot_label(std::string(text_of(n.token))),
                  "\", tooltip=\"level ", n.level, ", token ", n.token, "\", level=", n.level, ", token=", n.token,
                  ", pos=\"", detail::number_text(column * static_cast<double>(n.token)), ',',
                  detail::number_text(row * static_cast<double>(n.level)), "!\"];\n");
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const edge e = trace.at(i);
    out += concat("  ", detail::node_name(e.source_node()), " -> ", detail::node_name(e.target_node()),
                  " [kind=", name_of(e.kind), ", layer=", trace.edges_of().layer_of(e.level));
    if (e.head != no_head) out += concat(", head=", e.head);
    if (trace.has_scores()) out += concat(", score=\"", detail::number_text(trace.score(i)), '"');
    out += concat(", position=", i, ", color=", colours[static_cast<std::size_t>(e.kind)], "];\n");
  }
  return out + "}\n";
}

/// The trace as GraphML. An edge that is no attention edge has no head; without scores no edge has one.
/// Throws: strata::option_error for more than `most` edges.
template <class T, text_of_token TextOf>
[[nodiscard]] std::string graphml_text(const edge_table<T>& trace, const TextOf& text_of,
                                       std::size_t most = most_drawn_edges) {
  detail::require_few_edges(trace, most);
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n";
  const auto key = [&out](std::string_view of, std::string_view name, std::string_view type) {
    out += concat("  <key id=\"", name, "\" for=\"", of, "\" attr.name=\"", name, "\" attr.type=\"", type, "\"/>\n");
  };
  for (const char* name : {"level", "token"}) key("node", name, "long");
  key("node", "text", "string");
  key("edge", "kind", "string");
  for (const char* name : {"layer", "head", "position"}) key("edge", name, "long");
  if (trace.has_scores()) key("edge", "score", "double");
  const auto data = [&out](std::string_view name, std::string_view value) {
    out += concat("<data key=\"", name, "\">", value, "</data>");
  };
  out += "  <graph id=\"trace\" edgedefault=\"directed\">\n";
  for (const node n : detail::nodes_of(trace)) {
    out += concat("    <node id=\"", detail::node_name(n), "\">");
    data("level", detail::number_text(n.level));
    data("token", detail::number_text(n.token));
    data("text", detail::xml_text(std::string(text_of(n.token))));
    out += "</node>\n";
  }
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const edge e = trace.at(i);
    out += concat("    <edge id=\"e", trace.id(i), "\" source=\"", detail::node_name(e.source_node()), "\" target=\"",
                  detail::node_name(e.target_node()), "\">");
    data("kind", name_of(e.kind));
    data("layer", detail::number_text(trace.edges_of().layer_of(e.level)));
    if (e.head != no_head) data("head", detail::number_text(e.head));
    data("position", detail::number_text(i));
    if (trace.has_scores()) data("score", detail::number_text(trace.score(i)));
    out += "</edge>\n";
  }
  return out + "  </graph>\n</graphml>\n";
}

}  // namespace strata
