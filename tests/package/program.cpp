/// A program of somebody else: the umbrella, and a call into every component.
#include <cstdio>
#include <sstream>

#include "strata/model/decoder.hpp"
#include "strata/report/json.hpp"
#include "strata/strata.hpp"
#include "strata/text/tokenizer.hpp"

int main() {
  // model, trace and report: a folder that is not there is refused with a sentence
  try {
    auto model = strata::decoder<float>::load("no such folder");
    const auto result = strata::trace(model, std::vector<strata::token_id>{1, 2});
    std::puts(strata::json_text(strata::to_json(result, {}, {})).c_str());
    return 1;
  } catch (const strata::data_error& e) {
    std::printf("strata %s: %s\n", strata::version, e.what());
  }
  // text: so is a tokenizer of an unknown kind
  try {
    static_cast<void>(strata::tokenizer::from_json("{}", "tokenizer.json"));
    return 1;
  } catch (const strata::data_error& e) {
    std::printf("%s\n", e.what());
  }
  // core: a small graph and a divergence
  const strata::graph edges(2, 2, 3, strata::block_kind::sequential);
  const float p[] = {1, 2, 3};
  const float q[] = {3, 2, 1};
  return edges.edge_count() == 30 && strata::kl_divergence<float>(p, q) > 0 ? 0 : 1;
}
