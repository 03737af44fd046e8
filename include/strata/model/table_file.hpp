/// Files of tables of the library's own: safetensors with a kind, numbers of the model's shape, tables, and a probe.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/detail/finite.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/model_probe.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/model/tensor_view.hpp"

namespace strata::detail {

/// The tensors, in the order in which they are added; what they are made of must outlive the writer.
class table_writer {
 public:
  explicit table_writer(const char* kind) : header_{{"__metadata__", {{"kind", kind}}}} {
    static_assert(std::endian::native == std::endian::little);
  }

  template <class T>
  void add(const char* name, const char* type, std::vector<std::size_t> extents, std::span<const T> values) {
    const auto bytes = std::as_bytes(values);
    header_[name] = {{"dtype", type}, {"shape", std::move(extents)}, {"data_offsets", {end_, end_ + bytes.size()}}};
    end_ += bytes.size();
    pieces_.push_back(bytes);
  }
  void add(const model_probe& probe) {
    add("probe.logits", "F32", {probe.logits.size()}, std::span<const float>(probe.logits));
    add("probe.tokens", "I32", {probe.tokens.size()}, std::span<const token_id>(probe.tokens));
  }

  /// Hands the bytes of the file to take(std::span<const std::byte>), piece by piece.
  template <class Take>
  void write(Take& take) const {
    std::string text = header_.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the tables are aligned
    const auto length = static_cast<std::uint64_t>(text.size());
    take(std::as_bytes(std::span(&length, 1)));
    take(std::as_bytes(std::span(text.data(), text.size())));
    for (const std::span<const std::byte> piece : pieces_) take(piece);
  }

 private:
  nlohmann::ordered_json header_;
  std::vector<std::span<const std::byte>> pieces_;
  std::size_t end_ = 0;
};

/// Throws:   strata::data_error for a file of another kind.
inline void require_kind(const safetensors_file& file, const char* kind, const char* what) {
  const auto found = file.metadata().find("kind");
  if (found == file.metadata().end() || found->second != kind) raise<data_error>(file.file(), ": is no file of ", what);
}

/// The tensor "shape", so many numbers of 0 to 2²⁴.
[[nodiscard]] inline std::vector<std::int32_t> shape_numbers(const safetensors_file& file, std::size_t count) {
  std::vector<std::int32_t> numbers(count);
  expand<std::int32_t>(file.tensor("shape", {count}), numbers);
  for (const std::int32_t number : numbers)
    if (number < 0 || number > (1 << 24)) raise<data_error>(file.file(), ": tensor \"shape\" holds ", number);
  return numbers;
}

/// Throws:   strata::data_error for logits that are not finite, tokens outside the vocabulary, none or more than
///           `longest` of them.
[[nodiscard]] inline model_probe probe_in(const safetensors_file& file, std::size_t vocabulary, std::size_t longest) {
  model_probe probe;
  const tensor_view& logits = file.tensor("probe.logits", {vocabulary});
  probe.logits.resize(vocabulary);
  expand<float>(logits, probe.logits);
  if (!all_finite<float>(probe.logits)) raise<data_error>(file.file(), ": tensor \"probe.logits\" is not finite");
  const tensor_view& tokens = file.tensor("probe.tokens");
  if (tokens.shape.size() != 1 || tokens.shape[0] == 0 || tokens.shape[0] > longest)
    raise<data_error>(tokens.where, ", expected 1 to ", longest, " tokens");
  probe.tokens.resize(tokens.elements());
  expand<std::int32_t>(tokens, probe.tokens);
  for (const token_id token : probe.tokens)
    if (token < 0 || static_cast<std::size_t>(token) >= vocabulary)
      raise<data_error>(tokens.where, " holds ", token, ", outside the vocabulary of ", vocabulary);
  return probe;
}

}  // namespace strata::detail
