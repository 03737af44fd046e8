/// Weights that are split over several safetensors files of one folder. An index says which tensor lies in which:
///   {"metadata": {…}, "weight_map": {"norm.weight": "model-00002-of-00002.safetensors", …}}
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/mapped_file.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/model/safetensors_header.hpp"
#include "strata/model/tensor_view.hpp"

namespace strata {

namespace detail {

/// Only a name, so that an index cannot reach files outside its folder.
[[nodiscard]] inline bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\\:\0", 4)) == name.npos;
}

/// Tensor → file, as the text of an index says; `file` stands for the index in messages.
/// Throws:   strata::data_error for a malformed index, or a file that is not in the same folder.
[[nodiscard]] inline std::map<std::string, std::string, std::less<>> read_weight_map(std::string_view text,
                                                                                     const std::string& file) {
  const nlohmann::json index = parse_json(text, file);
  if (!index.is_object()) raise<data_error>(file, ": expected an object, found ", shown(index));
  const auto listed = index.find("weight_map");
  if (listed == index.end()) raise<data_error>(file, ": \"weight_map\" is missing");
  if (!listed->is_object()) raise<data_error>(file, ": \"weight_map\", expected an object, found ", shown(*listed));
  std::map<std::string, std::string, std::less<>> shards;
  for (const auto& [name, shard] : listed->items()) {
    if (!shard.is_string() || !is_plain_file_name(shard.get_ref<const std::string&>()))
      raise<data_error>(tensor_place(file, name), ", expected the name of a file in the same folder, found ",
                        shown(shard));
    shards.emplace(name, shard.get<std::string>());
  }
  return shards;
}

}  // namespace detail

/// The tensors that the index lists; others that its files may hold are ignored.
class safetensors_shards {
 public:
  /// Throws:   strata::data_error for an index or a file that is missing or malformed, and a tensor that is not in the
  ///           file where the index says it is.
  explicit safetensors_shards(const std::filesystem::path& index) : file_(index.string()) {
    const mapped_file content(index);
    const std::string_view text(reinterpret_cast<const char*>(content.bytes().data()), content.bytes().size());
    std::map<std::string, std::size_t> opened;
    for (const auto& [name, shard] : detail::read_weight_map(text, file_)) {
      const auto [place, is_new] = opened.emplace(shard, shards_.size());
      if (is_new) shards_.emplace_back(index.parent_path() / shard);
      const safetensors_file& holder = shards_[place->second];
      if (!holder.contains(name))
        raise<data_error>(detail::tensor_place(file_, name), " should be in ", detail::in_quotes(shard),
                          ", which does not have it");
      shard_of_.emplace(name, place->second);
      names_.push_back(name);
    }
  }

  /// How messages call the index.
  [[nodiscard]] const std::string& file() const { return file_; }

  /// All tensors, sorted by name.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

  [[nodiscard]] bool contains(std::string_view name) const { return shard_of_.find(name) != shard_of_.end(); }

  /// Throws:   strata::data_error if there is no such tensor, or its type is one that the library does not read.
  [[nodiscard]] const tensor_view& tensor(std::string_view name) const {
    const auto found = shard_of_.find(name);
    if (found == shard_of_.end()) raise<data_error>(detail::tensor_place(file_, name), " is missing");
    return shards_[found->second].tensor(name);
  }

 private:
  std::string file_;
  std::vector<safetensors_file> shards_;
  std::map<std::string, std::size_t, std::less<>> shard_of_;
  std::vector<std::string> names_;
};

}  // namespace strata
