#include "strata/report/mask_file.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "strata/graph/edge_strata.hpp"
#include "support/contract.hpp"
#include "support/temporary_folder.hpp"

namespace mask_file_test {

using strata::block_kind;
using strata::edge_id;
using strata::edge_mask;
using strata::edge_order;
using strata::graph;
using json = nlohmann::json;

namespace {

edge_order order_of(const graph& edges, const std::vector<edge_id>& ids) {
  edge_order order(edges.edge_count());
  for (const edge_id e : ids) order.push_back(e);
  return order;
}

// As it is read from its text: one mask.
edge_mask again(const edge_mask& mask) {
  const auto read = strata::masks_of_text(strata::mask_text(mask), "mask.json", mask.edges_of());
  REQUIRE(read.sizes == std::vector<std::size_t>{read.order.size()});
  return edge_mask::prefix(mask.edges_of(), read.order, read.order.size());
}

const graph small(2, 2, 2, block_kind::sequential);  // 19 edges

json one() { return json::parse(strata::mask_text(edge_mask::prefix(small, order_of(small, {0, 9, 18}), 3))); }
json several() {
  return json::parse(strata::masks_text(small, order_of(small, {18, 0, 9}), std::vector<std::size_t>{1, 3}));
}

std::string refusal_of(const std::string& text, const graph& edges = small) {
  try {
    static_cast<void>(strata::masks_of_text(text, "m.json", edges));
  } catch (const strata::data_error& e) {
    return e.what();
  }
  return "was not refused";
}

std::string refusal_of(json file, const std::function<void(json&)>& change) {
  change(file);
  return refusal_of(file.dump());
}

}  // namespace

TEST_CASE("a mask comes back: empty, full, every single edge, every second one, of graphs of many lengths") {
  std::size_t whole_bytes = 0, whole_words = 0, others = 0;
  for (const auto block : {block_kind::sequential, block_kind::parallel})
    for (std::size_t layers = 1; layers <= 4; ++layers)
      for (std::size_t heads = 1; heads <= 3; ++heads)
        for (std::size_t tokens = 1; tokens <= 4; ++tokens) {
          const graph edges(layers, heads, tokens, block);
          ++(edges.edge_count() % 64 == 0 ? whole_words : edges.edge_count() % 8 == 0 ? whole_bytes : others);
          CHECK(again(edge_mask::none(edges)) == edge_mask::none(edges));
          CHECK(again(edge_mask::all(edges)) == edge_mask::all(edges));
          edge_mask alternate(edges);
          for (edge_id e = 0; e < edges.edge_count(); ++e) {
            edge_mask single(edges);
            single.insert(e);
            CHECK(again(single) == single);
            if (e % 2 == 1) alternate.insert(e);
          }
          CHECK(again(alternate) == alternate);
        }
  CHECK(whole_bytes > 0);
  CHECK(others > 0);
  CHECK(whole_words > 0);
}

TEST_CASE("nested masks come back with their order and sizes") {
  const graph edges(3, 2, 5, block_kind::parallel);
  std::vector<edge_id> ids;
  for (edge_id e = 0; e < edges.edge_count(); ++e) ids.push_back(e * 37 % edges.edge_count());
  REQUIRE(edges.edge_count() % 37 != 0);
  const edge_order order = order_of(edges, ids);
  for (const std::vector<std::size_t>& sizes :
       {std::vector<std::size_t>{0}, {1}, {0, 0, 5, 5, 64}, {ids.size()}, {3, ids.size() - 1, ids.size()}}) {
    const auto read = strata::masks_of_text(strata::masks_text(edges, order, sizes), "masks.json", edges);
    CHECK(read.sizes == sizes);
    REQUIRE(read.order.size() == sizes.back());
    for (std::size_t i = 0; i < read.order.size(); ++i) REQUIRE(read.order[i] == order[i]);
    const strata::edge_strata made(edges, read.order, read.sizes);
    for (std::size_t m = 0; m < sizes.size(); ++m) CHECK(made.mask(m) == edge_mask::prefix(edges, order, sizes[m]));
  }
}

TEST_CASE("the two forms, as docs/files.md shows them") {
  CHECK(strata::mask_text(edge_mask::prefix(small, order_of(small, {0, 9, 18}), 3)) ==
        R"({"schema":1,"kind":"strata mask","shape":{"layers":2,"heads":2,"tokens":2,"block":"sequential"},)"
        R"("edges_total":19,"edges":3,"bits":"AQIE"})"
        "\n");
  CHECK(strata::masks_text(small, order_of(small, {18, 0, 9}), std::vector<std::size_t>{1, 3}) ==
        R"({"schema":1,"kind":"strata nested masks","shape":{"layers":2,"heads":2,"tokens":2,"block":"sequential"},)"
        R"("edges_total":19,"sizes":[1,3],"order":"EgAAAAAAAAAJAAAA"})"
        "\n");
}

TEST_CASE("edges take 8 bytes above 2³² of them") {
  const graph large(1, 1, std::size_t{1} << 17, block_kind::sequential);
  const graph larger(2, 1, std::size_t{1} << 17, block_kind::sequential);
  CHECK(strata::detail::order_bytes(large) == 4);
  REQUIRE(larger.edge_count() > edge_id{1} << 32);
  const edge_id last = larger.edge_count() - 1;
  const std::string text = strata::masks_text(larger, order_of(larger, {last, 5}), std::vector<std::size_t>{1, 2});
  const auto read = strata::masks_of_text(text, "masks.json", larger);
  REQUIRE(read.order.size() == 2);
  CHECK(read.order[0] == last);
  CHECK(read.order[1] == 5);
}

TEST_CASE("keys that are not known, and another order of keys, change nothing") {
  json file = one();  // nlohmann::json sorts its keys
  file["made_by"] = {{"any", {1, 2, json::array()}}};
  file["shape"]["width"] = 64;
  CHECK(strata::masks_of_text(file.dump(3), "m.json", small).order.size() == 3);
}

TEST_CASE("masks of another model or another length of prompt have their own sentences") {
  const std::string text = one().dump();
  CHECK(refusal_of(text, graph(2, 2, 14, block_kind::sequential)) ==
        "m.json: the mask is of a graph with 2 tokens, the prompt has 14");
  CHECK(
      refusal_of(text, graph(3, 2, 2, block_kind::sequential)) ==
      "m.json: the mask is of a model with 2 layers of 2 heads in sequential blocks, this one has 3 layers of 2 heads "
      "in sequential blocks");
  CHECK(refusal_of(text, graph(2, 4, 9, block_kind::sequential)).find("this one has 2 layers of 4 heads") !=
        std::string::npos);
  CHECK(refusal_of(text, graph(2, 2, 2, block_kind::parallel)).find("this one has 2 layers of 2 heads in parallel") !=
        std::string::npos);
}

TEST_CASE("every malformed file is refused with a sentence that says what is wrong") {
  struct mistake {
    json file;
    std::function<void(json&)> make;
    const char* sentence;
  };
  const mistake mistakes[] = {
      {one(), [](json& f) { f = json::array({f}); }, "m.json: expected an object, found JSON of type array"},
      {one(), [](json& f) { f.erase("kind"); }, "m.json: the key \"kind\" is missing, expected a text"},
      {one(), [](json& f) { f["kind"] = 1; }, "m.json: \"kind\" is JSON of type number, expected a text"},
      {one(), [](json& f) { f["kind"] = "strata"; },
       "m.json: \"kind\" is neither \"strata mask\" nor \"strata nested masks\": it is no file of masks"},
      {one(), [](json& f) { f["schema"] = 2; }, "m.json: \"schema\" is 2, expected 1"},
      {one(), [](json& f) { f["schema"] = 1.0; },
       "m.json: \"schema\" is JSON of type number, expected a whole number of 0 or more"},
      {one(), [](json& f) { f["shape"] = 3; }, "m.json: \"shape\" is JSON of type number, expected an object"},
      {one(), [](json& f) { f["shape"].erase("heads"); },
       "m.json: the key \"heads\" is missing, expected a whole number of 0 or more"},
      {one(), [](json& f) { f["shape"]["layers"] = -2; },
       "m.json: \"layers\" is JSON of type number, expected a whole number of 0 or more"},
      {one(), [](json& f) { f["shape"]["tokens"] = "2"; },
       "m.json: \"tokens\" is JSON of type string, expected a whole number of 0 or more"},
      {one(), [](json& f) { f["shape"]["tokens"] = 18446744073709551615U; },
       "m.json: the mask is of a graph with 18446744073709551615 tokens, the prompt has 2"},
      {one(), [](json& f) { f["shape"]["block"] = "round"; },
       "m.json: \"block\" is neither \"sequential\" nor \"parallel\""},
      {one(), [](json& f) { f["edges_total"] = 20; },
       "m.json: \"edges_total\" is 20, a graph of this shape has 19 edges"},
      {one(), [](json& f) { f["edges"] = 4; }, "m.json: \"edges\" is 4, \"bits\" holds 3 edges"},
      {one(), [](json& f) { f["edges"] = true; },
       "m.json: \"edges\" is JSON of type boolean, expected a whole number of 0 or more"},
      {one(), [](json& f) { f["bits"] = nullptr; }, "m.json: \"bits\" is JSON of type null, expected a text"},
      {one(), [](json& f) { f["bits"] = "AQI*"; }, "m.json: \"bits\" is not base64"},
      {one(), [](json& f) { f["bits"] = "AQ=="; },
       "m.json: \"bits\" holds 1 bytes, expected 3, a bit for each of 19 edges"},
      {one(), [](json& f) { f["bits"] = "AQIEAA=="; },
       "m.json: \"bits\" holds 4 bytes, expected 3, a bit for each of 19 edges"},
      {one(), [](json& f) { f["bits"] = "AQII"; }, "m.json: \"bits\" has bit 19 set, the graph has 19 edges"},
      {several(), [](json& f) { f.erase("order"); }, "m.json: the key \"order\" is missing, expected a text"},
      {several(), [](json& f) { f["order"] = "FQAAAA"; }, "m.json: \"order\" is not base64"},
      {several(), [](json& f) { f["order"] = "FQAAAAAA"; },
       "m.json: \"order\" holds 6 bytes, expected 4 for each of at most 19 edges"},
      {several(), [](json& f) { f["order"] = strata::detail::base64_of(std::vector<std::uint8_t>(92)); },
       "m.json: \"order\" holds 92 bytes, expected 4 for each of at most 19 edges"},
      {several(), [](json& f) { f["order"] = "EwAAAAAAAAAJAAAA"; },
       "m.json: \"order\" holds edge 19, the graph has 19 edges"},
      {several(), [](json& f) { f["order"] = "FQAA/wAAAAAJAAAA"; },
       "m.json: \"order\" holds edge 4278190101, the graph has 19 edges"},
      {several(), [](json& f) { f["order"] = "CQAAAAAAAAAJAAAA"; }, "m.json: \"order\" holds edge 9 twice"},
      {several(), [](json& f) { f["sizes"] = "1"; },
       "m.json: \"sizes\" is JSON of type string, expected an array of numbers of edges"},
      {several(), [](json& f) { f["sizes"] = json::array(); }, "m.json: \"sizes\" has 0 elements, expected 1 to 1000"},
      {several(), [](json& f) { f["sizes"] = std::vector<int>(1001, 3); },
       "m.json: \"sizes\" has 1001 elements, expected 1 to 1000"},
      {several(),
       [](json& f) {
         f["sizes"] = {2, 1};
       },
       "m.json: \"sizes\" has an element number 1 that is no whole number from 2, the one before, to 3, the edges in "
       "\"order\""},
      {several(),
       [](json& f) {
         f["sizes"] = {1, 4};
       },
       "m.json: \"sizes\" has an element number 1 that is no whole number from 1, the one before, to 3, the edges in "
       "\"order\""},
      {several(),
       [](json& f) {
         f["sizes"] = {-1, 3};
       },
       "m.json: \"sizes\" has an element number 0 that is no whole number from 0, the one before, to 3, the edges in "
       "\"order\""},
      {several(),
       [](json& f) {
         f["sizes"] = {0.5, 3};
       },
       "m.json: \"sizes\" has an element number 0 that is no whole number from 0, the one before, to 3, the edges in "
       "\"order\""},
      {several(),
       [](json& f) {
         f["sizes"] = {1, 2};
       },
       "m.json: \"sizes\" ends with 2, \"order\" holds 3 edges"},
  };
  for (const mistake& m : mistakes) CHECK(refusal_of(m.file, m.make) == m.sentence);
}

TEST_CASE("what is no JSON is refused with the place") {
  const std::string text = one().dump();
  CHECK(refusal_of("") == "m.json: malformed JSON or UTF-8 at byte 1 of 0");
  CHECK(refusal_of(text + "}").find("malformed JSON") != std::string::npos);
  CHECK(refusal_of(text + std::string(1, '\0')).find("malformed JSON") != std::string::npos);
  CHECK(refusal_of("{\"kind\":\"\xff\"}").find("malformed JSON or UTF-8 at byte 10") != std::string::npos);
  CHECK(refusal_of("{\"schema\":1e999}") == "m.json: a number is outside the range of a double");
  const std::size_t deep = 1'000'000;  // no recursion
  CHECK(refusal_of(std::string(deep, '[')).find("malformed JSON") != std::string::npos);
  CHECK(refusal_of(std::string(deep, '[') + std::string(deep, ']')) ==
        "m.json: expected an object, found JSON of type array");
}

TEST_CASE("files are read, refused where they cannot be, and where no mask is so large") {
  const temporary_folder folder;
  const auto path = folder.add("mask.json", one().dump());
  CHECK(strata::read_masks(path, small).order.size() == 3);
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::read_masks(folder.path() / "none", small)),
                       (folder.path() / "none").string().append(": no such file").c_str(), strata::data_error);
  CHECK_THROWS_AS(static_cast<void>(strata::read_masks(folder.path(), small)), strata::data_error);
  CHECK_THROWS_AS(static_cast<void>(strata::read_masks(folder.add("empty", ""), small)), strata::data_error);
  const auto large = folder.add("large", one().dump() + std::string(std::size_t{2} << 20, ' '));
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::read_masks(large, small)),
                       (large.string() + ": has " + std::to_string(std::filesystem::file_size(large)) +
                        " bytes, masks of this graph take at most 1048690")
                           .c_str(),
                       strata::data_error);
}

TEST_CASE("the largest files are below the bound") {
  const graph edges(2, 4, 100, block_kind::sequential);
  edge_order order(edges.edge_count());
  for (edge_id e = 0; e < edges.edge_count(); ++e) order.push_back(e);
  const temporary_folder folder;
  const auto path =
      folder.add("masks.json", strata::masks_text(edges, order, std::vector<std::size_t>(1000, order.size())));
  CHECK(strata::read_masks(path, edges).sizes.size() == 1000);
}

TEST_CASE("wrong sizes are wrong calls") {
  const edge_order order = order_of(small, {1, 2});
  const auto text = [&](const std::vector<std::size_t>& sizes) {
    static_cast<void>(strata::masks_text(small, order, sizes));
  };
  CHECK_THROWS_AS(text({}), contract_violation);
  CHECK_THROWS_AS(text({3}), contract_violation);
  CHECK_THROWS_AS(text({2, 1}), contract_violation);
  CHECK_THROWS_AS(text(std::vector<std::size_t>(1001, 1)), contract_violation);
}

}  // namespace mask_file_test
