// How texts and numbers stand on the screen.
#pragma once

#include <unicode/uchar.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "strata/graph/edge.hpp"
#include "strata/text/utf8.hpp"

namespace cli {

// 1234567 → "1,234,567"
inline std::string grouped(strata::edge_id n) {
  std::string out;
  const std::string digits = std::to_string(n);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

// One sentence on one line, whatever a name or a file has put into it.
inline std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return text;
}

// A piece of text on one line: bytes that are no UTF-8 as \xNN, characters that cannot be seen as \n, \t or \u{N}.
inline std::string on_one_line(std::string_view piece) {
  std::string out;
  char escape[16];
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t begin = at;
    const std::int32_t point = strata::next_code_point(piece, at);
    if (point < 0) {
      for (std::size_t i = begin; i < at; ++i) {
        std::snprintf(escape, sizeof escape, "\\x%02X", static_cast<unsigned>(static_cast<unsigned char>(piece[i])));
        out += escape;
      }
    } else if (point == '\n' || point == '\t' || point == '\\') {
      out += point == '\n' ? "\\n" : point == '\t' ? "\\t" : "\\\\";
    } else if (u_isprint(point) == 0) {
      std::snprintf(escape, sizeof escape, "\\u{%X}", static_cast<unsigned>(point));
      out += escape;
    } else {
      out += piece.substr(begin, at - begin);
    }
  }
  return out;
}

// A text on the lines that it has, otherwise like a piece on one line.
inline std::string as_written(std::string_view text) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of("\n\t\\", begin), text.size());
    out += on_one_line(text.substr(begin, end - begin));
    if (end < text.size()) out += text[end];
    begin = end + 1;
  }
  return out;
}

inline std::size_t columns_of(std::int32_t point) {
  const auto category = u_charType(point);
  if (category == U_NON_SPACING_MARK || category == U_ENCLOSING_MARK) return 0;
  const int width = u_getIntPropertyValue(point, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

// How wide a text is on the screen.
inline std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) columns += columns_of(strata::next_code_point(text, at));
  return columns;
}

// The text, or its beginning and "…".
inline std::string shortened(const std::string& text, std::size_t columns) {
  if (columns_of(text) <= columns) return text;
  std::size_t kept = 0, end = 0;
  for (std::size_t at = 0; at < text.size(); end = at) {
    kept += columns_of(strata::next_code_point(text, at));
    if (kept + 1 > columns) break;
  }
  return text.substr(0, end) + "…";
}

inline std::string padded(std::string text, std::size_t columns) {
  const std::size_t taken = columns_of(text);
  if (taken < columns) text.append(columns - taken, ' ');
  return text;
}

inline std::string number(const char* format, double value) {
  if (std::isinf(value)) return "inf";
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

inline std::string size_text(double size) { return number("%.4g", size); }

inline std::string probability(double p) { return p > 0 && p < 0.0005 ? "<0.1 %" : number("%.1f %%", 100 * p); }

inline std::string share(strata::edge_id part, strata::edge_id whole) {
  const double percent = 100 * static_cast<double>(part) / static_cast<double>(whole);
  return percent > 0 && percent < 0.5 ? "<1 %" : number("%.0f %%", percent);
}

// How much of the distribution is there: 1 − TV in twenty steps, eighths of a character where it matters.
inline std::string bar(double recovered) {
  static constexpr const char* eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto steps = static_cast<std::size_t>(std::lround(std::clamp(recovered, 0.0, 1.0) * 160));
  std::string out;
  for (std::size_t i = 0; i < steps / 8; ++i) out += "█";
  return out + eighths[steps % 8];
}

// Texts one after the other; one that no longer fits goes to a new line, behind the margin.
class flow {
 public:
  explicit flow(std::size_t columns) : columns_(columns) {}

  // The gap, and what dims it, stand only between texts of one line.
  void add(const std::string& text, const std::string& gap, const char* before = "", const char* after = "") {
    const std::size_t wide = columns_of(text);
    if (at_ > margin && at_ + columns_of(gap) + wide > columns_) {
      std::printf("\n%*s", static_cast<int>(margin), "");
      at_ = margin;
    } else if (at_ > margin) {
      std::printf("%s", gap.c_str());
      at_ += columns_of(gap);
    }
    std::printf("%s%s%s", before, text.c_str(), after);
    at_ += wide;
  }

  static constexpr std::size_t margin = 9;  // behind the words at the left

 private:
  std::size_t columns_;
  std::size_t at_ = margin;
};

}  // namespace cli
