/// Weight files in the safetensors format: 8 bytes N (little-endian), N bytes of JSON that name type, shape and place
/// of every tensor, then the tensors' bytes. The whole table is checked when the file is opened: a tensor's bytes lie
/// within the file, and are as many as its shape says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/mapped_file.hpp"
#include "strata/model/element_type.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/safetensors_header.hpp"
#include "strata/model/tensor_view.hpp"

namespace strata {

/// Source:   the safetensors format description; a file is accepted exactly if it keeps the format's rules, including
///           that the tensors lie without holes and overlaps. Data at any alignment is read.
class safetensors_file {
 public:
  /// Throws:   strata::data_error for a file that is missing or malformed.
  explicit safetensors_file(const std::filesystem::path& path) : mapping_(path), file_(path.string()) {
    read(mapping_.bytes());
  }

  /// Reads from memory, which must outlive the object; `name` stands for the file in messages.
  safetensors_file(std::span<const std::byte> bytes, std::string name) : file_(std::move(name)) { read(bytes); }

  /// How messages call the file.
  [[nodiscard]] const std::string& file() const { return file_; }

  /// All tensors, sorted by name.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

  [[nodiscard]] bool contains(std::string_view name) const { return entries_.find(name) != entries_.end(); }

  /// Throws:   strata::data_error if there is no such tensor, or its type is one that the library does not read.
  [[nodiscard]] const tensor_view& tensor(std::string_view name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) raise<data_error>(detail::tensor_place(file_, name), " is missing");
    const detail::safetensors_entry& entry = found->second;
    if (entry.view.dtype == element_type::other)
      raise<data_error>(entry.view.where, " has type ", entry.type->name, ", which is not supported");
    return entry.view;
  }

  /// The same, and its shape is the expected one.
  [[nodiscard]] const tensor_view& tensor(std::string_view name, std::initializer_list<std::size_t> shape) const {
    return require_shape(tensor(name), shape);
  }

  /// The free text of the header, "__metadata__".
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  void read(std::span<const std::byte> bytes) {
    constexpr std::uint64_t longest_header = 100'000'000;  // the format's own limit
    std::uint64_t length = 0;
    if (bytes.size() < sizeof length) raise<data_error>(file_, ": expected at least 8 bytes, found ", bytes.size());
    std::memcpy(&length, bytes.data(), sizeof length);
    const std::span<const std::byte> rest = bytes.subspan(sizeof length);
    if (length > longest_header)
      raise<data_error>(file_, ": header length, expected at most ", longest_header, ", found ", length);
    if (length > rest.size())
      raise<data_error>(file_, ": the header is cut off, expected ", length, " bytes, found ", rest.size());
    const auto header_size = static_cast<std::size_t>(length);
    read_header({reinterpret_cast<const char*>(rest.data()), header_size}, rest.subspan(header_size));
  }

  void read_header(std::string_view text, std::span<const std::byte> data) {
    if (text.empty() || text.front() != '{')
      raise<data_error>(file_, ": header, expected an object that begins with {");
    const nlohmann::json header = detail::parse_json(text, file_ + ": header");
    std::vector<const detail::safetensors_entry*> entries;
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") {
        read_metadata(value);
      } else {
        entries.push_back(&entries_.emplace(name, detail::read_entry(name, value, file_, data)).first->second);
        names_.push_back(name);
      }
    }
    detail::require_gapless(std::move(entries), file_, data.size());
  }

  void read_metadata(const nlohmann::json& json) {
    if (!json.is_object())
      raise<data_error>(file_, ": \"__metadata__\", expected an object, found ", detail::shown(json));
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string())
        raise<data_error>(file_, ": \"__metadata__\": ", detail::in_quotes(key), ", expected a text, found ",
                          detail::shown(value));
      metadata_.emplace(key, value.get<std::string>());
    }
  }

  mapped_file mapping_;
  std::string file_;
  std::map<std::string, detail::safetensors_entry, std::less<>> entries_;
  std::vector<std::string> names_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace strata
