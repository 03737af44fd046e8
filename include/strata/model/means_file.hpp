/// Means of edges as a file: safetensors with the four tables of forward/edge_means.hpp one after the other, the model's
/// shape, and a probe: a few tokens and the logits that the model gave for them, by which a file of another model is
/// found out. The tables are read where they lie, in the mapped file.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/detail/finite.hpp"
#include "strata/forward/edge_means.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/model/tensor_view.hpp"

namespace strata {

/// What a model makes of a few tokens.
struct model_probe {
  std::vector<token_id> tokens;
  std::vector<float> logits;  // of the last one: (vocabulary)
};

template <forward_pass Model>
[[nodiscard]] model_probe probe_of(Model& model, std::span<const token_id> tokens) {
  const auto logits = run(model, tokens);
  return {{tokens.begin(), tokens.end()}, {logits.begin(), logits.end()}};
}

struct stored_means {
  edge_means<float> means;
  model_probe probe;
  std::size_t prompts = 0;  // that the means are over

  /// Throws:   strata::option_error if the model is not the one that the means are of: another shape, or logits of the
  ///           probe that differ by more than a thousandth of the largest.
  template <forward_pass Model>
  void require_model(Model& model, const std::string& file) const {
    if (model.shape() != means.shape())
      raise<option_error>(file, ": means of dropped edges of a model of another shape");
    const auto logits = run(model, probe.tokens);
    double difference = 0, largest = 0;  // of finite logits: read_means has seen to it, and run()
    for (std::size_t i = 0; i < logits.size(); ++i) {
      difference =
          std::max(difference, std::abs(static_cast<double>(logits[i]) - static_cast<double>(probe.logits[i])));
      largest = std::max(largest, std::abs(static_cast<double>(probe.logits[i])));
    }
    if (!(difference <= 1e-3 * largest))
      raise<option_error>(file, ": means of dropped edges of another model: of its ", probe.tokens.size(),
                          " probe tokens this one makes logits that differ by ", difference);
  }
};

namespace detail {

inline constexpr std::size_t means_shape_numbers = 10;

[[nodiscard]] inline std::array<std::int64_t, means_shape_numbers> means_shape(const stored_means& stored) {
  const model_shape& s = stored.means.shape();
  const auto n = [](std::size_t value) { return static_cast<std::int64_t>(value); };
  return {n(s.layers),
          n(s.heads),
          n(s.width),
          n(s.vocabulary),
          n(s.context),
          s.block == block_kind::parallel ? 1 : 0,
          n(stored.means.head_width()),
          n(stored.means.tokens()),
          stored.means.every_position() ? 1 : 0,
          n(stored.prompts)};
}

}  // namespace detail

/// Hands the bytes of the file to write(std::span<const std::byte>), piece by piece.
template <class Write>
void write_means(const stored_means& stored, Write write) {
  static_assert(std::endian::native == std::endian::little);
  using json = nlohmann::ordered_json;
  const auto shape = detail::means_shape(stored);
  json header{{"__metadata__", {{"kind", "strata means of edges"}}}};
  std::vector<std::span<const std::byte>> pieces;
  std::size_t end = 0;
  const auto add = [&](const char* name, const char* type, std::vector<std::size_t> extents, auto values) {
    const auto bytes = std::as_bytes(values);
    header[name] = {{"dtype", type}, {"shape", std::move(extents)}, {"data_offsets", {end, end + bytes.size()}}};
    end += bytes.size();
    pieces.push_back(bytes);
  };
  const auto add_table = [&](const char* name, const matrix_view<const float>& table) {
    add(name, "F32", {table.rows, table.cols}, std::span<const float>(table.data, table.rows * table.cols));
  };
  add("shape", "I64", {shape.size()}, std::span<const std::int64_t>(shape));
  add_table("attention", stored.means.tables().attention);
  add_table("mixed", stored.means.tables().mixed);
  add_table("residual", stored.means.tables().residual);
  add_table("mlp", stored.means.tables().mlp);
  add("probe.logits", "F32", {stored.probe.logits.size()}, std::span<const float>(stored.probe.logits));
  add("probe.tokens", "I32", {stored.probe.tokens.size()}, std::span<const token_id>(stored.probe.tokens));
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the tables are aligned
  const auto length = static_cast<std::uint64_t>(text.size());
  write(std::as_bytes(std::span(&length, 1)));
  write(std::as_bytes(std::span(text.data(), text.size())));
  for (const std::span<const std::byte> piece : pieces) write(piece);
}

/// The means in a file, which they keep.
/// Throws:   strata::data_error if it is no file of means.
[[nodiscard]] inline stored_means means_in(const std::shared_ptr<const safetensors_file>& file) {
  const std::string place = file->file();
  if (const auto kind = file->metadata().find("kind");
      kind == file->metadata().end() || kind->second != "strata means of edges")
    raise<data_error>(place, ": is no file of means of edges, such as strata reference writes");
  std::vector<std::int32_t> numbers(detail::means_shape_numbers);
  expand<std::int32_t>(file->tensor("shape", {numbers.size()}), numbers);
  for (const std::int32_t number : numbers)
    if (number < 0 || number > (1 << 24)) raise<data_error>(place, ": tensor \"shape\" holds ", number);
  const auto n = [&](std::size_t i) { return static_cast<std::size_t>(numbers[i]); };
  const model_shape shape{n(0), n(1), n(2), n(3), n(4), n(5) != 0 ? block_kind::parallel : block_kind::sequential};
  const std::size_t head_width = n(6), tokens = n(7);
  if (shape.layers == 0 || shape.heads == 0 || shape.width == 0 || shape.vocabulary == 0 || head_width == 0 ||
      tokens == 0 || (shape.context != 0 && tokens > shape.context))
    raise<data_error>(place, ": tensor \"shape\" is of no model");
  const auto real = [](std::size_t number) { return static_cast<double>(number); };
  if (real(shape.layers) * real(tokens) * (real(shape.heads) * real(tokens) * real(head_width) + real(shape.width)) >
      1e15)
    raise<data_error>(place, ": tensor \"shape\" is of more means than a file holds");

  const std::byte* next = nullptr;
  const float* values = nullptr;
  const auto table = [&](const char* name, const matrix_view<const float>& expected) {
    const tensor_view& found = file->tensor(name, {expected.rows, expected.cols});
    if (found.dtype != element_type::f32) raise<data_error>(found.where, ", expected type F32");
    if ((next != nullptr && found.bytes.data() != next) ||
        reinterpret_cast<std::uintptr_t>(found.bytes.data()) % alignof(float) != 0)
      raise<data_error>(found.where, " does not lie, aligned, behind the table before it");
    if (next == nullptr) values = reinterpret_cast<const float*>(found.bytes.data());
    next = found.bytes.data() + found.bytes.size();
  };
  const edge_mean_tables<const float> tables(shape, head_width, tokens, nullptr);
  table("attention", tables.attention);
  table("mixed", tables.mixed);
  table("residual", tables.residual);
  table("mlp", tables.mlp);

  model_probe probe;
  probe.logits.resize(shape.vocabulary);
  expand<float>(file->tensor("probe.logits", {shape.vocabulary}), probe.logits);
  if (!detail::all_finite<float>(probe.logits)) raise<data_error>(place, ": tensor \"probe.logits\" is not finite");
  const tensor_view& probe_tokens = file->tensor("probe.tokens");
  if (probe_tokens.shape.size() != 1 || probe_tokens.shape[0] == 0 || probe_tokens.shape[0] > tokens)
    raise<data_error>(probe_tokens.where, ", expected 1 to ", tokens, " tokens");
  probe.tokens.resize(probe_tokens.elements());
  expand<std::int32_t>(probe_tokens, probe.tokens);
  for (const token_id token : probe.tokens)
    if (token < 0 || static_cast<std::size_t>(token) >= shape.vocabulary)
      raise<data_error>(probe_tokens.where, " holds ", token, ", outside the vocabulary of ", shape.vocabulary);
  return {edge_means<float>(shape, head_width, tokens, values, file, n(8) != 0), std::move(probe), n(9)};
}

/// Throws:   strata::data_error for a file that is missing, malformed or no file of means.
[[nodiscard]] inline stored_means read_means(const std::filesystem::path& path) {
  return means_in(std::make_shared<safetensors_file>(path));
}

}  // namespace strata
