// encode_lines TOKENIZER < texts > ids
// Each line in is a text as a JSON string; each line out an array: the ids without and with special tokens, the first
// decoded again. compare.py compares them with those of the reference implementation.
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "strata/text/tokenizer.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const auto tokenizer = strata::tokenizer::from_file(argv[1]);
    for (std::string line; std::getline(std::cin, line);) {
      const std::string text = nlohmann::json::parse(line);
      const auto ids = tokenizer.encode(text, strata::special_tokens::none);
      const nlohmann::json found = {ids, tokenizer.encode(text), tokenizer.decode(ids)};
      std::cout << found.dump() << '\n';
    }
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "encode_lines: " << e.what() << '\n';
    return 1;
  }
}
