/// The tensors of a GGUF file as views that can be expanded.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/file/gguf.hpp"
#include "strata/file/gguf_types.hpp"
#include "strata/model/element_type.hpp"
#include "strata/model/safetensors_header.hpp"
#include "strata/model/tensor_view.hpp"

namespace strata {

namespace detail {

// The two tables of types are of two formats, and must tell the same of what both have.
[[nodiscard]] constexpr bool same_blocks() {
  for (const gguf_type_entry& theirs : gguf_types) {
    const element_type type = find_ggml_type(theirs.name);
    if (type == element_type::other) continue;
    const element_type_entry& ours = entry_of(type);
    if (ours.block != theirs.block_elements || ours.bits != theirs.block_bytes * 8) return false;
  }
  return true;
}
static_assert(same_blocks());

}  // namespace detail

class gguf_tensors {
 public:
  explicit gguf_tensors(gguf_file file) : file_(std::move(file)) {
    for (const auto& [name, tensor] : file_.tensors()) {
      const element_type type = tensor.type == nullptr ? element_type::other : find_ggml_type(tensor.type->name);
      views_.emplace(name,
                     tensor_view{name, detail::tensor_place(file_.file(), name), type, tensor.shape, tensor.bytes});
      names_.push_back(name);
    }
  }

  /// The container, with the settings of the model.
  [[nodiscard]] const gguf_file& container() const { return file_; }

  /// How messages call the file.
  [[nodiscard]] const std::string& file() const { return file_.file(); }

  /// All tensors, sorted by name.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

  [[nodiscard]] bool contains(std::string_view name) const { return views_.find(name) != views_.end(); }

  /// Throws:   strata::data_error if there is no such tensor, or its type is one that the library does not read.
  [[nodiscard]] const tensor_view& tensor(std::string_view name) const {
    const auto found = views_.find(name);
    if (found == views_.end()) raise<data_error>(detail::tensor_place(file_.file(), name), " is missing");
    const tensor_view& view = found->second;
    if (view.dtype != element_type::other) return view;
    const gguf_tensor& stored = file_.tensors().find(name)->second;
    if (stored.type == nullptr)
      raise<data_error>(view.where, " has type number ", stored.type_code, " of ggml, which is not supported");
    raise<data_error>(view.where, " has type ", stored.type->name, ", which is not supported");
  }

 private:
  gguf_file file_;
  std::map<std::string, tensor_view, std::less<>> views_;
  std::vector<std::string> names_;
};

}  // namespace strata
