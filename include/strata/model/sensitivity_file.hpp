/// A table of sensitivities as a JSON file. docs/files.md says what every key means.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/file/mapped_file.hpp"
#include "strata/graph/graph.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/json_text.hpp"
#include "strata/score/sensitivity_table.hpp"

namespace strata {

/// Number of the form of the file; it changes when a reader of the old form would misread the new one.
inline constexpr int sensitivity_schema = 1;

namespace detail {

inline constexpr const char* sensitivity_kind = "strata sensitivities";

[[nodiscard]] inline nlohmann::ordered_json sensitivity_shape(const model_shape& shape) {
  return {{"layers", shape.layers},   {"heads", shape.heads},
          {"width", shape.width},     {"vocabulary", shape.vocabulary},
          {"context", shape.context}, {"block", shape.block == block_kind::parallel ? "parallel" : "sequential"}};
}

}  // namespace detail

[[nodiscard]] inline std::string sensitivity_text(const sensitivity_table& table) {
  using json = nlohmann::ordered_json;
  json all{{"schema", sensitivity_schema}, {"kind", detail::sensitivity_kind}};
  all["shape"] = detail::sensitivity_shape(table.shape);
  all["prompts"] = table.prompts;
  all["places"] = token_places;
  all["levels"] = json::array();
  for (std::size_t level = 0; level < table.cells.rows(); ++level) {
    json row = json::array();
    for (const double value : table.cells.row(level)) row.push_back(value > 0 ? json(value) : json());
    all["levels"].push_back(std::move(row));
  }
  return all.dump(1) + "\n";
}

/// The table in a text that may come from anybody. Keys that are not known are not looked at.
/// file:     its name, for messages.
/// Throws:   strata::data_error for a text that is no table, strata::option_error for one of a model of another shape.
[[nodiscard]] inline sensitivity_table sensitivities_in(std::string_view text, const std::string& file,
                                                        const model_shape& model) {
  const nlohmann::json all = detail::parse_json(text, file);
  const auto value = [&](const char* key) -> const nlohmann::json& {
    const auto found = all.is_object() ? all.find(key) : all.end();
    if (found == all.end()) raise<data_error>(file, ": the key \"", key, "\" is missing");
    return *found;
  };
  if (value("kind") != detail::sensitivity_kind)
    raise<data_error>(file, ": is no file of sensitivities, such as strata calibrate writes");
  if (value("schema") != sensitivity_schema)
    raise<data_error>(file, ": \"schema\" is ", detail::shown(value("schema")), ", expected ", sensitivity_schema);
  if (const nlohmann::json expected = detail::sensitivity_shape(model); value("shape") != expected)
    raise<option_error>(file, ": sensitivities of a model of another shape, ", value("shape").dump(), "; this one has ",
                        expected.dump());
  if (value("places") != nlohmann::json(token_places))
    raise<data_error>(file, ": \"places\" are others than ", nlohmann::json(token_places).dump());
  const nlohmann::json& prompts = value("prompts");
  if (!prompts.is_number_unsigned() || prompts == 0)
    raise<data_error>(file, ": \"prompts\" is ", detail::shown(prompts), ", expected a number of 1 or more");

  const nlohmann::json& levels = value("levels");
  sensitivity_table table{model, prompts.get<std::size_t>(),
                          matrix<double>(graph(model, 1).levels() + 1, token_places.size())};
  if (!levels.is_array() || levels.size() != table.cells.rows())
    raise<data_error>(file, ": \"levels\" is ", detail::shown(levels), ", expected ", table.cells.rows(), " rows");
  for (std::size_t level = 0; level < levels.size(); ++level) {
    const nlohmann::json& row = levels[level];
    if (!row.is_array() || row.size() != token_places.size())
      raise<data_error>(file, ": level ", level, " is ", detail::shown(row), ", expected ", token_places.size(),
                        " values");
    for (std::size_t place = 0; place < row.size(); ++place) {
      if (row[place].is_null()) continue;
      const double cell = row[place].is_number() ? row[place].get<double>() : 0;
      if (!(cell > 0) || !std::isfinite(cell))
        raise<data_error>(file, ": level ", level, ", place ", place, " is ", detail::shown(row[place]),
                          ", expected a positive number or null");
      table.cells(level, place) = cell;
    }
  }
  return table;
}

/// Throws:   as sensitivities_in(), and strata::data_error for a file that is missing.
[[nodiscard]] inline sensitivity_table read_sensitivities(const std::filesystem::path& path, const model_shape& model) {
  const mapped_file file(path);
  const auto bytes = file.bytes();
  return sensitivities_in({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string(), model);
}

}  // namespace strata
