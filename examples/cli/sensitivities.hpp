// By how much the prediction depends on each node, as the command line says.
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "arguments.hpp"
#include "strata/core/error.hpp"
#include "strata/estimate.hpp"
#include "strata/forward/footprint.hpp"
#include "strata/graph/shape.hpp"
#include "strata/model/decoder.hpp"
#include "strata/model/json_text.hpp"
#include "strata/model/sensitivity_file.hpp"
#include "strata/node_sensitivity.hpp"
#include "strata/score/any_rule.hpp"
#include "strata/score/sensitivity.hpp"
#include "strata/score/sensitivity_table.hpp"

namespace cli {

// "top:5", "random:4"
inline strata::sensitivity_options sensitivity_options_of(const arguments& given) {
  strata::sensitivity_options options;
  if (!given.sensitivity_of) return options;
  const std::string_view text = *given.sensitivity_of;
  const bool top = text.starts_with("top:");
  if (!top && !text.starts_with("random:"))
    strata::raise<strata::option_error>("--sensitivity-of: ", strata::detail::in_quotes(text),
                                        ", expected top:K or random:N");
  const auto count = number_of<std::size_t>("--sensitivity-of", text.substr(text.find(':') + 1));
  if (count == 0) strata::raise<strata::option_error>("--sensitivity-of: 0, expected at least 1");
  (top ? options.top_tokens : options.probes) = count;
  return options;
}

// Refuses options that do not go together; before anything is read.
inline void check_sensitivity(const arguments& given) {
  static_cast<void>(sensitivity_options_of(given));
  const bool needed = strata::needs_sensitivities(score_of(given)) && given.select != "random_connected";
  for (const auto& [option, is_given] : {std::pair("--sensitivity", given.sensitivity.has_value()),
                                         std::pair("--sensitivity-of", given.sensitivity_of.has_value())})
    if (is_given && !needed)
      strata::raise<strata::option_error>(option, " goes with --score sensitivity and --score share_sensitivity");
  if (given.sensitivity && given.sensitivity_of)
    strata::raise<strata::option_error>(
        "--sensitivity-of makes sensitivities, --sensitivity reads them: only one of them");
}

// A gradient takes more than the trace of a long prompt.
inline void require_gradient_memory(const strata::decoder<float>& model, std::size_t tokens, std::size_t max_memory) {
  const double bytes = strata::estimate_gradient(model.shape(), strata::footprint_of(model), tokens, sizeof(float),
                                                 static_cast<double>(max_memory) / 2);
  if (bytes > static_cast<double>(max_memory))
    strata::raise<strata::option_error>(
        "a gradient over ", tokens, " tokens takes ", std::ceil(bytes / 1e6), " MB beside the weights, the bound is ",
        std::ceil(static_cast<double>(max_memory) / 1e6), " MB; --sensitivity FILE of strata calibrate takes none");
}

class sensitivities {
 public:
  /// Reads the file, if there is one.
  sensitivities(const arguments& given, const strata::model_shape& shape) : options_(sensitivity_options_of(given)) {
    if (!strata::needs_sensitivities(score_of(given))) return;
    source_ = given.sensitivity ? *given.sensitivity : given.sensitivity_of.value_or("top:1");
    if (given.sensitivity) table_ = strata::read_sensitivities(*given.sensitivity, shape);
  }

  /// A file, or whose gradient; empty where the score needs none.
  [[nodiscard]] const std::string& source() const { return source_; }

  /// Null where no file was read.
  [[nodiscard]] const strata::sensitivity_table* table() const { return table_ ? &*table_ : nullptr; }

  /// max_memory: bytes that a run forward and back may take.
  [[nodiscard]] strata::node_sensitivities of(const strata::decoder<float>& model,
                                              std::span<const strata::token_id> tokens, std::size_t max_memory) const {
    if (source_.empty()) return nullptr;
    if (table_) return table_->of_prompt(model.shape(), tokens.size());
    require_gradient_memory(model, tokens.size(), max_memory);
    return strata::node_sensitivities_of(model, tokens, options_);
  }

 private:
  strata::sensitivity_options options_;
  std::string source_;
  std::optional<strata::sensitivity_table> table_;
};

}  // namespace cli
