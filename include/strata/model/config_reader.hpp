/// A JSON object of settings, read key by key. A key that the reader does not know may change what the model computes,
/// so that every key is used, named as one that changes nothing, refused with its value, or reported as unknown.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/model/json_text.hpp"

namespace strata::detail {

/// A key that is accepted only with the value that leaves the computation alone.
struct neutral_setting {
  const char* key;
  nlohmann::json value;
};

/// How a file calls the settings that this library knows by another name; keys within objects as "rope_scaling.factor".
using setting_names = std::map<std::string, std::string, std::less<>>;

/// null stands for a key that is not there.
class config_reader {
 public:
  static constexpr std::size_t largest_count = std::size_t{1} << 24;  // products of two stay far from overflow

  /// `name`: how messages call an object within the file, such as "rope_scaling"; `aliases`: how the file calls the keys,
  /// where it does so differently. Both arguments that are not copied must outlive the reader.
  config_reader(const nlohmann::json& object, std::string file, std::string name = "",
                const setting_names* aliases = nullptr)
      : object_(&object), file_(std::move(file)), name_(std::move(name)), aliases_(aliases) {
    if (!object.is_object())
      raise<data_error>(file_, ": ", name_.empty() ? "" : in_quotes(name_) + ", ", "expected an object, found ",
                        shown(object));
  }

  /// Whether the key is there, if only with null.
  [[nodiscard]] bool has(const char* key) {
    known_.insert(key);
    return object_->contains(key);
  }

  /// nullptr for a key that is not there.
  [[nodiscard]] const nlohmann::json* find(const char* key) {
    known_.insert(key);
    const auto found = object_->find(key);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
  }

  /// Reads a number from 1 to `largest`.
  [[nodiscard]] std::optional<std::size_t> optional_count(const char* key, std::size_t largest = largest_count) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_unsigned() || value->get<std::size_t>() < 1 || value->get<std::size_t>() > largest)
      refuse(key, concat("a whole number from 1 to ", largest), *value);
    return value->get<std::size_t>();
  }

  [[nodiscard]] std::size_t count(const char* key, std::size_t largest = largest_count) {
    return present(key, optional_count(key, largest));
  }

  /// Reads a number with lowest <= number <= highest.
  [[nodiscard]] std::optional<double> optional_real(const char* key, double lowest, double highest) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number() || !(value->get<double>() >= lowest && value->get<double>() <= highest))
      refuse(key, concat("a number from ", lowest, " to ", highest), *value);
    return value->get<double>();
  }

  [[nodiscard]] double real(const char* key, double lowest, double highest) {
    return present(key, optional_real(key, lowest, highest));
  }

  [[nodiscard]] std::optional<bool> optional_flag(const char* key) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_boolean()) refuse(key, "true or false", *value);
    return value->get<bool>();
  }

  [[nodiscard]] std::optional<std::string> optional_text(const char* key) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) refuse(key, "a text", *value);
    return value->get<std::string>();
  }

  [[nodiscard]] std::string text(const char* key) { return present(key, optional_text(key)); }

  /// A reader of an object within this one.
  [[nodiscard]] std::optional<config_reader> optional_object(const char* key) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) return std::nullopt;
    return config_reader(*value, file_, full(key), aliases_);
  }

  /// A list of `count` numbers, each lowest <= number <= highest.
  [[nodiscard]] std::vector<double> reals(const char* key, std::size_t count, double lowest, double highest) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) raise<data_error>(place(key), " is missing");
    if (!value->is_array() || value->size() != count) refuse(key, concat("a list of ", count, " numbers"), *value);
    std::vector<double> numbers;
    for (const nlohmann::json& number : *value) {
      if (!number.is_number() || !(number.get<double>() >= lowest && number.get<double>() <= highest))
        refuse(key, concat("numbers from ", lowest, " to ", highest), number);
      numbers.push_back(number.get<double>());
    }
    return numbers;
  }

  /// Throws:   strata::data_error at a setting that is there with another value than the neutral one.
  void require_neutral(std::initializer_list<neutral_setting> settings) {
    require_neutral(std::span(settings.begin(), settings.size()));
  }
  void require_neutral(std::span<const neutral_setting> settings) {
    for (const neutral_setting& setting : settings) {
      const nlohmann::json* const value = find(setting.key);
      if (value == nullptr || *value == setting.value) continue;
      raise<data_error>(place(setting.key), " is not supported, expected ",
                        setting.value.is_null() ? "" : shown(setting.value) + " or ", "no such key, found ",
                        shown(*value));
    }
  }

  /// Keys that do not change what the model computes.
  void ignore(std::initializer_list<const char*> keys) { known_.insert(keys.begin(), keys.end()); }

  /// A sentence for every key that was neither read nor ignored.
  void warn_of_unknown_keys(std::vector<std::string>& warnings) const {
    for (const auto& [key, value] : object_->items())
      if (!value.is_null() && known_.find(key) == known_.end())
        warnings.push_back(concat(file_, ": unknown key ", in_quotes(spelled(key)), " with value ", shown(value),
                                  " is ignored; the model may compute something else with it"));
  }

  [[noreturn]] void refuse(const char* key, std::string_view expected, const nlohmann::json& found) const {
    raise<data_error>(place(key), ", expected ", expected, ", found ", shown(found));
  }

  /// How messages call a key: config.json: "hidden_size"
  [[nodiscard]] std::string place(std::string_view key) const { return concat(file_, ": ", in_quotes(spelled(key))); }

  /// How messages call the file.
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  [[nodiscard]] std::string full(std::string_view key) const { return concat(name_, name_.empty() ? "" : ".", key); }

  // As the file itself calls the key.
  [[nodiscard]] std::string spelled(std::string_view key) const {
    std::string name = full(key);
    if (aliases_ == nullptr) return name;
    const auto alias = aliases_->find(name);
    return alias == aliases_->end() ? name : alias->second;
  }

  template <class T>
  [[nodiscard]] T present(const char* key, const std::optional<T>& value) const {
    if (!value) raise<data_error>(place(key), " is missing");
    return *value;
  }

  const nlohmann::json* object_;
  std::string file_;
  std::string name_;
  const setting_names* aliases_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace strata::detail
