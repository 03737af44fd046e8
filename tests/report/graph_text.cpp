#include "strata/report/graph_text.hpp"

#include <doctest/doctest.h>

#include <cctype>
#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using strata::edge_id;
using strata::edge_order;
using strata::edge_table;
using strata::graph;

namespace {

// Every byte, and what each format must not take for its own.
const std::vector<std::string> hard_tokens = [] {
  std::vector<std::string> tokens{"\"",    "\\",       "\\\"",   "\\N",          "&amp;", "&lt;", "<b>",
                                  "]]>",   "-->",      "a\\nb",  "\n",           "];\n}", " x ",  "é",
                                  "日",    "\xe6\x97", "\xff\"", "\xef\xbf\xbf", "//",    "#",    "",
                                  "\\x41", "'",        "]",      "n0_0 -> n0_1;"};
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  return tokens;
}();

using attributes = std::map<std::string, std::string>;

struct parsed_graph {
  std::map<std::string, attributes> nodes;
  std::vector<std::pair<std::pair<std::string, std::string>, attributes>> edges;
  std::set<std::string> edge_names;
};

// A reader of text that must stand there.
class reader {
 public:
  explicit reader(std::string_view text) : left_(text) {}
  void expect(std::string_view text) {
    const std::string found(left_.substr(0, text.size()));
    REQUIRE(found == text);
    left_.remove_prefix(text.size());
  }
  bool accept(std::string_view text) {
    if (!left_.starts_with(text)) return false;
    left_.remove_prefix(text.size());
    return true;
  }
  std::string word() {
    std::string out;
    while (!left_.empty() && (std::isalnum(static_cast<unsigned char>(left_[0])) != 0 || left_[0] == '_' ||
                              left_[0] == '.' || left_[0] == '-')) {
      if (left_.starts_with("->")) break;
      out += left_[0];
      left_.remove_prefix(1);
    }
    REQUIRE(!out.empty());
    return out;
  }
  char next() {
    REQUIRE(!left_.empty());
    const char c = left_[0];
    left_.remove_prefix(1);
    return c;
  }
  bool at_end() const { return left_.empty(); }

 private:
  std::string_view left_;
};

std::string entity(reader& in) {
  for (const auto& [name, text] : {std::pair("amp;", "&"), std::pair("lt;", "<"), std::pair("gt;", ">")})
    if (in.accept(name)) return text;
  FAIL("an unknown entity");
  return {};
}

// A quoted text as Graphviz shows it in a label.
std::string quoted(reader& in) {
  in.expect("\"");
  std::string out;
  for (char c = in.next(); c != '"'; c = in.next()) {
    CHECK(static_cast<unsigned char>(c) >= 0x20);
    if (c == '\\') {
      c = in.next();
      CHECK((c == '\\' || c == '"'));
      out += c;
    } else if (c == '&') {
      out += entity(in);
    } else {
      out += c;
    }
  }
  return out;
}

attributes dot_attributes(reader& in) {
  attributes out;
  in.expect(" [");
  do {
    const std::string name = in.word();
    in.expect("=");
    const bool is_text = name == "label" || name == "tooltip" || name == "score" || name == "pos";
    CHECK(out.emplace(name, is_text ? quoted(in) : in.word()).second);
  } while (in.accept(", "));
  in.expect("];\n");
  return out;
}

parsed_graph parse_dot(std::string_view text) {
  reader in(text);
  in.expect(
      "digraph trace {\n  layout=neato;\n"
      "  node [shape=box, style=\"rounded,filled\", fillcolor=white, height=0.3];\n  edge [arrowsize=0.5];\n");
  parsed_graph out;
  while (in.accept("  ")) {
    const std::string name = in.word();
    if (in.accept(" -> ")) {
      const std::string target = in.word();
      out.edges.push_back({{name, target}, dot_attributes(in)});
    } else {
      CHECK(out.nodes.emplace(name, dot_attributes(in)).second);
    }
  }
  in.expect("}\n");
  CHECK(in.at_end());
  return out;
}

std::string xml_until(reader& in, std::string_view end) {
  std::string out;
  while (!in.accept(end)) {
    const char c = in.next();
    CHECK(static_cast<unsigned char>(c) >= 0x20);
    CHECK((c != '<' && c != '>'));
    if (c == '&') {
      out += entity(in);
    } else {
      out += c;
    }
  }
  return out;
}

attributes xml_data(reader& in, const std::map<std::string, std::string>& keys, const std::string& of) {
  attributes out;
  while (in.accept("<data key=\"")) {
    const std::string key = xml_until(in, "\">");
    CHECK(keys.at(key) == of);
    CHECK(out.emplace(key, xml_until(in, "</data>")).second);
  }
  return out;
}

parsed_graph parse_graphml(std::string_view text) {
  reader in(text);
  in.expect("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n");
  std::map<std::string, std::string> keys;
  while (in.accept("  <key id=\"")) {
    const std::string name = xml_until(in, "\" for=\"");
    const std::string of = xml_until(in, "\" attr.name=\"");
    CHECK(xml_until(in, "\" attr.type=\"") == name);
    const std::string type = xml_until(in, "\"/>\n");
    CHECK((type == "long" || type == "string" || type == "double"));
    CHECK(keys.emplace(name, of).second);
  }
  in.expect("  <graph id=\"trace\" edgedefault=\"directed\">\n");
  parsed_graph out;
  while (in.accept("    <node id=\"")) {
    const std::string name = xml_until(in, "\">");
    CHECK(out.nodes.emplace(name, xml_data(in, keys, "node")).second);
    in.expect("</node>\n");
  }
  while (in.accept("    <edge id=\"")) {
    CHECK(out.edge_names.insert(xml_until(in, "\" source=\"")).second);
    const std::string source = xml_until(in, "\" target=\"");
    const std::string target = xml_until(in, "\">");
    out.edges.push_back({{source, target}, xml_data(in, keys, "edge")});
    in.expect("</edge>\n");
  }
  in.expect("  </graph>\n</graphml>\n");
  CHECK(in.at_end());
  return out;
}

edge_order all_edges(const graph& edges) {
  edge_order order(edges.edge_count());
  for (edge_id e = edges.edge_count(); e-- > 0;) order.push_back(e);
  return order;
}

std::string letter(std::size_t i) { return std::string(1, static_cast<char>('a' + i)); }

// Nodes and edges are those of the table, with what it says of each.
void same_as_table(const edge_table<double>& table, const parsed_graph& found, const std::string& text_name) {
  std::set<std::string> nodes{strata::detail::node_name(table.edges_of().output())};
  REQUIRE(found.edges.size() == table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    const strata::edge e = table.at(i);
    const auto& [ends, about] = found.edges[i];
    CHECK(ends.first == strata::concat('n', e.level - 1, '_', e.source));
    CHECK(ends.second == strata::concat('n', e.level, '_', e.target));
    nodes.insert({ends.first, ends.second});
    CHECK(about.at("kind") == name_of(e.kind));
    CHECK(about.at("layer") == std::to_string(table.edges_of().layer_of(e.level)));
    CHECK(about.at("position") == std::to_string(i));
    CHECK(about.count("head") == (e.kind == strata::edge_kind::attention ? 1 : 0));
    if (e.kind == strata::edge_kind::attention) CHECK(about.at("head") == std::to_string(e.head));
    CHECK(about.count("score") == (table.has_scores() ? 1 : 0));
    if (table.has_scores()) CHECK(std::stod(about.at("score")) == table.score(i));
  }
  std::set<std::string> named;
  for (const auto& [name, about] : found.nodes) {
    named.insert(name);
    const std::string& token = about.at("token");
    CHECK(name == "n" + about.at("level") + "_" + token);
    CHECK(about.at(text_name) == letter(std::stoul(token)));
  }
  CHECK(named == nodes);
}

}  // namespace

TEST_CASE("the text of a small trace, whole") {
  const graph edges(1, 1, 2, strata::block_kind::sequential);  // residual, from token 0, from token 1, past, MLP
  REQUIRE(edges.edge_count() == 5);
  edge_order order(edges.edge_count());
  for (const edge_id e : {edge_id{4}, edge_id{1}}) order.push_back(e);
  const std::vector<double> scores{0, 1e-7, 0, 0, 0.5};
  const edge_table<double> table(edges, order, 2, scores);
  const auto text_of = [](std::size_t i) { return i == 0 ? "<\"" : " b"; };
  CHECK(strata::dot_text(table, text_of) ==
        "digraph trace {\n"
        "  layout=neato;\n"
        "  node [shape=box, style=\"rounded,filled\", fillcolor=white, height=0.3];\n"
        "  edge [arrowsize=0.5];\n"
        "  n0_0 [label=\"<\\\"\", tooltip=\"level 0, token 0\", level=0, token=0, pos=\"0,0!\"];\n"
        "  n1_1 [label=\" b\", tooltip=\"level 1, token 1\", level=1, token=1, pos=\"1.5,0.75!\"];\n"
        "  n2_1 [label=\" b\", tooltip=\"level 2, token 1\", level=2, token=1, pos=\"1.5,1.5!\"];\n"
        "  n1_1 -> n2_1 [kind=mlp, layer=0, score=\"0.5\", position=0, color=darkorange];\n"
        "  n0_0 -> n1_1 [kind=attention, layer=0, head=0, score=\"1e-07\", position=1, color=royalblue];\n"
        "}\n");
  CHECK(strata::graphml_text(table, text_of) ==
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
        "  <key id=\"level\" for=\"node\" attr.name=\"level\" attr.type=\"long\"/>\n"
        "  <key id=\"token\" for=\"node\" attr.name=\"token\" attr.type=\"long\"/>\n"
        "  <key id=\"text\" for=\"node\" attr.name=\"text\" attr.type=\"string\"/>\n"
        "  <key id=\"kind\" for=\"edge\" attr.name=\"kind\" attr.type=\"string\"/>\n"
        "  <key id=\"layer\" for=\"edge\" attr.name=\"layer\" attr.type=\"long\"/>\n"
        "  <key id=\"head\" for=\"edge\" attr.name=\"head\" attr.type=\"long\"/>\n"
        "  <key id=\"position\" for=\"edge\" attr.name=\"position\" attr.type=\"long\"/>\n"
        "  <key id=\"score\" for=\"edge\" attr.name=\"score\" attr.type=\"double\"/>\n"
        "  <graph id=\"trace\" edgedefault=\"directed\">\n"
        "    <node id=\"n0_0\"><data key=\"level\">0</data><data key=\"token\">0</data>"
        "<data key=\"text\">&lt;\"</data></node>\n"
        "    <node id=\"n1_1\"><data key=\"level\">1</data><data key=\"token\">1</data>"
        "<data key=\"text\"> b</data></node>\n"
        "    <node id=\"n2_1\"><data key=\"level\">2</data><data key=\"token\">1</data>"
        "<data key=\"text\"> b</data></node>\n"
        "    <edge id=\"e4\" source=\"n1_1\" target=\"n2_1\"><data key=\"kind\">mlp</data><data key=\"layer\">0</data>"
        "<data key=\"position\">0</data><data key=\"score\">0.5</data></edge>\n"
        "    <edge id=\"e1\" source=\"n0_0\" target=\"n1_1\"><data key=\"kind\">attention</data>"
        "<data key=\"layer\">0</data><data key=\"head\">0</data><data key=\"position\">1</data>"
        "<data key=\"score\">1e-07</data></edge>\n"
        "  </graph>\n</graphml>\n");
}

TEST_CASE("every edge and node of whole graphs is there once, with and without scores") {
  for (const auto block : {strata::block_kind::sequential, strata::block_kind::parallel}) {
    const graph edges(3, 2, 5, block);
    const edge_order order = all_edges(edges);
    std::vector<double> scores;
    for (std::size_t i = 0; i < order.size(); ++i) scores.push_back(1 / static_cast<double>(i + 1));
    for (const std::size_t count : {std::size_t{0}, std::size_t{3}, order.size()})
      for (const bool scored : {false, true}) {
        const edge_table<double> table(edges, order, count,
                                       scored ? std::span<const double>(scores) : std::span<const double>());
        same_as_table(table, parse_dot(strata::dot_text(table, letter)), "label");
        same_as_table(table, parse_graphml(strata::graphml_text(table, letter)), "text");
      }
  }
}

TEST_CASE("any bytes of a token come back as the label that they should be shown as") {
  const graph edges(1, 1, hard_tokens.size(), strata::block_kind::sequential);
  const edge_order order = all_edges(edges);
  const edge_table<double> table(edges, order, order.size());
  const auto text_of = [](std::size_t i) { return hard_tokens[i]; };
  const parsed_graph dot = parse_dot(strata::dot_text(table, text_of));
  const parsed_graph xml = parse_graphml(strata::graphml_text(table, text_of));
  for (std::size_t i = 0; i < hard_tokens.size(); ++i) {
    CAPTURE(i);
    const std::string name = strata::concat("n0_", i), expected = strata::detail::visible_text(hard_tokens[i]);
    CHECK(dot.nodes.at(name).at("label") == expected);
    CHECK(xml.nodes.at(name).at("text") == expected);
  }
}

TEST_CASE("more edges than can be drawn are refused with a sentence") {
  const graph edges(2, 2, 2, strata::block_kind::sequential);
  const edge_order order = all_edges(edges);
  CHECK_NOTHROW(static_cast<void>(strata::dot_text(edge_table<double>(edges, order, 4), letter, 4)));
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::dot_text(edge_table<double>(edges, order, 5), letter, 4)),
                       "a graph of 5 edges is too large to be drawn, at most 4 are written: choose a smaller size, or "
                       "write them as a table",
                       strata::option_error);
  CHECK_THROWS_AS(static_cast<void>(strata::graphml_text(edge_table<double>(edges, order, 5), letter, 4)),
                  strata::option_error);
  const graph large(6, 8, 20, strata::block_kind::sequential);
  const edge_order many = all_edges(large);
  REQUIRE(many.size() > 5001);
  CHECK_NOTHROW(static_cast<void>(strata::graphml_text(edge_table<double>(large, many, 5000), letter)));
  CHECK_THROWS_AS(static_cast<void>(strata::graphml_text(edge_table<double>(large, many, 5001), letter)),
                  strata::option_error);
}
