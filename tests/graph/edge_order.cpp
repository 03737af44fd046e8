#include "strata/graph/edge_order.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

using strata::edge_id;
using strata::edge_ids;
using strata::graph;

TEST_CASE("ids take 4 bytes as long as they fit, 8 above") {
  const edge_id limit = std::numeric_limits<std::uint32_t>::max();
  CHECK(edge_ids(limit).bytes_per_id() == 4);
  CHECK(edge_ids(limit + 1).bytes_per_id() == 8);
  for (const edge_id largest : {limit, limit + 5}) {
    edge_ids ids(largest);
    ids.push_back(3);
    ids.push_back(largest);
    ids.set(0, 2);
    CHECK(ids[0] == 2);
    CHECK(ids[1] == largest);
    edge_id sum = 0;
    for (const edge_id e : ids) sum += e;
    CHECK(sum == largest + 2);
  }
  edge_ids narrow(limit);
  CHECK_THROWS_AS(narrow.push_back(limit + 1), contract_violation);
}

TEST_CASE("narrow ids are read and written in one piece; wide ones are refused") {
  edge_ids ids(9);
  CHECK(ids.narrow());
  ids.resize_uninitialised(3);
  const std::span<std::uint32_t> all = ids.narrow_ids();
  REQUIRE(all.size() == 3);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint32_t>(7 + i);
  ids.push_back(1);
  ids.resize_uninitialised(4);
  const edge_ids& read = ids;
  CHECK(std::vector<edge_id>(read.narrow_ids().begin(), read.narrow_ids().end()) == std::vector<edge_id>{7, 8, 9, 1});
  edge_ids wide(edge_id{1} << 40);
  CHECK(!wide.narrow());
  CHECK_THROWS_AS(static_cast<void>(wide.narrow_ids()), contract_violation);
  CHECK_THROWS_AS(static_cast<void>(std::as_const(wide).narrow_ids()), contract_violation);
}

TEST_CASE("ranks are the inverse of an order; edges that it lacks come last") {
  const graph g(1, 2, 2, strata::block_kind::sequential);
  strata::edge_order order(g.edge_count());
  for (const edge_id e : {4U, 0U, 2U}) order.push_back(e);
  const edge_ids rank = strata::ranks(g, order);
  REQUIRE(rank.size() == g.edge_count());
  CHECK(rank[4] == 0);
  CHECK(rank[0] == 1);
  CHECK(rank[2] == 2);
  CHECK(rank[1] == 3);
  order.push_back(4);
  CHECK_THROWS_AS(static_cast<void>(strata::ranks(g, order)), contract_violation);
}

TEST_CASE("the number of edges at a size is the product in double precision, rounded down") {
  const graph g(3, 4, 9, strata::block_kind::sequential);
  REQUIRE(g.edge_count() == 453);
  CHECK(strata::edges_at_size(g, 1e-5) == 0);
  CHECK(strata::edges_at_size(g, 0.01) == 4);
  CHECK(strata::edges_at_size(g, 1) == 453);
  for (const double size : {0.0, -0.1, 1.0000001, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(static_cast<void>(strata::edges_at_size(g, size)), strata::option_error);
}
