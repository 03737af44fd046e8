/// Masks of edges as files: one mask, or the nested masks of an order's first edges. docs/files.md says what every key
/// means and reads them from Python.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/file/mapped_file.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/graph.hpp"
#include "strata/report/base64.hpp"

namespace strata {

/// Number of the form of a mask file; it changes when a reader of the old form would misread the new one.
inline constexpr int mask_schema = 1;

/// Most masks of one file.
inline constexpr std::size_t most_masks = 1000;

/// The masks of an order's first sizes[0] ≤ sizes[1] ≤ … edges; a single mask is one of them. edge_mask::prefix makes
/// each, edge_strata all for a run.
struct nested_masks {
  edge_order order;  // as long as the largest size
  std::vector<std::size_t> sizes;
};

namespace detail {

inline constexpr const char* one_mask = "strata mask";
inline constexpr const char* several_masks = "strata nested masks";

[[nodiscard]] constexpr const char* name_of(block_kind block) {
  return block == block_kind::parallel ? "parallel" : "sequential";
}

/// Bytes of an edge in "order".
[[nodiscard]] constexpr std::size_t order_bytes(const graph& graph) {
  return graph.edge_count() <= (edge_id{1} << 32) ? 4 : 8;
}

[[nodiscard]] inline nlohmann::ordered_json mask_header(const graph& graph, const char* kind) {
  return {{"schema", mask_schema},
          {"kind", kind},
          {"shape",
           {{"layers", graph.layers()},
            {"heads", graph.heads()},
            {"tokens", graph.tokens()},
            {"block", name_of(graph.block())}}},
          {"edges_total", graph.edge_count()}};
}

/// A mask file's object, read key by key. Keys that are not known are not looked at.
class mask_reader {
 public:
  mask_reader(std::string_view text, std::string_view file, const graph& graph) : file_(file), graph_(graph) {
    // The parser takes a zero byte for the end of the text.
    const std::size_t zero = text.find('\0');
    try {
      if (zero != text.npos) refuse("malformed JSON or UTF-8 at byte ", zero + 1, " of ", text.size());
      root_ = nlohmann::json::parse(text.begin(), text.end());
    } catch (const nlohmann::json::parse_error& failure) {
      refuse("malformed JSON or UTF-8 at byte ", failure.byte, " of ", text.size());
    } catch (const nlohmann::json::exception&) {
      refuse("a number is outside the range of a double");
    }
    if (!root_.is_object()) refuse("expected an object, found JSON of type ", root_.type_name());
  }

  [[nodiscard]] nested_masks read() const {
    const std::string& kind = text(root_, "kind");
    const bool one = kind == one_mask;
    if (!one && kind != several_masks)
      refuse("\"kind\" is neither \"", one_mask, "\" nor \"", several_masks, "\": it is no file of masks");
    if (const std::uint64_t schema = number(root_, "schema"); schema != mask_schema)
      refuse("\"schema\" is ", schema, ", expected ", mask_schema);
    require_graph();
    return one ? from_bits() : from_order();
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... what) const {
    raise<data_error>(file_, ": ", what...);
  }

  [[nodiscard]] const nlohmann::json& value(const nlohmann::json& object, const char* key,
                                            bool right_type(const nlohmann::json&), const char* expected) const {
    const auto found = object.find(key);
    if (found == object.end()) refuse("the key \"", key, "\" is missing, expected ", expected);
    if (!right_type(*found)) refuse('"', key, "\" is JSON of type ", found->type_name(), ", expected ", expected);
    return *found;
  }
  [[nodiscard]] std::uint64_t number(const nlohmann::json& object, const char* key) const {
    return value(object, key, is_count, "a whole number of 0 or more").get<std::uint64_t>();
  }
  [[nodiscard]] const std::string& text(const nlohmann::json& object, const char* key) const {
    return value(
               object, key, [](const nlohmann::json& v) { return v.is_string(); }, "a text")
        .get_ref<const std::string&>();
  }
  [[nodiscard]] static bool is_count(const nlohmann::json& v) { return v.is_number_unsigned(); }

  void require_graph() const {
    const nlohmann::json& shape = value(
        root_, "shape", [](const nlohmann::json& v) { return v.is_object(); }, "an object");
    const std::uint64_t layers = number(shape, "layers"), heads = number(shape, "heads"),
                        tokens = number(shape, "tokens");
    const std::string& block = text(shape, "block");
    if (block != name_of(block_kind::sequential) && block != name_of(block_kind::parallel))
      refuse("\"block\" is neither \"sequential\" nor \"parallel\"");
    if (layers != graph_.layers() || heads != graph_.heads() || block != name_of(graph_.block()))
      refuse("the mask is of a model with ", layers, " layers of ", heads, " heads in ", block,
             " blocks, this one has ", graph_.layers(), " layers of ", graph_.heads(), " heads in ",
             name_of(graph_.block()), " blocks");
    if (tokens != graph_.tokens())
      refuse("the mask is of a graph with ", tokens, " tokens, the prompt has ", graph_.tokens());
    if (const std::uint64_t total = number(root_, "edges_total"); total != graph_.edge_count())
      refuse("\"edges_total\" is ", total, ", a graph of this shape has ", graph_.edge_count(), " edges");
  }

  [[nodiscard]] std::vector<std::uint8_t> bytes(const char* key) const {
    auto decoded = base64_bytes(text(root_, key));
    if (!decoded) refuse('"', key, "\" is not base64");
    return std::move(*decoded);
  }

  [[nodiscard]] nested_masks from_bits() const {
    const std::vector<std::uint8_t> set = bytes("bits");
    const edge_id edges = graph_.edge_count();
    if (set.size() != (edges + 7) / 8)
      refuse("\"bits\" holds ", set.size(), " bytes, expected ", (edges + 7) / 8, ", a bit for each of ", edges,
             " edges");
    nested_masks masks{edge_order(edges), {}};
    for (edge_id e = 0; e < 8 * set.size(); ++e) {
      if ((set[static_cast<std::size_t>(e / 8)] >> (e % 8) & 1) == 0) continue;
      if (e >= edges) refuse("\"bits\" has bit ", e, " set, the graph has ", edges, " edges");
      masks.order.push_back(e);
    }
    if (const std::uint64_t kept = number(root_, "edges"); kept != masks.order.size())
      refuse("\"edges\" is ", kept, ", \"bits\" holds ", masks.order.size(), " edges");
    masks.sizes.push_back(masks.order.size());
    return masks;
  }

  [[nodiscard]] nested_masks from_order() const {
    const std::vector<std::uint8_t> ids = bytes("order");
    const std::size_t width = order_bytes(graph_);
    const edge_id edges = graph_.edge_count();
    if (ids.size() % width != 0 || ids.size() / width > edges)
      refuse("\"order\" holds ", ids.size(), " bytes, expected ", width, " for each of at most ", edges, " edges");
    nested_masks masks{edge_order(edges), {}};
    edge_mask seen(graph_);
    for (std::size_t i = 0; i < ids.size(); i += width) {
      edge_id e = 0;
      for (std::size_t j = width; j-- > 0;) e = e << 8 | ids[i + j];
      if (e >= edges) refuse("\"order\" holds edge ", e, ", the graph has ", edges, " edges");
      if (seen.contains(e)) refuse("\"order\" holds edge ", e, " twice");
      seen.insert(e);
      masks.order.push_back(e);
    }
    const nlohmann::json& sizes = value(
        root_, "sizes", [](const nlohmann::json& v) { return v.is_array(); }, "an array of numbers of edges");
    if (sizes.empty() || sizes.size() > most_masks)
      refuse("\"sizes\" has ", sizes.size(), " elements, expected 1 to ", most_masks);
    for (const nlohmann::json& size : sizes) {
      const std::uint64_t before = masks.sizes.empty() ? 0 : masks.sizes.back();
      if (!is_count(size) || size.get<std::uint64_t>() < before || size.get<std::uint64_t>() > masks.order.size())
        refuse("\"sizes\" has an element number ", masks.sizes.size(), " that is no whole number from ", before,
               ", the one before, to ", masks.order.size(), ", the edges in \"order\"");
      masks.sizes.push_back(size.get<std::size_t>());
    }
    if (masks.sizes.back() != masks.order.size())
      refuse("\"sizes\" ends with ", masks.sizes.back(), ", \"order\" holds ", masks.order.size(), " edges");
    return masks;
  }

  std::string file_;
  graph graph_;
  nlohmann::json root_;
};

}  // namespace detail

/// The text of a file with one mask.
[[nodiscard]] inline std::string mask_text(const edge_mask& mask) {
  nlohmann::ordered_json out = detail::mask_header(mask.edges_of(), detail::one_mask);
  const edge_id edges = mask.edges_of().edge_count();
  std::vector<std::uint8_t> bits(static_cast<std::size_t>((edges + 7) / 8));
  for (edge_id e = 0; e < edges; ++e)
    if (mask.contains(e)) bits[static_cast<std::size_t>(e / 8)] |= static_cast<std::uint8_t>(1U << (e % 8));
  out["edges"] = mask.count();
  out["bits"] = detail::base64_of(bits);
  return out.dump() + "\n";
}

/// The text of a file with the masks of the first sizes[0], sizes[1], … edges of an order.
/// Requires: 1 to most_masks sizes, rising or equal, and an order that holds the largest.
[[nodiscard]] inline std::string masks_text(const graph& graph, const edge_order& order,
                                            std::span<const std::size_t> sizes) {
  STRATA_ASSERT(!sizes.empty() && sizes.size() <= most_masks, "masks_text: needs 1 to 1000 sizes");
  STRATA_ASSERT(std::is_sorted(sizes.begin(), sizes.end()) && sizes.back() <= order.size(),
                "masks_text: sizes must rise, and the order must hold the largest");
  nlohmann::ordered_json out = detail::mask_header(graph, detail::several_masks);
  const std::size_t width = detail::order_bytes(graph);
  std::vector<std::uint8_t> ids(sizes.back() * width);
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<std::uint8_t>(order[i / width] >> (8 * (i % width)) & 0xFF);
  out["sizes"] = sizes;
  out["order"] = detail::base64_of(ids);
  return out.dump() + "\n";
}

/// The masks in a text of either form. `file` is what messages call it.
/// Throws: strata::data_error if the text is malformed, or of another graph than the prompt's.
[[nodiscard]] inline nested_masks masks_of_text(std::string_view text, std::string_view file, const graph& graph) {
  return detail::mask_reader(text, file, graph).read();
}

/// The masks in a file of either form.
/// Throws: strata::data_error as masks_of_text, and if the file cannot be read or is larger than any masks of the graph.
[[nodiscard]] inline nested_masks read_masks(const std::filesystem::path& path, const graph& graph) {
  const mapped_file file(path);
  const std::uint64_t most = (std::uint64_t{1} << 20) + 3 * detail::order_bytes(graph) / 2 * graph.edge_count();
  if (file.bytes().size() > most)
    raise<data_error>(path.string(), ": has ", file.bytes().size(), " bytes, masks of this graph take at most ", most);
  return masks_of_text({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, path.string(), graph);
}

}  // namespace strata
