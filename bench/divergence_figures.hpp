// Divergences of the distributions that a trace measures, against what binds them: reading the logits, or as many
// exponentials as they need.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "figure.hpp"
#include "interleaved.hpp"
#include "limits.hpp"
#include "strata/forward/run.hpp"
#include "strata/measure/divergence.hpp"
#include "strata/measure/divergence_from.hpp"
#include "strata/model/decoder.hpp"
#include "traced_prompt.hpp"

namespace bench {

inline std::vector<figure> divergence_figures(const strata::decoder<float>& model, const traced_prompt& prompt,
                                              std::size_t repeats) {
  std::vector<float> q = strata::run_masked(model, prompt.tokens, strata_of(prompt.edges, prompt.order));
  q.insert(q.end(), prompt.logits.begin(), prompt.logits.end());
  const strata::divergence_from<float> from(prompt.logits);
  const std::size_t vocabulary = from.vocabulary(), many = q.size() / vocabulary;
  const auto row = [&](std::size_t i) { return std::span<const float>(q).subspan(i * vocabulary, vocabulary); };
  std::vector<double> kl(many), variation(many);
  std::vector<strata::divergences> all(many);
  double sum = 0;
  const auto check = [&] {
    require(std::isfinite(sum) && kl.back() == 0 && variation.back() == 0,
            "a distribution does not differ from itself");
    for (std::size_t i = 0; i < many; ++i)
      require(std::abs(kl[i] - strata::kl_divergence<float>(prompt.logits, row(i))) <= 1e-9 * (1 + kl[i]) &&
                  std::abs(kl[i] - all[i].kl) <= 1e-9 * (1 + kl[i]) &&
                  std::abs(variation[i] - all[i].total_variation) <= 1e-9,
              "one by one, of one P and all at once they are the same");
  };
  const auto t =
      in_turn(repeats,
              {[&] { sum += static_cast<double>(read_bandwidth(q)); }, [&] { sum += exp_throughput(q.size()); },
               [&] {
                 for (std::size_t i = 0; i < many; ++i) kl[i] = from.kl(row(i));
               },
               [&] {
                 for (std::size_t i = 0; i < many; ++i) variation[i] = from.total_variation(row(i));
               },
               [&] {
                 for (std::size_t i = 0; i < many; ++i) all[i] = from(row(i));
               }},
              {.check = check});
  std::vector<figure> figures;
  const auto add = [&](const std::string& name, std::size_t run, double exponentials, std::optional<reach> wanted) {
    std::vector<double> limit;
    for (std::size_t i = 0; i < repeats; ++i) limit.push_back(std::max(t[0][i], exponentials * t[1][i]));
    figures.push_back({"machine's limit / " + name + " of " + std::to_string(many) + " distributions",
                       "share of the limit", ratio(limit, t[run]), wanted, prompt.tokens.size()});
  };
  add("KL", 2, 1, reach{bound::at_least, 0.6});
  add("total variation", 3, 2, reach{bound::at_least, 0.6});
  add("all divergences and entropies", 4, 2, std::nullopt);  // logarithms as well, which the limit does not count
  return figures;
}

}  // namespace bench
