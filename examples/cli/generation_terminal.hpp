// What a person sees of a text that is generated: a line for each token as it comes, and at the end the text, coloured by
// density.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "on_screen.hpp"
#include "strata/generate.hpp"
#include "strata/measure/softmax.hpp"
#include "strata/report/json.hpp"
#include "strata/text/utf8.hpp"
#include "strata/trace.hpp"
#include "terminal.hpp"

namespace cli {

// Colours of a ramp from blue to red, from the 256 of a terminal: readable on white and on black (contrast 3.8 or more).
inline constexpr std::array<int, 6> density_colours = {32, 30, 64, 130, 166, 161};

// Of densities from `low` to `high`.
inline int density_colour(double density, double low, double high) {
  const double last = density_colours.size() - 1;
  const double place = high > low ? (density - low) / (high - low) : 0.5;
  return density_colours[static_cast<std::size_t>(std::lround(std::clamp(place, 0.0, 1.0) * last))];
}

class generation_printer {
 public:
  // ends: tokens that stand in the table, but not in the text.
  generation_printer(const strata::trace_description& about, std::span<const strata::token_id> ends, bool colours)
      : about_(about), ends_(ends), c_(colours), colours_(colours) {}

  void begin(std::span<const strata::token_id> prompt, bool traces) {
    for (const strata::token_id token : prompt) prompt_ += text_of(token);
    std::printf("%s      token                 probability  entropy", c_.bold);
    if (traces) std::printf("  density  smallest faithful trace (TV < %.1f)", bound);
    std::printf("%s\n", c_.off);
    std::fflush(stdout);
  }

  // trace: of the token's prediction, or null.
  template <class T>
  void add(const strata::generated_token<T>& step, const strata::trace_result<T>* trace) {
    const double p = std::exp(-strata::cross_entropy<T>(step.logits, static_cast<std::size_t>(step.token)));
    std::printf("%4zu  %s%s%s  %11s  %7.2f", step.number + 1, c_.accent,
                padded(shown(about_, step.token, token_columns), token_columns).c_str(), c_.off, probability(p).c_str(),
                strata::entropy<T>(step.logits));
    std::optional<double> density;
    if (trace != nullptr) {
      if (trace->curve.size() > 1) density = trace->density;  // of one size there is none
      std::printf("  %7s  %s", density ? number("%.2f", *density).c_str() : "", smallest(*trace).c_str());
      if (density) widest_ = std::log10(trace->curve.back().size / trace->curve.front().size);
    }
    std::printf("\n");
    std::fflush(stdout);
    const bool ends = std::find(ends_.begin(), ends_.end(), step.token) != ends_.end();
    tokens_.push_back({ends ? "" : text_of(step.token), density});
  }

  void print_text() const {
    std::vector<double> densities;
    for (const shown_token& token : tokens_)
      if (token.density) densities.push_back(*token.density);
    const auto [low, high] = densities.empty() ? std::pair(0.0, 0.0)
                                               : std::pair(*std::min_element(densities.begin(), densities.end()),
                                                           *std::max_element(densities.begin(), densities.end()));
    std::printf("\n%s%s%s", c_.dim, as_written(prompt_).c_str(), c_.off);
    std::string pending;  // the begin of a character that goes on in the next token
    std::size_t parts = 0;
    bool ends_line = false;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      pending += tokens_[i].text;
      constexpr std::size_t longest_character = 4;
      if (!is_utf8(pending) && ++parts < longest_character && i + 1 < tokens_.size()) continue;
      print_coloured(as_written(pending), tokens_[i].density, low, high);
      if (!pending.empty()) ends_line = pending.back() == '\n';
      pending.clear();
      parts = 0;
    }
    if (!ends_line) std::printf("\n");
    if (densities.empty()) return;
    double sum = 0;
    for (const double density : densities) sum += density;
    std::printf("\n%sDensity%s %.2f", c_.bold, c_.off, low);
    if (colours_) {
      std::printf(" ");
      for (const int colour : density_colours) std::printf("\033[38;5;%dm██", colour);
      std::printf("%s %.2f", c_.off, high);
    } else {
      std::printf(" to %.2f", high);
    }
    std::printf(", mean %.2f of %.3g; the lower, the fewer edges are enough for the token\n",
                sum / static_cast<double>(densities.size()), widest_);
  }

 private:
  static constexpr double bound = 0.2;
  static constexpr std::size_t token_columns = 20;

  struct shown_token {
    std::string text;
    std::optional<double> density;
  };

  // The text of a token, or where there is none its id.
  [[nodiscard]] std::string text_of(strata::token_id token) const {
    const std::optional<std::string> piece = about_.piece ? about_.piece(token) : std::nullopt;
    return piece ? *piece : '[' + std::to_string(token) + ']';
  }

  template <class T>
  static std::string smallest(const strata::trace_result<T>& trace) {
    const strata::trace_point* point = trace.smallest_below(bound, [](const auto& m) { return m.total_variation; });
    if (point == nullptr) return "none of these sizes";
    return "size " + padded(size_text(point->size), 6) + "  " + grouped(point->edges) + " of " +
           grouped(trace.edges.edge_count()) + " edges";
  }

  void print_coloured(const std::string& text, std::optional<double> density, double low, double high) const {
    if (!density || !colours_)
      std::printf("%s", text.c_str());
    else
      std::printf("\033[38;5;%dm%s%s", density_colour(*density, low, high), text.c_str(), c_.off);
  }

  static bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();)
      if (strata::next_code_point(text, at) < 0) return false;
    return true;
  }

  const strata::trace_description& about_;
  std::span<const strata::token_id> ends_;
  palette c_;
  bool colours_;
  std::string prompt_;
  std::vector<shown_token> tokens_;
  double widest_ = 0;
};

}  // namespace cli
