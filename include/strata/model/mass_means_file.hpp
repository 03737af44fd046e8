/// Mean outputs of heads (forward/mass_means.hpp) as a file: safetensors with the table, the model's shape, and a probe, as
/// means_file.hpp has it. A small file: it is read, not mapped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/detail/finite.hpp"
#include "strata/forward/mass_means.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/model_probe.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/model/table_file.hpp"
#include "strata/model/tensor_view.hpp"

namespace strata {

struct stored_mass_means {
  mass_means<float> means;  // the same for all targets
  model_probe probe;
  std::size_t prompts = 0;  // that the means are over

  /// Throws:   as model_probe::require_model().
  template <forward_pass Model>
  void require_model(Model& model, const std::string& file) const {
    probe.require_model(model, means.shape(), file, "mean outputs of heads");
  }
};

namespace detail {

inline constexpr std::size_t mass_shape_numbers = 8;
inline constexpr const char* mass_means_kind = "strata mean outputs of heads";

}  // namespace detail

/// Hands the bytes of the file to write(std::span<const std::byte>), piece by piece.
/// Throws:   strata::option_error for causal means, which are of one prompt.
template <class Write>
void write_mass_means(const stored_mass_means& stored, Write write) {
  if (stored.means.targets() != 1) raise<option_error>("causal mean outputs of heads are of one prompt: no file");
  const model_shape& s = stored.means.shape();
  const auto n = [](std::size_t value) { return static_cast<std::int64_t>(value); };
  const std::array<std::int64_t, detail::mass_shape_numbers> shape{n(s.layers),
                                                                   n(s.heads),
                                                                   n(s.width),
                                                                   n(s.vocabulary),
                                                                   n(s.context),
                                                                   s.block == block_kind::parallel ? 1 : 0,
                                                                   n(stored.means.head_width()),
                                                                   n(stored.prompts)};
  const matrix<float>& values = stored.means.values();
  detail::table_writer file(detail::mass_means_kind);
  file.add("shape", "I64", {shape.size()}, std::span<const std::int64_t>(shape));
  file.add("mass", "F32", {values.rows(), values.cols()}, values.values());
  file.add(stored.probe);
  file.write(write);
}

/// Throws:   strata::data_error for a file that holds no mean outputs of heads.
[[nodiscard]] inline stored_mass_means mass_means_in(const safetensors_file& file) {
  detail::require_kind(file, detail::mass_means_kind,
                       "mean outputs of heads, such as strata reference --mass-mean writes");
  const std::vector<std::int32_t> numbers = detail::shape_numbers(file, detail::mass_shape_numbers);
  const auto n = [&](std::size_t i) { return static_cast<std::size_t>(numbers[i]); };
  const model_shape shape{n(0), n(1), n(2), n(3), n(4), n(5) != 0 ? block_kind::parallel : block_kind::sequential};
  const std::size_t head_width = n(6);
  if (shape.layers == 0 || shape.heads == 0 || shape.width == 0 || shape.vocabulary == 0 || head_width == 0)
    raise<data_error>(file.file(), ": tensor \"shape\" is of no model");
  const tensor_view& table = file.tensor("mass", {shape.layers, shape.heads * head_width});
  matrix<float> means(shape.layers, shape.heads * head_width);
  expand<float>(table, means.values());
  if (!detail::all_finite<float>(means.values())) raise<data_error>(table.where, " is not finite");
  const std::size_t longest = shape.context == 0 ? std::size_t{1} << 24 : shape.context;
  model_probe probe = detail::probe_in(file, shape.vocabulary, longest);
  return {mass_means<float>(shape, std::move(means)), std::move(probe), n(7)};
}

/// Throws:   strata::data_error for a file that is missing, malformed or holds no mean outputs of heads.
[[nodiscard]] inline stored_mass_means read_mass_means(const std::filesystem::path& path) {
  return mass_means_in(safetensors_file(path));
}

}  // namespace strata
