// What a score rule costs: a recorded run with it against one with l1, one core.
//   bench_scores [MODEL.gguf]
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "interleaved.hpp"
#include "real_prompt.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/graph.hpp"
#include "strata/model/decoder.hpp"
#include "strata/score/any_rule.hpp"
#include "strata/score/recorder.hpp"

namespace {

struct recorded {
  std::vector<float> logits, scores;
};

recorded record_run(const strata::decoder<float>& model, const std::vector<strata::token_id>& tokens,
                    std::string_view rule) {
  const strata::graph edges(model.shape(), tokens.size());
  auto of_nodes = std::make_shared<strata::matrix<double>>(edges.levels() + 1, tokens.size());
  of_nodes->fill(1);  // the backward pass is not part of the score
  return strata::with_rule(rule, {.of_nodes = of_nodes}, [&](const auto& chosen) {
    strata::recorder<float, std::decay_t<decltype(chosen)>> record(edges, chosen);
    recorded result{strata::run(model, tokens, record), {}};
    result.scores = record.take_scores();
    return result;
  });
}

void measure(const strata::decoder<float>& model, const std::vector<strata::token_id>& tokens,
             const std::vector<std::string_view>& rules, std::size_t repeats) {
  const std::vector<float> plain = strata::run(model, tokens);
  std::vector<recorded> results(rules.size());
  std::vector<std::function<void()>> runs;
  for (std::size_t r = 0; r < rules.size(); ++r)
    runs.push_back([&, r] { results[r] = record_run(model, tokens, rules[r]); });
  const auto times = bench::in_turn(
      repeats, runs, {.warm_up = repeats > 1, .check = [&] {
                        for (const recorded& result : results)
                          if (result.logits != plain || result.scores.empty())
                            strata::raise<strata::contract_error>("a recorded run has other logits than the plain one");
                      }});
  for (std::size_t r = 1; r < rules.size(); ++r) {
    const bench::spread ratio = bench::ratio(times[r], times[0]);
    std::printf("| %s | %zu | %.2f (%.2f to %.2f) | %.3f s |\n", std::string(rules[r]).c_str(), tokens.size(),
                ratio.median, ratio.low, ratio.high, bench::spread_of(times[r]).median);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    const std::string file = argc > 1 ? argv[1] : STRATA_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
    if (!std::filesystem::exists(file))
      strata::raise<strata::data_error>(file, " is not there: sh examples/get_smollm2.sh fetches it");
    const auto model = strata::decoder<float>::load(file);
    std::vector<std::string_view> fast;
    for (const std::string_view rule : strata::rule_names)
      if (rule != "leverage") fast.push_back(rule);
    std::printf("| rule | tokens | recorded run / that with l1 | time |\n|---|---|---|---|\n");
    for (const std::size_t count : {std::size_t{40}, std::size_t{128}}) {
      const auto tokens = bench::real_prompt(file, count);
      measure(model, tokens, fast, count < 100 ? 11 : 5);
      measure(model, tokens, {"l1", "leverage"}, 1);  // takes long
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_scores: %s\n", error.what());
    return 1;
  }
}
