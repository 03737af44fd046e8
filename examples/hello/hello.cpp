#include <cstdio>

#include "strata/model/decoder.hpp"
#include "strata/strata.hpp"
#include "strata/text/tokenizer.hpp"

int main() {
  const auto model = strata::decoder<float>::load(STRATA_DEFAULT_MODEL);
  const auto tokenizer = strata::tokenizer::from_file(STRATA_DEFAULT_MODEL "/tokenizer.json");
  const auto tokens = tokenizer.encode("The poor woman could not help it, and she began to weep bit");
  const auto trace = strata::trace(model, tokens);
  for (const auto& point : trace.curve)
    if (point.made_of.reaches_input && point.size < 0.05)
      std::printf("%4.0f of %.0f edges: TV %.3f, next token \"%s\"\n", double(point.edges),
                  double(trace.edges.edge_count()), point.measured.total_variation,
                  tokenizer.piece(int(point.measured.top_token)).c_str());
}
