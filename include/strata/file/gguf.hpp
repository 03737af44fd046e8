/// Weight files in the GGUF format, versions 2 and 3: a head, settings by key, a table of tensors, then the tensors'
/// bytes. Everything but the values is checked when the file is opened; tensors and settings stay in the file's bytes.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/byte_reader.hpp"
#include "strata/file/gguf_types.hpp"
#include "strata/file/gguf_value.hpp"
#include "strata/file/mapped_file.hpp"

namespace strata {

inline constexpr std::string_view gguf_magic = "GGUF";

/// Valid as long as the file that it comes from.
struct gguf_tensor {
  std::string name;
  std::uint32_t type_code = 0;
  const gguf_type_entry* type = nullptr;  // nullptr: a code that gguf_types does not have
  std::vector<std::size_t> shape;         // row by row, so (out, in): the reverse of the order in the file
  std::span<const std::byte> bytes;       // empty for a type that is not known
};

/// Source:   the GGUF specification (ggml, docs/gguf.md). Unlike safetensors the format allows holes.
class gguf_file {
 public:
  /// Throws:   strata::data_error for a file that is missing, malformed, big-endian, of another version, or a part of
  ///           a split model.
  explicit gguf_file(const std::filesystem::path& path) : mapping_(path), file_(path.string()) {
    read(mapping_.bytes());
  }

  /// Reads from memory, which must outlive the object; `name` stands for the file in messages.
  gguf_file(std::span<const std::byte> bytes, std::string name) : file_(std::move(name)) { read(bytes); }

  /// How messages call the file.
  [[nodiscard]] const std::string& file() const { return file_; }

  /// Returns:  nullptr for a key that is not there.
  [[nodiscard]] const gguf_value* find(std::string_view key) const {
    const auto found = metadata_.find(key);
    return found == metadata_.end() ? nullptr : &found->second;
  }

  [[nodiscard]] const std::map<std::string, gguf_value, std::less<>>& metadata() const { return metadata_; }
  [[nodiscard]] const std::map<std::string, gguf_tensor, std::less<>>& tensors() const { return tensors_; }

 private:
  void read(std::span<const std::byte> bytes) {
    detail::byte_reader reader(bytes, file_);
    read_version(reader);
    const auto tensors = reader.number<std::uint64_t>("the number of tensors");
    const auto settings = reader.number<std::uint64_t>("the number of settings");
    reader.require(settings, 8 + 4 + 1, "settings");  // a key's length, a type, a value
    for (std::uint64_t i = 0; i < settings; ++i) read_setting(reader);
    refuse_part_of_a_model();
    reader.require(tensors, 8 + 4 + 8 + 4 + 8, "the table of tensors");  // name's length, dimensions, one extent, …
    std::vector<std::pair<gguf_tensor*, std::uint64_t>> offsets;
    for (std::uint64_t i = 0; i < tensors; ++i) offsets.push_back(read_tensor(reader));
    place_tensors(offsets, bytes, reader.position());
  }

  void read_version(detail::byte_reader& reader) const {
    const std::span<const std::byte> magic = reader.take(gguf_magic.size(), 1, "the format's mark");
    if (std::memcmp(magic.data(), gguf_magic.data(), gguf_magic.size()) != 0)
      raise<data_error>(file_, ": first bytes, expected \"GGUF\", found ",
                        detail::quoted_bytes({reinterpret_cast<const char*>(magic.data()), magic.size()}));
    const auto format = reader.number<std::uint32_t>("the version");
    if (format != 0 && format % 65536 == 0)
      raise<data_error>(file_, ": the file is big-endian, expected a little-endian one");
    if (format != 2 && format != 3) raise<data_error>(file_, ": version of GGUF, expected 2 or 3, found ", format);
  }

  void read_setting(detail::byte_reader& reader) {
    const std::string_view key = reader.text("the key of a setting");
    const std::string where = "setting " + detail::quoted_bytes(key);
    const auto type = reader.number<std::uint32_t>(where);
    if (!metadata_.emplace(key, gguf_value::read(reader, type, where)).second)
      raise<data_error>(file_, ": ", where, " occurs twice");
  }

  void refuse_part_of_a_model() const {
    const gguf_value* const count = find("split.count");
    if (count == nullptr) return;
    const auto parts = count->as_integer();
    if (!parts) raise<data_error>(file_, ": setting \"split.count\", expected an integer, found ", count->shown());
    if (*parts > 1)
      raise<data_error>(file_, ": is one of ", *parts,
                        " parts of a model, expected a single file; merge the parts (llama-gguf-split --merge)");
  }

  [[nodiscard]] std::string place_of(std::string_view tensor) const {
    return concat(file_, ": tensor ", detail::quoted_bytes(tensor));
  }

  std::pair<gguf_tensor*, std::uint64_t> read_tensor(detail::byte_reader& reader) {
    constexpr std::uint32_t most_dimensions = 4;
    const std::string_view name = reader.text("the name of a tensor");
    const std::string what = "tensor " + detail::quoted_bytes(name);
    const auto dimensions = reader.number<std::uint32_t>(what);
    if (dimensions < 1 || dimensions > most_dimensions)
      raise<data_error>(place_of(name), ": dimensions, expected 1 to ", most_dimensions, ", found ", dimensions);
    gguf_tensor tensor;
    tensor.name = name;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      const auto extent = reader.number<std::uint64_t>(what);
      if (extent > std::numeric_limits<std::size_t>::max())
        raise<data_error>(place_of(name), " is larger than any file, it has ", extent, " rows or columns");
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::size_t>(extent));
    }
    tensor.type_code = reader.number<std::uint32_t>(what);
    tensor.type = find_gguf_type(tensor.type_code);
    const auto offset = reader.number<std::uint64_t>(what);
    const auto [place, is_new] = tensors_.emplace(name, std::move(tensor));
    if (!is_new) raise<data_error>(place_of(name), " occurs twice");
    return {&place->second, offset};
  }

  [[nodiscard]] std::size_t alignment() const {
    const gguf_value* const value = find("general.alignment");
    if (value == nullptr) return 32;
    constexpr std::int64_t largest = std::int64_t{1} << 30;
    const auto number = value->as_integer();
    if (!number || *number < 1 || *number > largest || !std::has_single_bit(static_cast<std::uint64_t>(*number)))
      raise<data_error>(file_, ": setting \"general.alignment\", expected a power of two up to ", largest, ", found ",
                        value->shown());
    return static_cast<std::size_t>(*number);
  }

  // Offsets count from the end of the table, rounded up to the alignment.
  void place_tensors(const std::vector<std::pair<gguf_tensor*, std::uint64_t>>& offsets,
                     std::span<const std::byte> bytes, std::size_t end_of_table) {
    const std::size_t unit = alignment();
    const std::size_t begin = (end_of_table + unit - 1) / unit * unit;
    const std::span<const std::byte> data = bytes.subspan(std::min(begin, bytes.size()));
    for (const auto& [tensor, offset] : offsets) {
      const std::uint64_t size = stored_bytes(*tensor);
      if (offset % unit != 0)
        raise<data_error>(place_of(tensor->name), ": offset, expected a multiple of ", unit, ", found ", offset);
      if (offset > data.size() || size > data.size() - offset)
        raise<data_error>(place_of(tensor->name), " ends beyond the file, expected ", size, " bytes at offset ", offset,
                          " of the data, found ", data.size(), " bytes of data");
      tensor->bytes = data.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
    }
    refuse_overlaps();
  }

  // 0 for a type that is not known, whose size nobody can tell.
  [[nodiscard]] std::uint64_t stored_bytes(const gguf_tensor& tensor) const {
    if (tensor.type == nullptr) return 0;
    const std::size_t row = tensor.shape.back();
    if (row % tensor.type->block_elements != 0)
      raise<data_error>(place_of(tensor.name), ": row length, expected a multiple of ", tensor.type->block_elements,
                        " for type ", tensor.type->name, ", found ", row);
    std::uint64_t bytes = tensor.type->block_bytes;
    const auto multiply = [&](std::uint64_t factor) {
      if (factor != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / factor)
        raise<data_error>(place_of(tensor.name), " is larger than any file");
      bytes *= factor;
    };
    multiply(row / tensor.type->block_elements);
    for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i) multiply(tensor.shape[i]);
    // The number of elements must be countable too; blocks of 256 elements have fewer bytes than elements.
    if (bytes / tensor.type->block_bytes > std::numeric_limits<std::size_t>::max() / tensor.type->block_elements)
      raise<data_error>(place_of(tensor.name), " is larger than any file");
    return bytes;
  }

  // As in any other format with a table of contents: bytes that belong to two tensors are a sign of a broken file.
  void refuse_overlaps() const {
    std::vector<const gguf_tensor*> by_place;
    for (const auto& [name, tensor] : tensors_)
      if (!tensor.bytes.empty()) by_place.push_back(&tensor);
    std::sort(by_place.begin(), by_place.end(),
              [](const gguf_tensor* a, const gguf_tensor* b) { return a->bytes.data() < b->bytes.data(); });
    for (std::size_t i = 1; i < by_place.size(); ++i)
      if (by_place[i - 1]->bytes.data() + by_place[i - 1]->bytes.size() > by_place[i]->bytes.data())
        raise<data_error>(place_of(by_place[i]->name), " overlaps tensor ",
                          detail::quoted_bytes(by_place[i - 1]->name));
  }

  mapped_file mapping_;
  std::string file_;
  std::map<std::string, gguf_value, std::less<>> metadata_;
  std::map<std::string, gguf_tensor, std::less<>> tensors_;
};

}  // namespace strata
