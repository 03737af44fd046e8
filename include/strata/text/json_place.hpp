/// A value in a JSON file that knows where it stands, so that every refusal names file, key and value.
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/text/utf8.hpp"

namespace strata::detail {

/// Short form of a value for messages; never walks down into it.
[[nodiscard]] inline std::string describe(const nlohmann::json& value) {
  constexpr std::size_t longest = 60;
  if (value.is_object()) return concat("an object of ", value.size(), " keys");
  if (value.is_array()) return concat("an array of ", value.size(), " values");
  if (!value.is_string()) return value.dump();
  const std::string_view text = value.get_ref<const std::string&>();
  return concat('"', whole_characters(text, longest), text.size() > longest ? "…\"" : "\"");
}

/// Throws: strata::data_error that names `file`.
[[nodiscard]] inline nlohmann::json json_document(std::string_view text, std::string_view file) {
  // the parser takes a zero byte for the end of the text
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
    raise<data_error>(file, ": malformed JSON or UTF-8 at byte ", zero + 1, " of ", text.size());
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    raise<data_error>(file, ": malformed JSON or UTF-8 at byte ", e.byte, " of ", text.size());
  } catch (const nlohmann::json::exception&) {
    raise<data_error>(file, ": a number is too large");
  }
}

class json_place {
 public:
  /// Requires: `root` outlives the place.
  json_place(const nlohmann::json& root, std::string_view file)
      : value_(&root), file_(std::make_shared<const std::string>(file)) {}

  [[nodiscard]] const nlohmann::json& value() const { return *value_; }
  [[nodiscard]] bool is_null() const { return value_->is_null(); }
  [[nodiscard]] std::size_t size() const { return value_->size(); }

  /// Throws strata::data_error: `file: key "path" is VALUE, expected EXPECTED`.
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... expected) const {
    raise<data_error>(name(), " is ", describe(*value_), ", expected ", expected...);
  }

  /// Throws strata::data_error: `file: key "path": COMPLAINT`.
  template <class... Parts>
  [[noreturn]] void complain(const Parts&... complaint) const {
    raise<data_error>(name(), ": ", complaint...);
  }

  /// The value of a key; null if the key is missing.
  [[nodiscard]] json_place find(std::string_view key) const {
    static const nlohmann::json missing;
    const auto found = object().find(key);
    const auto& value = found == object().end() ? missing : found->second;
    return {value, file_, path_.empty() ? std::string(key) : concat(path_, '.', key)};
  }

  [[nodiscard]] json_place operator[](std::string_view key) const {
    if (!object().contains(key)) raise<data_error>(name(), " lacks \"", key, '"');
    return find(key);
  }

  [[nodiscard]] json_place element(std::size_t index) const {
    return {list().at(index), file_, concat(path_, '[', index, ']')};
  }

  /// Refuses keys that are not among `known`: they would change what the file means.
  void allow_keys(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, value] : object()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      std::string names;
      for (const auto supported : known) names += concat(names.empty() ? "" : ", ", supported);
      raise<data_error>(name(), " has the key ", describe(nlohmann::json(key)),
                        ", which is not supported (supported: ", names, ')');
    }
  }

  [[nodiscard]] const nlohmann::json::object_t& object() const {
    if (!value_->is_object()) refuse("an object");
    return value_->get_ref<const nlohmann::json::object_t&>();
  }

  [[nodiscard]] const nlohmann::json::array_t& list() const {
    if (!value_->is_array()) refuse("an array");
    return value_->get_ref<const nlohmann::json::array_t&>();
  }

  [[nodiscard]] const std::string& text() const {
    if (!value_->is_string()) refuse("a string");
    return value_->get_ref<const std::string&>();
  }

  [[nodiscard]] bool truth() const {
    if (!value_->is_boolean()) refuse("true or false");
    return value_->get<bool>();
  }

  [[nodiscard]] bool truth_or(bool otherwise) const { return is_null() ? otherwise : truth(); }

  /// A whole number in 0 … count − 1.
  [[nodiscard]] std::int32_t index_below(std::size_t count) const {
    if (!value_->is_number_unsigned() || value_->get<std::uint64_t>() >= count) refuse("a whole number below ", count);
    return value_->get<std::int32_t>();
  }

 private:
  json_place(const nlohmann::json& value, std::shared_ptr<const std::string> file, std::string path)
      : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

  [[nodiscard]] std::string name() const { return path_.empty() ? *file_ : concat(*file_, ": key \"", path_, '"'); }

  const nlohmann::json* value_;
  std::shared_ptr<const std::string> file_;
  std::string path_;  // from the root: model.vocab
};

/// The parts of a setting that is null, one part, or a "Sequence" with its parts under the key `list`.
[[nodiscard]] inline std::vector<json_place> sequence_parts(const json_place& setting, std::string_view list,
                                                            std::size_t depth = 0) {
  constexpr std::size_t deepest = 8;
  if (setting.is_null()) return {};
  if (setting["type"].text() != "Sequence") return {setting};
  if (depth == deepest) setting.complain("sequences are nested more than ", deepest, " deep");
  setting.allow_keys({"type", list});
  std::vector<json_place> parts;
  const auto places = setting[list];
  for (std::size_t i = 0; i < places.list().size(); ++i)
    for (auto& part : sequence_parts(places.element(i), list, depth + 1)) parts.push_back(std::move(part));
  return parts;
}

}  // namespace strata::detail
