// The expected values in tests/data/goldens; their README says what each tensor means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/model/safetensors.hpp"
#include "strata/model/tensor_view.hpp"

namespace goldens {

/// The tensors of runs/NAME.safetensors.
struct run {
  explicit run(const std::string& name) : file(STRATA_TEST_DATA "/goldens/runs/" + name + ".safetensors") {}

  [[nodiscard]] bool has(const std::string& tensor) const { return file.contains(tensor); }

  [[nodiscard]] std::vector<std::size_t> shape_of(const std::string& tensor) const { return file.tensor(tensor).shape; }

  [[nodiscard]] std::vector<double> real(const std::string& tensor) const { return values<double>(tensor); }

  [[nodiscard]] std::vector<int> integer(const std::string& tensor) const { return values<int>(tensor); }

  /// The leading dimensions merged into rows: (H, T, dh) becomes (H · T, dh).
  [[nodiscard]] strata::matrix<double> matrix(const std::string& tensor) const {
    const strata::tensor_view& view = file.tensor(tensor);
    const std::size_t cols = view.shape.empty() ? 1 : view.shape.back();
    strata::matrix<double> out(cols == 0 ? 0 : view.elements() / cols, cols);
    strata::expand(view, out.values());
    return out;
  }

  strata::safetensors_file file;

 private:
  template <class T>
  [[nodiscard]] std::vector<T> values(const std::string& tensor) const {
    const strata::tensor_view& view = file.tensor(tensor);
    std::vector<T> out(view.elements());
    strata::expand(view, std::span<T>(out));
    return out;
  }
};

/// The names of all runs: one per model, and two of the model llama with 1 and 2 tokens.
[[nodiscard]] inline const std::vector<std::string>& all_runs() {
  static const std::vector<std::string> names{
      "llama",        "llama_T1",    "llama_T2", "llama_bias", "llama_rope_linear", "llama_rope_llama3",
      "mistral",      "qwen2",       "qwen3",    "olmo2",      "olmo2_bias",        "phi3",
      "phi3_partial", "gemma3_text", "gpt2",     "gpt_neox",   "gpt_neox_seq"};
  return names;
}

/// The folder with the weights that a run was made with.
[[nodiscard]] inline std::string model_folder(const std::string& run) {
  const bool few_tokens = run == "llama_T1" || run == "llama_T2";
  return STRATA_TEST_DATA "/goldens/models/" + (few_tokens ? "llama" : run);
}

}  // namespace goldens
