// What a person sees: the trace as lines of text.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

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

// 1234567 → "1,234,567"
inline std::string grouped(strata::edge_id n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

// A piece of text in quotes, on one line; bytes that are no UTF-8 as \xNN.
inline std::string quoted(const std::string& piece) {
  const bool utf8 = strata::detail::hex_unless_utf8(piece).empty();
  std::string out = "\"";
  for (const char c : piece) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !utf8)) {
      char hex[5];
      std::snprintf(hex, sizeof hex, "\\x%02X", byte);
      out += hex;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// Fills up with blanks to a width counted in characters, not bytes.
inline std::string padded(std::string text, std::size_t width) {
  const auto characters = static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  if (characters < width) text.append(width - characters, ' ');
  return text;
}

inline std::string number(const char* format, double value) {
  if (std::isinf(value)) return "inf";
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

inline std::string percent(double share) {
  return number(share > 0 && share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
}
inline double share_of(strata::edge_id part, strata::edge_id whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// How much of the distribution is there: 1 − TV in twenty steps, eighths of a character where it matters.
inline std::string bar(double recovered) {
  static constexpr const char* eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto steps = static_cast<std::size_t>(std::lround(std::clamp(recovered, 0.0, 1.0) * 160));
  std::string out;
  for (std::size_t i = 0; i < steps / 8; ++i) out += "█";
  return out + eighths[steps % 8];
}

class trace_printer {
 public:
  trace_printer(const strata::trace_description& about, palette colours) : about_(about), c_(colours) {}

  template <class T>
  void print(const strata::trace_result<T>& result) const {
    print_prompt(result);
    print_prediction(result);
    print_curve(result);
    print_smallest(result);
    std::printf("\n%sdensity%s %.2f of %.0f (area under TV over log10 of the size); from size 0.001 on %.2f of 3\n",
                c_.bold, c_.off, result.density, std::abs(std::log10(result.curve.front().size)), result.tv_area);
  }

 private:
  std::string shown(strata::token_id token) const {
    return about_.piece ? quoted(about_.piece(token)) : std::to_string(token);
  }

  template <class T>
  void print_prompt(const strata::trace_result<T>& result) const {
    std::printf("%sprompt%s   ", c_.bold, c_.off);
    for (std::size_t i = 0; i < result.tokens.size(); ++i) {
      std::string piece = shown(result.tokens[i]);
      if (about_.piece) piece = piece.substr(1, piece.size() - 2);
      std::printf("%s%s%s%s", i == 0 ? "" : c_.dim, i == 0 ? "" : "|", i == 0 ? "" : c_.off, piece.c_str());
    }
    std::printf("\n         %s%zu token%s, %s edges in %zu layers of %zu heads%s\n", c_.dim, result.tokens.size(),
                result.tokens.size() == 1 ? "" : "s", grouped(result.edges.edge_count()).c_str(), about_.shape.layers,
                about_.shape.heads, c_.off);
  }

  template <class T>
  void print_prediction(const strata::trace_result<T>& result) const {
    std::printf("%snext%s     ", c_.bold, c_.off);
    const auto top = strata::top_tokens<T>(result.logits, 5);
    for (std::size_t i = 0; i < top.size(); ++i)
      std::printf("%s%s%s%s %s", i == 0 ? "" : "   ", i == 0 ? c_.accent : "", shown(top[i].token).c_str(),
                  i == 0 ? c_.off : "", percent(top[i].probability).c_str());
    std::printf("   %s(entropy %.2f nats)%s\n\n", c_.dim, result.entropy, c_.off);
  }

  template <class T>
  void print_curve(const strata::trace_result<T>& result) const {
    std::printf("%s    size      edges       KL     TV  top-1  predicts        recovered (1 - TV)%s\n", c_.bold,
                c_.off);
    std::size_t first = 0;  // sizes that reach no input and all say the same
    while (first < result.curve.size() && !result.curve[first].made_of.reaches_input &&
           result.curve[first].measured.total_variation == result.curve[0].measured.total_variation)
      ++first;
    if (first > 0) {
      const strata::trace_point& last = result.curve[first - 1];
      print_line(last, first > 1 ? "<=" : "  ", "no edge from the prompt yet: the answer without any input");
    }
    for (std::size_t i = first; i < result.curve.size(); ++i) print_line(result.curve[i], "  ", nullptr);
  }

  void print_line(const strata::trace_point& point, const char* sign, const char* instead) const {
    const strata::faithfulness& m = point.measured;
    std::printf("%s%6s  %9s  %7s  %5.3f  ", sign, number("%.4g", point.size).c_str(), grouped(point.edges).c_str(),
                number("%.3f", m.kl).c_str(), m.total_variation);
    if (instead != nullptr) {
      std::printf("%s%s%s\n", c_.dim, instead, c_.off);
    } else {
      std::printf("%s    %s%s%s%s\n", m.top1 ? "yes" : "no ",
                  padded(shown(static_cast<strata::token_id>(m.top_token)), 15).c_str(), c_.accent,
                  (" " + bar(1 - m.total_variation)).c_str(), c_.off);
    }
  }

  template <class T>
  void print_smallest(const strata::trace_result<T>& result) const {
    constexpr double bound = 0.2;
    const strata::trace_point* smallest = result.smallest_below(bound, [](const auto& m) { return m.total_variation; });
    std::printf("\n");
    if (smallest == nullptr) {
      std::printf("no trace of these sizes has TV < %.1f\n", bound);
      return;
    }
    const strata::composition& made = smallest->made_of;
    std::printf("%ssmallest faithful trace%s (TV < %.1f): %s%s of %s edges%s, size %s\n", c_.bold, c_.off, bound,
                c_.accent, grouped(smallest->edges).c_str(), grouped(result.edges.edge_count()).c_str(), c_.off,
                number("%.4g", smallest->size).c_str());
    std::printf(
        "  kind      attention %s, MLP %s, residual %s\n", percent(share_of(made.attention(), made.edges)).c_str(),
        percent(share_of(made.mlp(), made.edges)).c_str(), percent(share_of(made.residual(), made.edges)).c_str());
    std::printf("  depth     ");
    static constexpr const char* quarters[] = {"first quarter of the layers", "second", "third", "last"};
    for (std::size_t q = 0; q < 4; ++q)
      std::printf("%s%s %s", q == 0 ? "" : ", ", quarters[q], percent(share_of(made.quartiles[q], made.edges)).c_str());
    std::printf("\n");
  }

  const strata::trace_description& about_;
  palette c_;
};

}  // namespace cli
