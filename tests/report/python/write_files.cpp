// write_files FOLDER: writes the edges of a made-up trace in every form, for read_files.py.
// write_files FOLDER MASK: prints the edges of a mask file of the same graph.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/report/edge_npz.hpp"
#include "strata/report/edge_table.hpp"
#include "strata/report/graph_text.hpp"
#include "strata/report/mask_file.hpp"
#include "strata/report/output_file.hpp"

int main(int argc, char** argv) {
  const strata::graph graph(3, 2, 7, strata::block_kind::sequential);
  if (argc == 3) {
    for (const strata::edge_id e : strata::read_masks(argv[2], graph).order)
      std::printf("%llu\n", static_cast<unsigned long long>(e));
    return 0;
  }
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];

  std::vector<strata::edge_id> ids(static_cast<std::size_t>(graph.edge_count()));
  std::iota(ids.begin(), ids.end(), strata::edge_id{0});
  std::shuffle(ids.begin(), ids.end(), std::mt19937(3));
  strata::edge_order order(graph.edge_count());
  for (const strata::edge_id e : ids) order.push_back(e);
  std::vector<float> scores;
  for (std::size_t i = 0; i < ids.size(); ++i) scores.push_back(1 / static_cast<float>(i + 3));
  const std::size_t kept = 2 * ids.size() / 3;
  const strata::edge_table<float> table(graph, order, kept, scores);

  const auto write = [&](const char* name, auto content) {
    strata::output_file file(folder / name);
    content([&](std::string_view part) { file.write(part); });
    file.commit();
  };
  const auto write_text = [&](const char* name, const std::string& text) {
    strata::output_file(folder / name).commit(text);
  };
  write("edges.csv", [&](auto sink) { strata::write_csv(table, sink); });
  write("edges.npz", [&](auto sink) { strata::write_npz(table, sink); });
  const std::vector<std::string> tokens{"\"a\\N<b>", "&amp;", "\n\t", "é日", "\xe6\x97", "]]>", " end "};
  const auto text_of = [&](std::size_t i) { return tokens[i]; };
  write_text("trace.dot", strata::dot_text(table, text_of));
  write_text("trace.graphml", strata::graphml_text(table, text_of));
  write_text("mask.json", strata::mask_text(strata::edge_mask::prefix(graph, order, kept)));
  write_text("masks.json", strata::masks_text(graph, order, std::vector<std::size_t>{0, 5, kept}));
}
