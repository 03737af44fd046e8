// What "strata info" says of a model's files.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "on_screen.hpp"
#include "strata/core/error.hpp"
#include "strata/model/element_type.hpp"
#include "strata/model/weight_files.hpp"

namespace cli {

// "538 MB", "1.2 GB"
inline std::string memory_text(double bytes) {
  const double megabytes = bytes / 1e6;
  return megabytes < 10        ? number("%.1f MB", megabytes)
         : megabytes < 1000    ? number("%.0f MB", megabytes)
         : megabytes < 1000000 ? number("%.1f GB", megabytes / 1000)
                               : number("%.3g TB", megabytes / 1000000);
}

// "2,265,028,608", "about 1.2e+25"
inline std::string edges_text(double edges) {
  constexpr double exact = 9e15;  // whole numbers are exact below 2⁵³
  return edges < exact ? grouped(static_cast<strata::edge_id>(edges)) : number("about %.2g", edges);
}

// "98 MB of Q4_1 and F32": the types of the tensors, those with the most bytes first.
inline std::string stored_text(const strata::weight_files& weights) {
  std::map<std::string, std::size_t> by_type;
  std::size_t all = 0;
  for (const std::string& name : weights.names()) {
    const strata::tensor_view* tensor = nullptr;
    try {
      tensor = &weights.tensor(name);
    } catch (const strata::data_error&) {
      continue;  // of a type that is not read: no weight of the model, or loading it has been refused
    }
    by_type[std::string(strata::entry_of(tensor->dtype).name)] += tensor->bytes.size();
    all += tensor->bytes.size();
  }
  std::vector<std::pair<std::string, std::size_t>> types(by_type.begin(), by_type.end());
  std::sort(types.begin(), types.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text = memory_text(static_cast<double>(all));
  for (std::size_t i = 0; i < types.size(); ++i)
    text += strata::concat(i == 0 ? " of " : i + 1 < types.size() ? ", " : " and ", types[i].first);
  return text;
}

}  // namespace cli
