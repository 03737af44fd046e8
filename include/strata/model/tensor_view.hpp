/// A tensor as it lies in a weight file, and the expansion of its values.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/model/element_type.hpp"
#include "strata/model/quantised.hpp"

namespace strata {

/// "(64, 48)"
[[nodiscard]] inline std::string shape_text(std::span<const std::size_t> shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += concat(i == 0 ? "" : ", ", shape[i]);
  return text + ")";
}

/// Valid as long as the file that it comes from.
struct tensor_view {
  std::string name;
  std::string where;  // how messages call it: model.safetensors: tensor "name"
  element_type dtype = element_type::f32;
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;  // row by row, little-endian, at any alignment

  [[nodiscard]] std::size_t elements() const {
    std::size_t count = 1;
    for (const std::size_t extent : shape) count *= extent;
    return count;
  }
};

/// The tensor itself.
/// Throws:   strata::data_error if its shape is another than the expected one.
[[nodiscard]] inline const tensor_view& require_shape(const tensor_view& tensor, std::span<const std::size_t> shape) {
  if (!std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end()))
    raise<data_error>(tensor.where, " has shape ", shape_text(tensor.shape), ", expected ", shape_text(shape));
  return tensor;
}

namespace detail {

template <class Stored, class T, class Widen>
void expand_each(const std::byte* source, std::span<T> out, Widen widen) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, source + i * sizeof(Stored), sizeof stored);
    out[i] = static_cast<T>(widen(stored));  // NOLINT(bugprone-signed-char-misuse): a number, not a character
  }
}

template <class T>
void expand_reals(const tensor_view& tensor, const std::byte* source, std::span<T> out) {
  const auto same = [](auto value) { return value; };
  switch (tensor.dtype) {
    case element_type::f64:
      return expand_each<double>(source, out, same);
    case element_type::f32:
      return expand_each<float>(source, out, same);
    case element_type::f16:
      return expand_each<std::uint16_t>(source, out, widen_f16);
    case element_type::bf16:
      return expand_each<std::uint16_t>(source, out, widen_bf16);
    default:
      if (entry_of(tensor.dtype).block > 1) return dequantise(tensor.dtype, source, out);
      raise<data_error>(tensor.where, " has type ", entry_of(tensor.dtype).name,
                        ", expected F64, F32, F16, BF16 or a quantised type");
  }
}

inline void expand_integers(const tensor_view& tensor, const std::byte* source, std::span<std::int32_t> out) {
  const auto same = [](auto value) { return value; };
  const auto narrow = [&](std::int64_t value) {
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max())
      raise<data_error>(tensor.where, " holds ", value, ", expected 32-bit integers");
    return value;
  };
  switch (tensor.dtype) {
    case element_type::i64:
      return expand_each<std::int64_t>(source, out, narrow);
    case element_type::i32:
      return expand_each<std::int32_t>(source, out, same);
    case element_type::i16:
      return expand_each<std::int16_t>(source, out, same);
    case element_type::i8:
      return expand_each<std::int8_t>(source, out, same);
    case element_type::u8:
    case element_type::boolean:
      return expand_each<std::uint8_t>(source, out, same);
    default:
      raise<data_error>(tensor.where, " has type ", entry_of(tensor.dtype).name, ", expected an integer type");
  }
}

template <class T>
void expand_from(const tensor_view& tensor, std::size_t first, std::span<T> out) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, std::int32_t>);
  const element_type_entry& type = entry_of(tensor.dtype);
  if (first % type.block != 0 || out.size() % type.block != 0)
    raise<data_error>(tensor.where, ": its rows, expected whole blocks of ", type.block, " elements of type ",
                      type.name, ", found shape ", shape_text(tensor.shape));
  const std::byte* source = tensor.bytes.data() + first / type.block * (type.bits / 8);
  if constexpr (std::is_floating_point_v<T>) {
    expand_reals(tensor, source, out);
  } else {
    expand_integers(tensor, source, out);
  }
}

}  // namespace detail

/// The values of the tensor: F64, F32, F16, BF16 and quantised types to float or double, integers and booleans to
/// std::int32_t.
/// Requires: as many places as the tensor has elements.
/// threads:  at most so many; the values are the same for any number.
/// Throws:   strata::data_error if the tensor is not of such a type, or an integer does not fit.
/// Cost:     one pass, no allocation.
/// Accuracy: exact, but for F64 to float, which rounds to nearest; the values of quantised types are defined in float.
template <class T>
void expand(const tensor_view& tensor, std::span<T> out, std::size_t threads = 1) {
  STRATA_ASSERT(out.size() == tensor.elements(), "expand: as many places as the tensor has elements");
  constexpr std::size_t piece = std::size_t{1} << 18;  // whole blocks of every type
  const std::size_t pieces = std::max<std::size_t>(1, (out.size() + piece - 1) / piece);
  detail::parallel_for(threads, pieces, [&](std::size_t i) {
    detail::expand_from(tensor, i * piece, out.subspan(i * piece, std::min(piece, out.size() - i * piece)));
  });
}

/// The same for some consecutive rows (entries of the first dimension).
/// Shape:    out: (rows, row length), as many rows as fit exactly.
template <class T>
void expand_rows(const tensor_view& tensor, std::size_t first_row, std::span<T> out) {
  STRATA_ASSERT(!tensor.shape.empty() && first_row <= tensor.shape[0], "expand_rows: no such row");
  const std::size_t row_length = tensor.shape[0] == 0 ? 0 : tensor.elements() / tensor.shape[0];
  STRATA_ASSERT(row_length == 0 ? out.empty() : out.size() % row_length == 0, "expand_rows: whole rows only");
  STRATA_ASSERT(first_row * row_length + out.size() <= tensor.elements(), "expand_rows: beyond the last row");
  detail::expand_from(tensor, first_row * row_length, out);
}

}  // namespace strata
