// The steps of a trace on one core, in processor time: each against a plain pass or against the matrix products in it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "figure.hpp"
#include "interleaved.hpp"
#include "needed_attention.hpp"
#include "needed_products.hpp"
#include "strata/forward/run.hpp"
#include "strata/measure/divergence_from.hpp"
#include "strata/model/decoder.hpp"
#include "strata/search/best_first.hpp"
#include "strata/trace.hpp"
#include "traced_prompt.hpp"

namespace bench {

using times = std::vector<double>;

inline figure ratio_figure(const std::string& name, std::size_t tokens, const times& a, const times& b, reach wanted) {
  return {name + ", " + std::to_string(tokens) + " tokens", "ratio of processor times", ratio(a, b), wanted, tokens};
}

// That a trace is the one whose order and whose sweep's logits are known.
inline void check_trace(const strata::trace_result<float>& trace, const traced_prompt& prompt,
                        const std::vector<float>& swept) {
  require(trace.logits == prompt.logits && trace.order == prompt.order, "the trace has the same logits and order");
  const strata::divergence_from<float> from(prompt.logits);
  std::size_t row = 0;
  strata::edge_id before = 0;
  for (std::size_t i = 0; i + 1 < trace.curve.size(); ++i) {
    if (i > 0 && trace.curve[i].edges != before) ++row;
    before = trace.curve[i].edges;
    const auto q = std::span<const float>(swept).subspan(row * from.vocabulary(), from.vocabulary());
    require(trace.curve[i].measured.kl == from(q).kl, "the trace measures the sweep's logits");
  }
  require(trace.curve.back().measured.kl == 0, "the trace of all edges is the whole model");
}

// Plain pass, its products, recorded pass and order, in turn.
inline std::vector<figure> recording_figures(const strata::decoder<float>& model, needed_products& products,
                                             const traced_prompt& prompt, std::size_t repeats) {
  const std::size_t count = prompt.tokens.size();
  products.prepare(prompt.plain_rows);
  std::vector<float> plain, recorded, scores;
  strata::edge_order order;
  float sum = 0;
  const auto check = [&] {
    require(plain == prompt.logits && recorded == plain && scores == prompt.scores && order == prompt.order && sum != 0,
            "plain and recorded runs give the same logits, scores and order each time");
  };
  const auto t =
      in_turn(repeats,
              {[&] { plain = strata::run(model, prompt.tokens); }, [&] { sum += products.run(prompt.plain_rows); },
               [&] { scores = scores_of(model, prompt.tokens, recorded); },
               [&] { order = strata::best_first<float>(prompt.edges, prompt.scores); }},
              {.check = check});
  std::vector<figure> figures{
      {"plain pass, " + std::to_string(count) + " tokens", "processor seconds", spread_of(t[0]), std::nullopt, count}};
  figures.push_back(
      ratio_figure("recorded pass with l1 scores / plain pass", count, t[2], t[0], {bound::at_most, 1.15}));
  if (count < 128) return figures;
  figures.push_back(ratio_figure("plain pass / its matrix products", count, t[0], t[1], {bound::at_most, 1.15}));
  figures.push_back(ratio_figure("order of all edges / plain pass", count, t[3], t[0], {bound::at_most, 0.2}));
  return figures;
}

// Plain pass, sweep over all sizes, its products and the whole trace, in turn.
inline std::vector<figure> sweep_figures(const strata::decoder<float>& model, needed_products& products,
                                         const traced_prompt& prompt, std::size_t repeats) {
  const std::size_t count = prompt.tokens.size();
  const bool longer = count >= 128;
  products.prepare(prompt.sweep_rows);
  std::vector<float> plain, swept;
  std::optional<strata::trace_result<float>> trace;
  float sum = 0;
  const auto check = [&] {
    require(plain == prompt.logits && sum != 0, "a plain run gives the same logits each time");
    check_trace(*trace, prompt, swept);
  };
  const auto t =
      in_turn(repeats,
              {[&] { plain = strata::run(model, prompt.tokens); },
               [&] { swept = strata::run_masked(model, prompt.tokens, strata_of(prompt.edges, prompt.order)); },
               [&] { sum += products.run(prompt.sweep_rows); },
               [&] { trace = strata::trace(model, prompt.tokens, whole_trace()); }},
              {.check = check});
  return {ratio_figure("sweep over 27 sizes / the matrix products of the rows it needs", count, t[1], t[2],
                       {bound::at_most, 1.25}),
          ratio_figure("sweep over 27 sizes / plain pass", count, t[1], t[0], {bound::at_most, longer ? 11.5 : 6}),
          ratio_figure("whole trace with all metrics / plain pass", count, t[3], t[0],
                       {bound::at_most, longer ? 13.2 : 7.5})};
}

// The whole trace against all that it needs: matrix products of the plain pass and of the sweep, attention of both, and
// the order, each at its rate in the same turn.
inline figure growth_figure(const strata::decoder<float>& model, needed_products& products, const traced_prompt& prompt,
                            std::size_t repeats, bool warm_up) {
  const std::size_t count = prompt.tokens.size();
  needed_attention attention(model.config(), count);
  products.prepare(prompt.plain_rows);
  products.prepare(prompt.sweep_rows);
  std::optional<strata::trace_result<float>> trace;
  strata::edge_order order;
  float sum = 0;
  const auto check = [&] {
    require(trace->logits == prompt.logits && trace->order == prompt.order && order == prompt.order &&
                trace->curve.back().measured.kl == 0 && sum != 0,
            "the trace has the same logits and order each time");
  };
  const auto t = in_turn(repeats,
                         {[&] { trace = strata::trace(model, prompt.tokens, whole_trace()); },
                          [&] { sum += products.run(prompt.plain_rows) + products.run(prompt.sweep_rows); },
                          [&] { sum += attention.run(prompt.plain_rows) + attention.run(prompt.sweep_rows); },
                          [&] { order = strata::best_first<float>(prompt.edges, prompt.scores); }},
                         {.warm_up = warm_up, .check = check});
  times needed;
  for (std::size_t i = 0; i < repeats; ++i) needed.push_back(t[1][i] + t[2][i] + t[3][i]);
  return ratio_figure("whole trace / its matrix products, attention and order", count, t[0], needed,
                      {bound::at_most, 1.25});
}

}  // namespace bench
