#include "strata/report/edge_table.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/contract.hpp"

using strata::edge_id;
using strata::edge_order;
using strata::edge_table;
using strata::graph;

namespace {

template <class T>
std::string csv_of(const edge_table<T>& table) {
  std::string text;
  strata::write_csv(table, [&](std::string_view part) { text += part; });
  return text;
}

edge_order order_of(const graph& edges, const std::vector<edge_id>& ids) {
  edge_order order(edges.edge_count());
  for (const edge_id e : ids) order.push_back(e);
  return order;
}

}  // namespace

TEST_CASE("CSV of a sequential graph, in the order, all kinds") {
  // One layer, two heads, two tokens: only edges into token 1. By number: residual; attention of head 0 and 1 from
  // token 0, then from token 1; past the MLP; MLP.
  const graph edges(1, 2, 2, strata::block_kind::sequential);
  REQUIRE(edges.edge_count() == 7);
  const edge_order order = order_of(edges, {6, 5, 2, 3, 0, 1});
  const std::vector<float> scores{0.5F, 1e-10F, 0.1F, 3, 0, 1.0F / 3, 1e30F};
  CHECK(csv_of(edge_table<float>(edges, order, 5, scores)) ==
        "position,edge,kind,layer,head,level,source,target,score\n"
        "0,6,mlp,0,,2,1,1,1e+30\n"
        "1,5,mlp_residual,0,,2,1,1,0.33333334\n"
        "2,2,attention,0,1,1,0,1,0.1\n"
        "3,3,attention,0,0,1,1,1,3\n"
        "4,0,residual,0,,1,1,1,0.5\n");
}

TEST_CASE("CSV of a parallel graph; without scores there is no such column") {
  const graph edges(2, 1, 1, strata::block_kind::parallel);  // a layer: residual, attention, MLP
  REQUIRE(edges.edge_count() == 6);
  const edge_order order = order_of(edges, {5, 3, 4, 1});
  CHECK(csv_of(edge_table<double>(edges, order, 4)) ==
        "position,edge,kind,layer,head,level,source,target\n"
        "0,5,mlp,1,,2,0,0\n"
        "1,3,residual,1,,2,0,0\n"
        "2,4,attention,1,0,2,0,0\n"
        "3,1,attention,0,0,1,0,0\n");
  CHECK(csv_of(edge_table<double>(edges, order, 0)) == "position,edge,kind,layer,head,level,source,target\n");
}

TEST_CASE("scores have the digits that give them back") {
  const graph edges(2, 1, 1, strata::block_kind::parallel);
  const edge_order order = order_of(edges, {0, 1, 2, 3, 4, 5});
  const std::vector<double> scores{0.1, 1.0 / 3, 5e-324, std::numeric_limits<double>::max(), 0, 1};
  const std::string text = csv_of(edge_table<double>(edges, order, 6, scores));
  for (const char* score :
       {",0.1\n", ",0.3333333333333333\n", ",5e-324\n", ",1.7976931348623157e+308\n", ",0\n", ",1\n"})
    CHECK(text.find(score) != std::string::npos);
}

TEST_CASE("a long table comes in parts of bounded length, line after line") {
  const graph edges(3, 4, 60, strata::block_kind::sequential);
  const auto count = static_cast<std::size_t>(edges.edge_count());
  edge_order order(edges.edge_count());
  for (edge_id e = edges.edge_count(); e-- > 0;) order.push_back(e);
  std::string text;
  std::size_t parts = 0;
  strata::write_csv(edge_table<float>(edges, order, count), [&](std::string_view part) {
    CHECK(part.size() < 70'000);
    ++parts;
    text += part;
  });
  CHECK(parts > 5);
  std::size_t lines = 0;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  CHECK(lines == count + 1);
  CHECK(text.ends_with(strata::concat('\n', count - 1, ",0,residual,0,,1,0,0\n")));
}

TEST_CASE("wrong tables are wrong calls") {
  const graph edges(1, 1, 1, strata::block_kind::parallel);
  const edge_order order = order_of(edges, {1});
  const std::vector<float> few(2);
  CHECK_THROWS_AS(edge_table<float>(edges, order, 2), contract_violation);
  CHECK_THROWS_AS(edge_table<float>(edges, order, 1, few), contract_violation);
  const edge_table<float> table(edges, order, 1);
  CHECK_THROWS_AS(static_cast<void>(table.at(1)), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(table.score(0)), contract_violation);
}
