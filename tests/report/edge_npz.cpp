#include "strata/report/edge_npz.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/read_zip.hpp"

using strata::edge_id;
using strata::edge_order;
using strata::edge_table;
using strata::graph;

namespace {

template <class T>
std::map<std::string, std::string> files_of(const edge_table<T>& table) {
  std::string bytes;
  strata::write_npz(table, [&](std::string_view part) { bytes += part; });
  return read_zip::files(bytes);
}

// The numbers of an array, as they stand in the file, after a header of exactly this type and length.
std::vector<std::uint64_t> numbers(const std::string& npy, const std::string& type, std::size_t count) {
  const std::size_t width = static_cast<std::size_t>(type.back() - '0');
  read_zip::cursor file(npy);
  CHECK(file.text(8) == std::string_view("\x93NUMPY\1\0", 8));
  const std::size_t length = file.number(2);
  CHECK((10 + length) % 64 == 0);
  std::string header(file.text(length));
  CHECK(header.back() == '\n');
  header.pop_back();
  header.erase(header.find_last_not_of(' ') + 1);
  CHECK(header == "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + std::to_string(count) + ",), }");
  std::vector<std::uint64_t> values(count);
  for (auto& value : values) value = file.number(width);
  CHECK(file.at() == npy.size());
  return values;
}

template <class T, class Bits>
void same_as_table(const edge_table<T>& table, const std::string& score_type) {
  const auto files = files_of(table);
  CHECK(files.size() == (table.has_scores() ? 9 : 8));
  CHECK(files.count("score.npy") == (table.has_scores() ? 1 : 0));
  const auto column = [&](const char* name, const char* type) {
    return numbers(files.at(std::string(name) + ".npy"), type, table.size());
  };
  const auto ids = column("edge", "<i8"), kinds = column("kind", "|u1"), layers = column("layer", "<i4"),
             heads = column("head", "<i4"), levels = column("level", "<i4"), sources = column("source", "<i4"),
             targets = column("target", "<i4");
  std::vector<std::uint64_t> scores;
  if (table.has_scores()) scores = numbers(files.at("score.npy"), score_type, table.size());
  bool same = true;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const strata::edge e = table.at(i);
    const bool attention = e.kind == strata::edge_kind::attention;
    same = same && ids[i] == table.id(i) && kinds[i] == static_cast<std::uint64_t>(e.kind) &&
           layers[i] == table.edges_of().layer_of(e.level) && heads[i] == (attention ? e.head : 0xFFFFFFFF) &&
           levels[i] == e.level && sources[i] == e.source && targets[i] == e.target;
    if (table.has_scores()) same = same && scores[i] == std::bit_cast<Bits>(table.score(i));
  }
  CHECK(same);
}

edge_order shuffled(const graph& edges) {
  std::vector<edge_id> ids(static_cast<std::size_t>(edges.edge_count()));
  std::iota(ids.begin(), ids.end(), edge_id{0});
  std::shuffle(ids.begin(), ids.end(), std::mt19937(7));
  edge_order order(edges.edge_count());
  for (const edge_id e : ids) order.push_back(e);
  return order;
}

}  // namespace

TEST_CASE("every column holds what the table says, also over several parts and of no rows") {
  for (const auto block : {strata::block_kind::sequential, strata::block_kind::parallel}) {
    const graph edges(3, 4, 70, block);
    const edge_order order = shuffled(edges);
    REQUIRE(order.size() > 2 * 8192);
    std::vector<float> scores(order.size());
    std::vector<double> precise(order.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      scores[i] = 1 / static_cast<float>(i + 1);
      precise[i] = 1 / static_cast<double>(i + 1);
    }
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{8192}, order.size()}) {
      CAPTURE(count);
      same_as_table<float, std::uint32_t>(edge_table<float>(edges, order, count, scores), "<f4");
      same_as_table<double, std::uint64_t>(edge_table<double>(edges, order, count, precise), "<f8");
      same_as_table<float, std::uint32_t>(edge_table<float>(edges, order, count), "");
    }
  }
}

TEST_CASE("the names of the kinds, four bytes a character") {
  const graph edges(1, 1, 1, strata::block_kind::parallel);
  const edge_order order = shuffled(edges);
  const std::string npy = files_of(edge_table<float>(edges, order, 1)).at("kind_names.npy");
  std::string expected;
  for (const std::string name : {"residual", "attention", "mlp_residual", "mlp"})
    for (std::size_t i = 0; i < 12; ++i) expected += {i < name.size() ? name[i] : '\0', '\0', '\0', '\0'};
  CHECK(npy.find("'<U12', 'fortran_order': False, 'shape': (4,), }") != std::string::npos);
  CHECK(npy.substr(npy.size() - 192) == expected);
}

TEST_CASE("columns that would not fit are refused with a sentence") {
  // an order of one edge, so that no memory is taken
  const graph long_prompt(1, 1, (std::size_t{1} << 31), strata::block_kind::parallel);
  edge_order order(long_prompt.edge_count());
  order.push_back(0);
  CHECK_THROWS_WITH_AS(
      strata::write_npz(edge_table<float>(long_prompt, order, 1), [](std::string_view) {}),
      "the NPZ file of a graph of 1 levels, 1 heads and 2147483648 tokens: its columns hold numbers below 2147483648",
      strata::option_error);
}

TEST_CASE("the largest table that is written has less than 4 GiB") {
  constexpr std::uint64_t columns = 8 + 1 + 5 * 4 + 8, files = 9, headers_and_names = 400;
  static_assert(strata::most_npz_edges * columns + files * headers_and_names <=
                strata::detail::zip_writer<void (*)(std::string_view)>::most_bytes);
}
