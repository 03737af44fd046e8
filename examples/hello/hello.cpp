#include <cstdio>

#include "strata/model/decoder.hpp"
#include "strata/strata.hpp"
#include "strata/text/tokenizer.hpp"

int main() {
  const auto model = strata::decoder<float>::load(STRATA_DEFAULT_MODEL);
  const auto tokenizer = strata::tokenizer::from_file(STRATA_DEFAULT_MODEL "/tokenizer.json");
  const auto tokens = tokenizer.encode("The poor woman could not help it, and she began to weep bit");

  const auto trace = strata::trace(model, tokens);
  for (const auto& [size, edges, measured, made_of] : trace.curve)
    if (made_of.reaches_input && size < 0.05)
      std::printf("%5llu of %llu edges: TV %.3f, next token \"%s\"\n", static_cast<unsigned long long>(edges),
                  static_cast<unsigned long long>(trace.edges.edge_count()), measured.total_variation,
                  tokenizer.piece(static_cast<strata::token_id>(measured.top_token)).c_str());
}
