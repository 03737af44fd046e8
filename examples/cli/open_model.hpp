// A model that is opened first, so that all that is quickly refused is refused, and loaded then.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "memory_shares.hpp"
#include "on_stderr.hpp"
#include "prompt.hpp"
#include "strata/estimate.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/model/decoder.hpp"
#include "strata/model/decoder_footprint.hpp"
#include "strata/model/model_description.hpp"
#include "strata/report/json.hpp"
#include "strata/score/any_rule.hpp"
#include "strata/score/rule.hpp"
#include "strata/select.hpp"
#include "strata/text/tokenizer.hpp"
#include "strata/trace_options.hpp"

namespace cli {

// What the score rule asks for.
inline strata::rule_footprint rule_of(const arguments& given, const strata::trace_options& options) {
  return strata::with_rule(score_of(given), rule_settings_of(given), [&](const auto& rule) -> strata::rule_footprint {
    using rule_type = std::remove_cvref_t<decltype(rule)>;
    return {strata::recomputed_rule<rule_type, float> && !options.minus_dropped, strata::node_rule<rule_type, float>};
  });
}

class opened_model {
 public:
  explicit opened_model(const arguments& given)
      : path_(given.model), described_(strata::describe_model(given.model)), tokenizer_(tokenizer_of(given)) {
    print_warnings(described_.config);
  }

  [[nodiscard]] const strata::decoder_config& config() const { return described_.config; }
  [[nodiscard]] strata::model_shape shape() const { return described_.config.shape(); }
  /// Null only where the prompt comes as tokens.
  [[nodiscard]] const std::optional<strata::tokenizer>& tokenizer() const { return tokenizer_; }

  [[nodiscard]] std::vector<strata::token_id> tokens_of_text(const std::string& text, const arguments& given) const {
    return tokenizer_->encode(text, special_tokens_of(given));
  }

  /// The prompt that the command line names.
  [[nodiscard]] std::vector<strata::token_id> prompt(const arguments& given) const {
    std::vector<strata::token_id> tokens;
    if (given.tokens)
      tokens = numbers_of<strata::token_id>("--tokens", *given.tokens);
    else
      tokens = tokens_of_text(given.file ? text_of(*given.file) : *given.text, given);
    strata::check_prompt(shape(), tokens);
    return tokens;
  }

  /// Loads it for traces of `length` tokens; options.max_memory becomes what is left for the trace. To be called once.
  /// beside:   bytes that something else takes.
  [[nodiscard]] strata::decoder<float> load(const arguments& given, std::size_t length, strata::trace_options& options,
                                            std::size_t beside = 0) {
    // How many weights there are shows a model that expands none.
    const auto parameters = strata::decoder<float>(described_, {.max_memory = 0}).parameters();
    const std::size_t bound = memory_bound_of(given);
    if (beside >= bound)
      strata::raise<strata::option_error>("what goes with the trace takes ", beside / 1000000,
                                          " MB, the bound for all is ", bound / 1000000, " MB");
    const memory_shares shares(bound - beside, config(), static_cast<double>(parameters * sizeof(float)), length,
                               options, rule_of(given, options));
    options.max_memory = shares.trace;
    static_cast<void>(strata::plan_memory(shape(), strata::decoder_footprint(config(), options.threads), length,
                                          options, rule_of(given, options), sizeof(float)));
    return strata::decoder<float>(
        std::move(described_),
        {.max_memory = shares.weights, .gradient_memory = shares.trace / 2, .threads = options.threads});
  }

  /// Of the loaded model; needs this object as long as it is used.
  [[nodiscard]] strata::trace_description about(const strata::decoder<float>& model) const {
    strata::trace_description about{path_, model.parameters(), model.shape(), {}};
    if (tokenizer_)
      about.piece = [this](strata::token_id token) -> std::optional<std::string> {
        if (static_cast<std::size_t>(token) >= tokenizer_->vocabulary()) return std::nullopt;
        return tokenizer_->piece(token);
      };
    return about;
  }

 private:
  std::string path_;
  strata::model_description described_;
  std::optional<strata::tokenizer> tokenizer_;
};

}  // namespace cli
