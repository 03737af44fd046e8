/// Means of edges as a file: safetensors with the four tables of forward/edge_means.hpp one after the other, the model's
/// shape, and a probe: a few tokens and the logits that the model gave for them, by which a file of another model is
/// found out. The tables are read where they lie, in the mapped file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/forward/edge_means.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/element_type.hpp"
#include "strata/model/model_probe.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/model/table_file.hpp"
#include "strata/model/tensor_view.hpp"

namespace strata {

struct stored_means {
  edge_means<float> means;
  model_probe probe;
  std::size_t prompts = 0;  // that the means are over

  /// Throws:   as model_probe::require_model().
  template <forward_pass Model>
  void require_model(Model& model, const std::string& file) const {
    probe.require_model(model, means.shape(), file, "means of dropped edges");
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
  const auto shape = detail::means_shape(stored);
  detail::table_writer file("strata means of edges");
  const auto add_table = [&](const char* name, const matrix_view<const float>& table) {
    file.add(name, "F32", {table.rows, table.cols}, std::span<const float>(table.data, table.rows * table.cols));
  };
  file.add("shape", "I64", {shape.size()}, std::span<const std::int64_t>(shape));
  add_table("attention", stored.means.tables().attention);
  add_table("mixed", stored.means.tables().mixed);
  add_table("residual", stored.means.tables().residual);
  add_table("mlp", stored.means.tables().mlp);
  file.add(stored.probe);
  file.write(write);
}

/// The means in a file, which they keep.
/// Throws:   strata::data_error if it is no file of means.
[[nodiscard]] inline stored_means means_in(const std::shared_ptr<const safetensors_file>& file) {
  const std::string place = file->file();
  detail::require_kind(*file, "strata means of edges", "means of edges, such as strata reference writes");
  const std::vector<std::int32_t> numbers = detail::shape_numbers(*file, detail::means_shape_numbers);
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

  model_probe probe = detail::probe_in(*file, shape.vocabulary, tokens);
  return {edge_means<float>(shape, head_width, tokens, values, file, n(8) != 0), std::move(probe), n(9)};
}

/// Throws:   strata::data_error for a file that is missing, malformed or no file of means.
[[nodiscard]] inline stored_means read_means(const std::filesystem::path& path) {
  return means_in(std::make_shared<safetensors_file>(path));
}

}  // namespace strata
