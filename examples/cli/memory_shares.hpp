// How the memory that a run may take is shared between weights and trace.
#pragma once

#include <cstddef>

#include "strata/estimate.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/model/decoder_footprint.hpp"
#include "strata/trace_options.hpp"

namespace cli {

// How a bound for all is shared. Weights are expanded where the trace, in the way that takes less, fits beside them.
struct memory_shares {
  std::size_t weights = 0;
  std::size_t trace = 0;

  // expanded: bytes of the weights when they are expanded.
  memory_shares(std::size_t bound, const strata::decoder_config& config, double expanded, std::size_t tokens,
                strata::trace_options options, const strata::rule_footprint& rule = {}) {
    options.max_memory = 0;
    const strata::memory_estimate least = strata::likely_memory(
        config.shape(), strata::decoder_footprint(config, options.threads), tokens, options, rule, sizeof(float));
    const auto all = static_cast<double>(bound);
    const bool expands = expanded <= 0.75 * all && expanded + least.total <= all;
    if (expands) weights = static_cast<std::size_t>(expanded);
    trace = bound - weights;
  }
};

}  // namespace cli
