#include "strata/graph/components.hpp"
#include "strata/core/error.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/reference_graph.hpp"

using strata::components;
using strata::edge;
using strata::edge_kind;
using strata::graph;

namespace {

// Whether the edge belongs to the components that a text names, read off the text.
bool named(const std::vector<std::string>& names, const graph& g, const edge& e) {
  const std::string layer = strata::concat('L', g.layer_of(e.level));
  for (const std::string& name : names) {
    if (e.kind == edge_kind::attention &&
        (name == "attention" || name == layer || name == strata::concat(layer, ".H", e.head)))
      return true;
    if (e.kind == edge_kind::mlp && (name == "mlp" || name == layer)) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("the edges of components, one by one, node by node, and their number") {
  const std::vector<std::vector<std::string>> sets{{},
                                                   {"attention"},
                                                   {"mlp"},
                                                   {"attention", "mlp"},
                                                   {"L0"},
                                                   {"L1"},
                                                   {"L0.H0"},
                                                   {"L0.H1"},
                                                   {"L1.H0", "L3.H2"},
                                                   {"mlp", "L0.H0", "L2"},
                                                   {"L1", "L1.H1", "attention"}};
  reference::for_small_graphs([&](const graph& g, const std::vector<edge>& edges) {
    for (const auto& names : sets) {
      std::string text;
      for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
      const components set = components::parse(text);
      CHECK(set.empty() == names.empty());
      strata::edge_id count = 0;
      std::vector<strata::edge_id> expected;
      for (std::size_t e = 0; e < edges.size(); ++e) {
        CHECK(set.contains(g, edges[e]) == named(names, g, edges[e]));
        if (named(names, g, edges[e])) ++count, expected.push_back(e);
      }
      CHECK(set.count(g) == count);
      std::vector<strata::edge_id> found;
      for (std::size_t level = 0; level <= g.levels(); ++level)
        for (std::size_t token = 0; token < g.tokens(); ++token)
          set.for_each(g, {level, token}, [&](std::size_t index) {
            found.push_back(g.first_edge({level, token}) + index);
          });
      CHECK(found == expected);
    }
  });
}

TEST_CASE("text is read and written; written it is in order and without repetition") {
  const std::vector<std::pair<std::string, std::string>> texts{
      {"", ""},
      {"attention", "attention"},
      {"mlp,attention", "attention,mlp"},
      {"L3.H5", "L3.H5"},
      {"L10,L3.H12,L2,mlp,L3.H5,L2", "mlp,L2,L10,L3.H5,L3.H12"}};
  for (const auto& [text, written] : texts) {
    const components read = components::parse(text);
    CHECK(read.text() == written);
    CHECK(components::parse(read.text()) == read);
  }
  components made;
  made.insert_head(3, 5);
  made.insert_layer(2);
  made.insert_mlp();
  CHECK(made == components::parse("mlp,L2,L3.H5"));
  CHECK(made != components::parse("mlp,L2,L3.H6"));
}

TEST_CASE("text of another form is refused with what is expected") {
  for (const std::string wrong : {"attn",
                                  "Attention",
                                  "L",
                                  "Lx",
                                  "L-1",
                                  "L+1",
                                  "L3.",
                                  "L3.H",
                                  "L3.H-1",
                                  "L3.h5",
                                  "L3H5",
                                  "L3.H5x",
                                  "L3 ",
                                  " L3",
                                  "H5",
                                  ".H5",
                                  "3",
                                  "L3.H5.H6",
                                  "L99999999999999999999",
                                  "L1.H99999999999999999999",
                                  "l3",
                                  "mlp attention"}) {
    const std::string expected =
        "component \"" + wrong +
        "\" is not known, expected attention, mlp, a layer like L3 or a head like L3.H5, counted from 0";
    CHECK_THROWS_WITH_AS(static_cast<void>(components::parse(wrong)), expected.c_str(), strata::option_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(components::parse("mlp," + wrong + ",L0")), expected.c_str(),
                         strata::option_error);
  }
  for (const std::string with_empty_name : {",", "mlp,", ",mlp", "mlp,,L0"})
    CHECK_THROWS_AS(static_cast<void>(components::parse(with_empty_name)), strata::option_error);
}

TEST_CASE("layers and heads that a graph lacks are refused") {
  const graph g(30, 9, 4, strata::block_kind::sequential);
  for (const std::string right : {"", "attention,mlp", "L0", "L29", "L29.H8", "L0.H0"})
    CHECK_NOTHROW(components::parse(right).check(g));
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"L3,L30", "component L30: the model has 30 layers, expected one of L0 to L29"},
           {"L30.H2", "component L30.H2: the model has 30 layers, expected one of L0 to L29"},
           {"L29.H9", "component L29.H9: the model has 9 heads, expected one of H0 to H8"}})
    CHECK_THROWS_WITH_AS(components::parse(text).check(g), message.c_str(), strata::option_error);
}
