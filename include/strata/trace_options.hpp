/// What a trace is to measure, and what it may take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "strata/core/machine_memory.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/graph/shape.hpp"
#include "strata/measure/curve.hpp"
#include "strata/measure/divergence_gradient.hpp"
#include "strata/search/nested_swap.hpp"
#include "strata/select.hpp"

namespace strata {

/// How far a trace is. Stages: "check", "record", "order", with nested swap search "search", "evaluate".
struct trace_progress {
  std::string_view stage;
  std::size_t done = 0;
  std::size_t total = 1;
};

/// Where the search takes scores from: stored for all edges, which needs memory for each, or computed again for a node
/// when it is reached, which needs time. The result is the same, to the bit.
enum class score_storage : std::uint8_t { by_memory, stored, recomputed };

struct trace_options {
  std::vector<double> sizes{published_sizes.begin(), published_sizes.end()};  // ascending, in (0, 1]
  attention_mask attention = attention_mask::after_softmax;
  selection_options select;                  // which edges make the traces
  std::optional<swap_options> swap;          // nested swap search from the scores on; with selection::best_first
  objective swap_objective = objective::kl;  // what it makes small
  std::optional<token_id> target;            // whose cross-entropy and rank are measured
  double max_size = 1;                       // larger sizes are left out; it bounds the search
  std::size_t batch = 1;                     // masks in one call of a pass that takes batches and has no sweep
  std::size_t threads = 1;  // of all that is not the model's (a decoder has its own, in load_options); needs OpenMP.
                            // The bits are the same for any number
  std::size_t max_memory = default_trace_memory();  // bytes for all beside the weights (estimate.hpp)
  score_storage scores = score_storage::by_memory;  // by_memory: stored where that stays below the bound
  bool check = true;                                // check_forward_pass on a few tokens before anything is scored
  bool minus_dropped =
      false;  // score what an edge contributes minus what stands for it when it is dropped, with means or mass
  bool keep_scores = false;
  bool keep_logits = false;                             // of every size
  bool keep_states = false;                             // the final states of every size
  std::function<bool(const trace_progress&)> progress;  // false: stop
};

}  // namespace strata
