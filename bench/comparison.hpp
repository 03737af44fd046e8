// Figures from what bench/compare.py has measured: a plain pass here, in PyTorch and in llama.cpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "figure.hpp"
#include "strata/core/error.hpp"
#include "strata/forward/run.hpp"
#include "strata/model/decoder.hpp"
#include "traced_prompt.hpp"

namespace bench {

// Times are of turns that the script took, so quotients of medians; their range is that of the quartiles' quotients.
inline std::vector<figure> compared(const std::string& file, const strata::decoder<float>& model) {
  std::ifstream in(file);
  const auto measured = nlohmann::json::parse(in, nullptr, false);
  if (measured.is_discarded() || !measured.contains("strata"))
    strata::raise<strata::data_error>(file, ": is not what bench/compare.py --program bench_plain_pass prints");
  std::vector<figure> figures;
  for (const std::size_t count : {std::size_t{40}, std::size_t{128}}) {
    std::vector<strata::token_id> tokens(count);  // the script's
    for (std::size_t t = 0; t < count; ++t)
      tokens[t] = static_cast<strata::token_id>((37 * t + 11) % model.shape().vocabulary);
    const std::vector<float> logits = strata::run(model, tokens);
    const auto top = static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    const auto& ours = measured.at("strata").at(std::to_string(count));
    for (const auto& [key, name, tolerance] : {std::tuple{"torch", "PyTorch", 1e-3}, {"llama_cpp", "llama.cpp", 1.0}}) {
      const auto& other = measured.at(key).at(std::to_string(count));
      require(other.at("top") == top, "the same most probable token");
      for (std::size_t i = 0; i < other.at("logits").size(); ++i)
        require(std::abs(other.at("logits")[i].get<double>() - static_cast<double>(logits[i])) <= tolerance,
                "the same logits");
      const auto quotient = [&](const char* a, const char* b) {
        return ours.at(a).get<double>() / other.at(b).get<double>();
      };
      figures.push_back({"plain pass / " + std::string(name) + "'s, " + std::to_string(count) + " tokens",
                         "ratio of processor times",
                         {quotient("low", "high"), quotient("median", "median"), quotient("high", "low")},
                         reach{bound::below, 1},
                         count});
    }
  }
  return figures;
}

}  // namespace bench
