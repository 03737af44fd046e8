// strata trace --controls.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "arguments.hpp"
#include "open_model.hpp"
#include "strata/core/matrix.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/sensitivity_table.hpp"
#include "strata/trace.hpp"

namespace cli {

struct trace_controls {
  std::vector<double> sizes;
  std::vector<double> own;          // total variation of the trace itself, (sizes)
  strata::matrix<double> controls;  // and of its controls, (control_names, sizes)

  [[nodiscard]] nlohmann::ordered_json json() const;
  void print() const;
};

// Refuses options that do not go together; before anything is read.
void check_controls(const arguments& given);

// At which controls are measured: the sizes of a comparison up to the largest of the trace.
// Throws: strata::option_error where that is too small for two of them.
std::vector<double> control_sizes(const strata::trace_options& options);

// table: of --sensitivity; null: none.
trace_controls controls_of_trace(const arguments& given, const opened_model& opened,
                                 const strata::decoder<float>& model, const strata::trace_result<float>& found,
                                 const strata::trace_options& options, const strata::ablation<float>& dropped,
                                 const strata::sensitivity_table* table);

}  // namespace cli
