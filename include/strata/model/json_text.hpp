/// JSON text from outside, read strictly: no duplicate keys, bounded nesting, every error a sentence with the file's
/// name.
#pragma once

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "strata/core/error.hpp"

namespace strata::detail {

/// The text in quotes, control characters escaped, shortened if it is long: for a message.
[[nodiscard]] inline std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 200;
  std::string kept(text.substr(0, longest));
  if (text.size() > longest) kept += "…";
  return nlohmann::json(kept).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// A JSON value as it stands in the file, shortened if it is long: for a message.
[[nodiscard]] inline std::string shown(const nlohmann::json& value) {
  constexpr std::size_t longest = 80;
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
  const auto long_or_nested = [](const nlohmann::json& array) {
    return array.size() > 8 || std::any_of(array.begin(), array.end(), [](const auto& v) { return v.is_structured(); });
  };
  if (value.is_structured() && long_or_nested(value))
    return concat(value.is_object() ? "an object" : "an array", " of ", value.size(), " elements");
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > longest) text = text.substr(0, longest) + "…";
  return text;
}

/// Throws:   strata::data_error if the text is not UTF-8 or not JSON, repeats a key within an object, or is nested
/// deeper
///           than 64 levels.
[[nodiscard]] inline nlohmann::json parse_json(std::string_view text, std::string_view file) {
  constexpr int deepest = 64;
  // The parser takes a zero byte for the end of the text; JSON has none.
  if (const std::size_t zero = text.find('\0'); zero != text.npos)
    raise<data_error>(file, ": malformed JSON or UTF-8 at byte ", zero + 1, " of ", text.size());
  std::vector<std::set<std::string>> keys;  // of the objects that are open, by depth
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using event_t = nlohmann::json::parse_event_t;
    const auto level = static_cast<std::size_t>(depth);
    if (event == event_t::object_start || event == event_t::array_start) {
      if (depth >= deepest) raise<data_error>(file, ": JSON is nested deeper than ", deepest, " levels");
      keys.resize(level + 1);
      keys[level].clear();
    } else if (event == event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys[level - 1].insert(key).second) raise<data_error>(file, ": the key ", in_quotes(key), " occurs twice");
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text.begin(), text.end(), check);
  } catch (const nlohmann::json::parse_error& failure) {
    raise<data_error>(file, ": malformed JSON or UTF-8 at byte ", failure.byte, " of ", text.size());
  } catch (const nlohmann::json::exception&) {
    raise<data_error>(file, ": malformed JSON, a number is outside the range of a double");
  }
}

}  // namespace strata::detail
