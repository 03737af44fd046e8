/// A generated text with the traces of its tokens as JSON. docs/json.md says what every key means.
#pragma once

#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/version.hpp"
#include "strata/generate.hpp"
#include "strata/graph/shape.hpp"
#include "strata/measure/softmax.hpp"
#include "strata/report/json.hpp"
#include "strata/trace.hpp"
#include "strata/trace_options.hpp"

namespace strata {

/// Number of the JSON's form, as json_schema is of a trace's.
inline constexpr int generation_json_schema = 1;

/// Takes the tokens as they are generated.
class generation_json {
 public:
  /// every: 1: all tokens are traced; n: the first and every n-th after it; 0: none.
  generation_json(std::span<const token_id> prompt, const generation_options& generation, const trace_options& traces,
                  std::size_t every, const trace_description& description)
      : traces_(traces), description_(description) {
    using json = nlohmann::ordered_json;
    document_["schema"] = generation_json_schema;
    document_["version"] = version;
    document_["model"] = detail::model_json(description);
    std::vector<double> sizes;
    for (const double size : traces.sizes)
      if (size <= traces.max_size) sizes.push_back(size);
    document_["options"] = {{"length", generation.length},
                            {"temperature", generation.sampling.temperature},
                            {"top_p", generation.sampling.top_p},
                            {"seed", generation.sampling.seed},
                            {"ends", generation.ends},
                            {"every", every},
                            {"sizes", every == 0 ? json() : json(sizes)},
                            {"attention_mask", name_of(traces.attention)},
                            {"score", description.score},
                            {"ablation", "zero"}};
    document_["prompt"] = json::array();
    for (const token_id token : prompt) document_["prompt"].push_back(json_of(token));
    document_["steps"] = json::array();
  }

  /// The next token. trace: of its prediction, or null.
  template <class T>
  void add(const generated_token<T>& step, const trace_result<T>* trace) {
    nlohmann::ordered_json out = json_of(step.token);
    out["probability"] = std::exp(-cross_entropy<T>(step.logits, static_cast<std::size_t>(step.token)));
    out["entropy"] = entropy<T>(step.logits);
    out["trace"] = nullptr;
    if (trace != nullptr) {
      out["trace"] = to_json(*trace, traces_, description_);
      for (const char* said_once : {"schema", "version", "model", "options", "tokens", "pieces", "bytes"})
        out["trace"].erase(said_once);
    }
    document_["steps"].push_back(std::move(out));
  }

  [[nodiscard]] const nlohmann::ordered_json& document() const { return document_; }

 private:
  [[nodiscard]] nlohmann::ordered_json json_of(token_id token) const {
    const detail::json_piece piece(description_, token);
    nlohmann::ordered_json out{{"token", token}, {"piece", piece.text}};
    if (!piece.bytes.is_null()) out["bytes"] = piece.bytes;
    return out;
  }

  trace_options traces_;
  trace_description description_;
  nlohmann::ordered_json document_;
};

}  // namespace strata
