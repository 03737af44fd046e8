// What dropped edges contribute, as the command line says.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "open_model.hpp"
#include "strata/core/error.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/edge_means.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/model/decoder.hpp"
#include "strata/model/mass_means_file.hpp"
#include "strata/model/means_file.hpp"
#include "strata/score/mean_recorder.hpp"
#include "strata/score/replacement.hpp"
#include "strata/trace_options.hpp"

namespace cli {

// Refuses options that do not go together; before anything is read.
inline void check_ablation(const arguments& given) {
  using strata::option_error;
  using strata::raise;
  const bool resamples = given.resample_text.has_value() || given.resample_tokens.has_value();
  if (given.ablation == "mean" && !given.reference)
    raise<option_error>("--ablation mean needs --reference FILE, which strata reference writes");
  if (given.ablation == "resample" && !resamples)
    raise<option_error>(
        "--ablation resample needs another prompt of the same length: --resample-text or "
        "--resample-tokens");
  if (given.ablation != "mean" && given.ablation != "mass-mean" && given.reference)
    raise<option_error>("--reference goes with --ablation mean and mass-mean");
  if (given.ablation != "resample" && resamples)
    raise<option_error>("--resample-text and --resample-tokens go with --ablation resample");
  if (given.resample_text && given.resample_tokens)
    raise<option_error>("--resample-text and --resample-tokens: only one of them");
  if (given.causal_mean && (given.ablation != "mass-mean" || given.reference))
    raise<option_error>("--causal-mean goes with --ablation mass-mean, without --reference");
  if (given.minus_dropped && given.ablation == "zero")
    raise<option_error>(
        "--minus-dropped goes with --ablation mean, resample and mass-mean: under zero ablation nothing "
        "stands for a dropped edge");
  if (given.ablation != "zero" && attention_mask_of(given) != strata::attention_mask::after_softmax)
    raise<option_error>("--ablation ", given.ablation, " goes with --attention-mask after_softmax only",
                        given.attention_mask ? "" : ", which --published does not take by itself");
  if ((given.frozen_pattern || given.rescale_nodes) && attention_mask_of(given) == strata::attention_mask::ignored)
    raise<option_error>("--frozen-pattern and --rescale-nodes do not go with --attention-mask ignored",
                        given.attention_mask ? "" : ", which --published takes");
}

class dropped_edges {
 public:
  /// Reads what there is to read; `tokens` is the prompt.
  dropped_edges(const arguments& given, const opened_model& opened, std::size_t tokens)
      : mass_(given.ablation == "mass-mean"),
        pattern_(given.frozen_pattern),
        norms_(given.rescale_nodes),
        which_(given.causal_mean ? strata::head_mean::causal : strata::head_mean::prompt) {
    if (mass_ && given.reference) {
      stored_mass_.emplace(strata::read_mass_means(*given.reference));
      file_ = *given.reference;
      stored_mass_->means.require(opened.shape(), tokens, opened.config().head_width);
    }
    if (runs()) {
      const strata::decoder_config& config = opened.config();
      bytes_ = sizeof(float) * config.layers * config.heads *
               ((pattern_ || norms_ ? tokens * (tokens + 1) / 2 : 0) + tokens * config.head_width);
    }
    if (given.ablation == "mean") {
      stored_.emplace(strata::read_means(*given.reference));
      file_ = *given.reference;
      strata::ablation<float>({}, &stored_->means).require(opened.shape(), tokens, opened.config().head_width);
    } else if (given.ablation == "resample") {
      other_ = given.resample_text ? opened.tokens_of_text(*given.resample_text, given)
                                   : numbers_of<strata::token_id>("--resample-tokens", *given.resample_tokens);
      strata::check_prompt(opened.shape(), other_);
      if (other_.size() != tokens)
        strata::raise<strata::option_error>("the prompt to resample from has ", other_.size(), " tokens, the prompt ",
                                            tokens, "; they must be equally long");
      const strata::decoder_config& config = opened.config();
      bytes_ += sizeof(float) * strata::edge_mean_tables<float>::count(opened.shape(), config.head_width, tokens);
    }
  }

  /// Bytes that it takes beside the trace; a mapped file takes none that the system could not have back.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// Needs this object as long as it is used.
  [[nodiscard]] strata::ablation<float> ablation(const strata::decoder<float>& model,
                                                 const std::vector<strata::token_id>& tokens,
                                                 const strata::trace_options& options) {
    strata::ablation<float> made(options.attention, means(model, options.threads));
    if (pattern_ || norms_)
      own_.emplace(strata::replacement_of(model, tokens, which_));
    else if (runs())
      own_mass_.emplace(strata::mass_means_of(model, std::span(tokens), which_));
    if (stored_mass_) stored_mass_->require_model(model, file_);
    if (mass_) made.mass = stored_mass_ ? &stored_mass_->means : own_ ? &own_->mass : &*own_mass_;
    if (pattern_) made.pattern = &own_->pattern;
    if (norms_) made.norms = &own_->norms;
    return made;
  }

 private:
  // Whether a run of the prompt is to be recorded.
  [[nodiscard]] bool runs() const { return pattern_ || norms_ || (mass_ && !stored_mass_); }

  // Null: nothing.
  [[nodiscard]] const strata::edge_means<float>* means(const strata::decoder<float>& model, std::size_t threads) {
    if (stored_) {
      stored_->require_model(model, file_);
      return &stored_->means;
    }
    if (other_.empty()) return nullptr;
    const std::vector<std::vector<strata::token_id>> prompts{other_};
    sampled_.emplace(strata::means_over(model, prompts, other_.size(), threads));
    return &*sampled_;
  }

  bool mass_, pattern_, norms_;
  std::optional<strata::stored_mass_means> stored_mass_;
  strata::head_mean which_;
  std::optional<strata::replacement<float>> own_;
  std::optional<strata::mass_means<float>> own_mass_;
  std::optional<strata::stored_means> stored_;
  std::string file_;
  std::vector<strata::token_id> other_;
  std::size_t bytes_ = 0;
  std::optional<strata::edge_means<float>> sampled_;
};

}  // namespace cli
