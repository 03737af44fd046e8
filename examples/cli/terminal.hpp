// What a person sees: the trace as lines of text.
#pragma once

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "on_screen.hpp"
#include "strata/circuit.hpp"
#include "strata/measure/nucleus.hpp"
#include "strata/measure/softmax.hpp"
#include "strata/report/json.hpp"
#include "strata/trace.hpp"

namespace cli {

// Colours only on a terminal, and not where NO_COLOR is set (no-color.org).
struct palette {
  explicit palette(bool on)
      : bold(on ? "\033[1m" : ""), dim(on ? "\033[2m" : ""), accent(on ? "\033[36m" : ""), off(on ? "\033[0m" : "") {}
  const char *bold, *dim, *accent, *off;
};

inline bool wants_colour(int descriptor) {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return isatty(descriptor) != 0 && (no_colour == nullptr || *no_colour == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

// Columns of a line: those of the terminal, otherwise 100.
inline std::size_t line_columns(int descriptor) {
  constexpr std::size_t least = 40, usual = 100;
  winsize size{};
  const bool known = ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? std::max<std::size_t>(least, size.ws_col) : usual;
}

// A token in quotes, or its id where it has no text.
inline std::string shown(const strata::trace_description& about, strata::token_id token, std::size_t longest) {
  const std::optional<std::string> piece = about.piece ? about.piece(token) : std::nullopt;
  return piece ? '"' + shortened(on_one_line(*piece), longest - 2) + '"' : "token " + std::to_string(token);
}

class trace_printer {
 public:
  trace_printer(const strata::trace_description& about, palette colours, std::size_t columns)
      : about_(about), c_(colours), columns_(columns) {}

  template <class T>
  void print(const strata::trace_result<T>& result, std::optional<strata::token_id> target,
             bool inverse = false) const {
    print_prompt(result);
    print_prediction(result, target);
    print_curve(result, inverse);
    if (inverse) return;  // the rest is about traces
    print_smallest(result);
    print_density(result);
  }

  template <class T>
  void print_circuit(const strata::trace_result<T>& result, const strata::circuit_curve& circuit,
                     const std::string& name) const {
    std::printf("\n%sFaithfulness%s of %s: %s with all edges, %s with none\n", c_.bold, c_.off, name.c_str(),
                number("%.3f", circuit.full).c_str(), number("%.3f", circuit.empty).c_str());
    if (circuit.faithfulness.empty()) {
      std::printf("  both are equal: there is nothing to recover\n");
      return;
    }
    std::printf("%*s", pad(""), "");
    flow line(columns_);
    for (std::size_t i = 0; i < circuit.faithfulness.size(); ++i)
      line.add(number("%.3f", circuit.faithfulness[i]) + " at " + size_text(result.curve[i].size), "   ");
    std::printf("\n");
    if (circuit.cpr) std::printf("  areas over the size: CPR %.3f, CMD %.3f\n", *circuit.cpr, *circuit.cmd);
  }

 private:
  static constexpr std::size_t longest_piece = 30;  // in columns

  std::string shown(strata::token_id token, std::size_t longest = longest_piece) const {
    return cli::shown(about_, token, longest);
  }

  void begin(const char* word) const { std::printf("%s%s%s%*s", c_.bold, word, c_.off, pad(word), ""); }
  static int pad(std::string_view word) { return static_cast<int>(flow::margin - word.size()); }

  template <class T>
  void print_prompt(const strata::trace_result<T>& result) const {
    begin("prompt");
    flow line(columns_);
    for (std::size_t i = 0; i < result.tokens.size(); ++i) {
      const std::optional<std::string> piece = about_.piece ? about_.piece(result.tokens[i]) : std::nullopt;
      const bool last = i + 1 == result.tokens.size();
      line.add(piece ? shortened(on_one_line(*piece), longest_piece) : std::to_string(result.tokens[i]), "");
      if (!last) line.add("|", "", c_.dim, c_.off);
    }
    std::printf("\n%*s%s%zu token%s, %s edges in %zu layers of %zu heads%s\n", pad(""), "", c_.dim,
                result.tokens.size(), result.tokens.size() == 1 ? "" : "s (parted by |)",
                grouped(result.edges.edge_count()).c_str(), about_.shape.layers, about_.shape.heads, c_.off);
  }

  template <class T>
  void print_prediction(const strata::trace_result<T>& result, std::optional<strata::token_id> target) const {
    begin("next");
    flow line(columns_);
    bool first = true;
    for (const auto& [token, p] : strata::top_tokens<T>(result.logits, 5)) {
      line.add(shown(token) + ' ' + probability(p), "   ", first ? c_.accent : "", first ? c_.off : "");
      first = false;
    }
    std::printf("\n%*s%sentropy %.2f nats%s\n", pad(""), "", c_.dim, result.entropy, c_.off);
    if (!target) return;
    const auto wanted = static_cast<std::size_t>(*target);
    begin("target");
    std::printf("%s %s, rank %zu\n", shown(*target).c_str(),
                probability(std::exp(-strata::cross_entropy<T>(result.logits, wanted))).c_str(),
                strata::rank_of<T>(result.logits, wanted));
  }

  template <class T>
  void print_curve(const strata::trace_result<T>& result, bool inverse) const {
    std::printf("\n%s%s (KL, TV: distance from the model's prediction, 0 is the same):%s\n", c_.dim,
                inverse ? "With what the traces of these sizes leave out, and all residual edges"
                        : "With only so many edges kept",
                c_.off);
    std::printf("%s       size  %*s       KL     TV  top-1  predicts          recovered (1 - TV)%s\n", c_.bold,
                edge_columns(result), "edges", c_.off);
    const auto alike = [&](const strata::trace_point& point) {  // reaches no input, and says what the first one says
      return !point.made_of.reaches_input &&
             point.measured.total_variation == result.curve.front().measured.total_variation;
    };
    const auto first = std::find_if_not(result.curve.begin(), result.curve.end(), alike);
    if (first != result.curve.begin()) {
      const strata::trace_point& last = *(first - 1);
      print_numbers(last, first - result.curve.begin() > 1 ? "≤" : " ", edge_columns(result));
      const bool uniform =
          std::abs(last.measured.entropy - std::log(static_cast<double>(about_.shape.vocabulary))) < 1e-6;
      std::printf("%sreaches no input: %s%s\n", c_.dim,
                  uniform ? "every token is equally likely" : "the same answer for every prompt", c_.off);
    }
    for (auto point = first; point != result.curve.end(); ++point) {
      const strata::faithfulness& m = point->measured;
      print_numbers(*point, " ", edge_columns(result));
      std::printf("%s    %s %s%s%s\n", m.top1 ? "yes" : "no ",
                  padded(shown(static_cast<strata::token_id>(m.top_token), 16), 16).c_str(), c_.accent,
                  (' ' + bar(1 - m.total_variation)).c_str(), c_.off);
    }
  }

  template <class T>
  static int edge_columns(const strata::trace_result<T>& result) {
    return static_cast<int>(std::max<std::size_t>(5, grouped(result.edges.edge_count()).size()));
  }

  static void print_numbers(const strata::trace_point& point, const char* sign, int edge_columns) {
    std::printf("%s %9s  %*s  %7s  %5.3f  ", sign, size_text(point.size).c_str(), edge_columns,
                grouped(point.edges).c_str(), number("%.3f", point.measured.kl).c_str(),
                point.measured.total_variation);
  }

  template <class T>
  void print_smallest(const strata::trace_result<T>& result) const {
    constexpr double bound = 0.2;
    const strata::trace_point* smallest = result.smallest_below(bound, [](const auto& m) { return m.total_variation; });
    if (smallest == nullptr) {
      std::printf("\nNo trace of these sizes is faithful (TV < %.1f).\n", bound);
      return;
    }
    const strata::composition& made = smallest->made_of;
    std::printf("\n%sSmallest faithful trace%s (TV < %.1f): %s%s of %s edges%s, size %s, TV %.3f\n", c_.bold, c_.off,
                bound, c_.accent, grouped(smallest->edges).c_str(), grouped(result.edges.edge_count()).c_str(), c_.off,
                size_text(smallest->size).c_str(), smallest->measured.total_variation);
    if (made.edges == 0) return;
    std::printf("  kind   attention %s, MLP %s, residual %s\n", share(made.attention(), made.edges).c_str(),
                share(made.mlp(), made.edges).c_str(), share(made.residual(), made.edges).c_str());
    std::printf("  depth ");
    static constexpr const char* quarters[] = {" first quarter of the layers ", ", second ", ", third ", ", last "};
    for (std::size_t q = 0; q < 4; ++q) std::printf("%s%s", quarters[q], share(made.quartiles[q], made.edges).c_str());
    std::printf("\n");
  }

  // Areas under a curve: of one size there is none.
  template <class T>
  void print_density(const strata::trace_result<T>& result) const {
    constexpr double from = 1e-3;
    const auto begin = std::find_if(result.curve.begin(), result.curve.end(), [](const auto& p) { return p.size > 0; });
    if (result.curve.end() - begin < 2) return;
    const double first = begin->size, last = result.curve.back().size;
    std::printf(
        "\n%sDensity%s %.2f of %.3g: the area under TV over log10(size); the lower, the fewer edges are enough\n",
        c_.bold, c_.off, result.density, std::log10(last / first));
    const auto middle =
        std::find_if(result.curve.begin(), result.curve.end(), [](const auto& point) { return point.size >= from; });
    if (first < from && middle != result.curve.end() && middle->size < last)
      std::printf("        %.2f of %.3g from size %s on\n", result.tv_area, std::log10(last / middle->size),
                  size_text(middle->size).c_str());
  }

  const strata::trace_description& about_;
  palette c_;
  std::size_t columns_;
};

}  // namespace cli
