// Times of plain forward passes, for a program that compares them with others: loads a model, then answers each line of
// standard input, a number of tokens, with a JSON line: processor seconds of one pass, its most probable next token and
// first logits. The tokens are (37·t + 11) mod vocabulary.
#include <algorithm>
#include <cstddef>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "interleaved.hpp"
#include "strata/forward/no_hooks.hpp"
#include "strata/model/decoder.hpp"

namespace {

void answer(const strata::decoder<float>& model, std::size_t count) {
  std::vector<strata::token_id> tokens(count);
  for (std::size_t t = 0; t < count; ++t)
    tokens[t] = static_cast<strata::token_id>((37 * t + 11) % model.shape().vocabulary);
  std::vector<float> logits;
  const double seconds = bench::seconds_of([&] {
    strata::no_hooks<float> hooks;
    logits = model.forward(tokens, hooks);
  });
  std::cout << "{\"tokens\": " << count << ", \"seconds\": " << seconds
            << ", \"top\": " << std::max_element(logits.begin(), logits.end()) - logits.begin() << ", \"logits\": [";
  for (std::size_t i = 0; i < std::min<std::size_t>(4, logits.size()); ++i)
    std::cout << (i > 0 ? ", " : "") << logits[i];
  std::cout << "]}" << std::endl;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc != 2) {
    std::cerr << "bench_plain_pass MODEL: numbers of tokens on standard input, times on standard output\n";
    return 2;
  }
  try {
    const auto model = strata::decoder<float>::load(argv[1]);
    std::cout.precision(9);
    for (std::size_t count = 0; std::cin >> count;) {
      if (count == 0) {
        std::cerr << "bench_plain_pass: no tokens, expected at least one\n";
        return 2;
      }
      answer(model, count);
    }
  } catch (const std::exception& error) {
    std::cerr << "bench_plain_pass: " << error.what() << '\n';
    return 1;
  }
}
