/// Components of a transformer, and the edges that are theirs: attention, single heads, MLPs, layers.
#pragma once

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/graph/edge.hpp"
#include "strata/graph/graph.hpp"

namespace strata {

/// A set of components; for prompts of any length. As text: `attention` (all of it), `mlp` (all of them), `L3` (attention
/// and MLP of layer 3) and `L3.H5` (head 5 of layer 3), counted from 0 and separated by commas; nothing for the empty set.
/// Residual edges belong to no component.
class components {
 public:
  components() = default;

  /// Throws: strata::option_error for text of another form.
  [[nodiscard]] static components parse(std::string_view text) {
    components read;
    for (std::size_t begin = 0; !text.empty() && begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      read.insert(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return read;
  }

  void insert_attention() { attention_ = true; }
  void insert_mlp() { mlp_ = true; }
  void insert_layer(std::size_t layer) { layers_.insert(layer); }
  void insert_head(std::size_t layer, std::size_t head) { heads_.insert({layer, head}); }

  [[nodiscard]] bool empty() const { return !attention_ && !mlp_ && layers_.empty() && heads_.empty(); }
  [[nodiscard]] bool has_head(std::size_t layer, std::size_t head) const {
    return attention_ || layers_.count(layer) > 0 || heads_.count({layer, head}) > 0;
  }
  [[nodiscard]] bool has_mlp(std::size_t layer) const { return mlp_ || layers_.count(layer) > 0; }

  /// Whether the edge is one of the components'.
  [[nodiscard]] bool contains(const graph& graph, const edge& e) const {
    return e.kind == edge_kind::attention ? has_head(graph.layer_of(e.level), e.head)
                                          : e.kind == edge_kind::mlp && has_mlp(graph.layer_of(e.level));
  }

  /// Calls f(index) for each edge of the components that enters the node: its number among those, rising.
  template <class F>
  void for_each(const graph& graph, node n, F f) const {
    if (graph.edge_count(n) == 0) return;
    const std::size_t layer = graph.layer_of(n.level);
    if (graph.has_attention(n.level)) {
      std::vector<std::size_t> heads;
      for (std::size_t head = 0; head < graph.heads(); ++head)
        if (has_head(layer, head)) heads.push_back(head);
      for (std::size_t source = 0; source <= n.token && !heads.empty(); ++source)
        for (const std::size_t head : heads) f(1 + source * graph.heads() + head);
    }
    if (graph.has_mlp(n.level) && has_mlp(layer)) f(static_cast<std::size_t>(graph.edge_count(n)) - 1);
  }

  /// Number of edges that are the components'.
  [[nodiscard]] edge_id count(const graph& graph) const {
    edge_id sum = 0;
    for (std::size_t layer = 0; layer < graph.layers(); ++layer) {
      const std::size_t tokens = graph.tokens();
      const bool last = layer + 1 == graph.layers();  // where only edges into the last token count
      for (std::size_t head = 0; head < graph.heads(); ++head)
        if (has_head(layer, head)) sum += last ? tokens : tokens * (tokens + 1) / 2;
      if (has_mlp(layer)) sum += last ? 1 : tokens;
    }
    return sum;
  }

  /// Throws: strata::option_error for a layer or head that the graph lacks.
  void check(const graph& graph) const {
    for (const std::size_t layer : layers_) check_layer(graph, layer, concat('L', layer));
    for (const layer_head& h : heads_) {
      check_layer(graph, h.layer, text_of(h));
      if (h.head >= graph.heads())
        raise<option_error>("component ", text_of(h), ": the model has ", graph.heads(),
                            " heads, expected one of H0 to H", graph.heads() - 1);
    }
  }

  /// What parse() reads: attention, mlp, then layers and heads, ascending.
  [[nodiscard]] std::string text() const {
    std::string out;
    const auto append = [&out](const std::string& name) {
      if (!out.empty()) out += ',';
      out += name;
    };
    if (attention_) append("attention");
    if (mlp_) append("mlp");
    for (const std::size_t layer : layers_) append(concat('L', layer));
    for (const layer_head& h : heads_) append(text_of(h));
    return out;
  }

  friend bool operator==(const components&, const components&) = default;

 private:
  struct layer_head {
    std::size_t layer;
    std::size_t head;
    friend auto operator<=>(const layer_head&, const layer_head&) = default;
  };

  static std::string text_of(const layer_head& h) { return concat('L', h.layer, ".H", h.head); }

  static void check_layer(const graph& graph, std::size_t layer, const std::string& name) {
    if (layer >= graph.layers())
      raise<option_error>("component ", name, ": the model has ", graph.layers(), " layers, expected one of L0 to L",
                          graph.layers() - 1);
  }

  void insert(std::string_view name) {
    if (name == "attention") return insert_attention();
    if (name == "mlp") return insert_mlp();
    std::string_view rest = name;
    std::size_t layer = 0;
    std::size_t head = 0;
    const bool has_layer = take_number(rest, "L", layer);
    if (has_layer && rest.empty()) return insert_layer(layer);
    if (has_layer && take_number(rest, ".H", head) && rest.empty()) return insert_head(layer, head);
    raise<option_error>(
        "component \"", name,
        "\" is not known, expected attention, mlp, a layer like L3 or a head like L3.H5, counted from 0");
  }

  // Whether the text begins with the mark and a number, which are then cut off.
  static bool take_number(std::string_view& text, std::string_view mark, std::size_t& number) {
    if (text.substr(0, mark.size()) != mark) return false;
    const char* const end = text.data() + text.size();
    const auto [behind, problem] = std::from_chars(text.data() + mark.size(), end, number);
    if (problem != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(behind - text.data()));
    return true;
  }

  bool attention_ = false;
  bool mlp_ = false;
  std::set<std::size_t> layers_;
  std::set<layer_head> heads_;
};

}  // namespace strata
