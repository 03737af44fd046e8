// A prompt and what the steps of its trace start from, each made once: plain logits, scores, order, masks of all sizes.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "needed_rows.hpp"
#include "real_prompt.hpp"
#include "strata/forward/mask_list.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge_mask.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/edge_strata.hpp"
#include "strata/graph/graph.hpp"
#include "strata/measure/curve.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/recorder.hpp"
#include "strata/search/best_first.hpp"
#include "strata/trace.hpp"

namespace bench {

// The masks that a trace runs: one for each different number of edges below all of them, whose run is the plain one.
inline strata::edge_strata strata_of(const strata::graph& edges, const strata::edge_order& order) {
  std::vector<std::size_t> counts;
  for (const double size : strata::published_sizes) {
    const strata::edge_id n = strata::edges_at_size(edges, size);
    if (n < edges.edge_count() && (counts.empty() || counts.back() != n)) counts.push_back(n);
  }
  return {edges, order, counts};
}

inline void require(bool holds, const char* what) {
  if (!holds) strata::raise<strata::contract_error>("the report's check failed: ", what);
}

inline std::vector<float> scores_of(const strata::decoder<float>& model, const std::vector<strata::token_id>& tokens,
                                    std::vector<float>& logits) {
  strata::recorder<float> record(strata::graph(model.shape(), tokens.size()));
  logits = strata::run(model, tokens, record);
  return record.take_scores();
}

struct traced_prompt {
  traced_prompt(const strata::decoder<float>& model, const std::vector<strata::token_id>& text)
      : tokens(text), edges(model.shape(), text.size()), logits(strata::run(model, text)) {
    std::vector<float> recorded;
    scores = scores_of(model, tokens, recorded);
    require(recorded == logits, "a recorded run has the plain run's logits");
    order = strata::best_first<float>(edges, scores);
    require(order.size() == edges.edge_count(), "the order holds all edges");
    const std::vector<strata::edge_mask> all{strata::edge_mask::all(edges)};
    plain_rows = needed_by(strata::edge_mask_list(all));
    for (std::size_t l = 0; l < edges.layers(); ++l)
      require(plain_rows.products[l].keys == tokens.size() &&
                  plain_rows.products[l].mlp == (l + 1 < edges.layers() ? tokens.size() : 1),
              "a plain pass computes each row once, and in the last layer the last one");
    sweep_rows = needed_by(strata_of(edges, order));
  }

  std::vector<strata::token_id> tokens;
  strata::graph edges;
  std::vector<float> logits;  // of the plain pass
  std::vector<float> scores;
  strata::edge_order order;
  needed_rows plain_rows, sweep_rows;
};

// All sizes and all metrics, without the check of the forward pass, which a program makes once per model.
inline strata::trace_options whole_trace(std::size_t threads = 1) {
  strata::trace_options options;
  options.check = false;
  options.target = 0;  // so that its cross-entropy and rank are measured too
  options.threads = threads;
  return options;
}

}  // namespace bench
