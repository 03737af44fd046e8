/// Which patterns mean the same to ICU as to the regular expressions for which tokenizer files are written (those of
/// Oniguruma with Ruby's syntax). What the two read differently is refused: ^ and $, \w and \b, nested sets, {n}+, …
#pragma once

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "strata/core/error.hpp"

namespace strata {

class split_syntax {
 public:
  /// What is not supported in `pattern`, as the end of a sentence; empty if all is well.
  [[nodiscard]] static std::string complaint(std::string_view pattern) {
    split_syntax syntax(pattern);
    while (syntax.complaint_.empty() && syntax.more()) syntax.read_part();
    if (syntax.complaint_.empty() && syntax.depth_ != 0) syntax.refuse("a group that is not closed", pattern.size());
    return syntax.complaint_;
  }

 private:
  enum class part { nothing, single, group, quantified };  // what a quantifier would repeat
  enum class member { start, literal, category, range };   // what a '-' in a set would follow
  static constexpr std::size_t deepest = 50;               // groups inside one another
  static constexpr std::size_t longest_count = 3;          // digits
  static constexpr std::string_view group_starts[] = {"?:", "?i:", "?=", "?!", "?<=", "?<!", "?>"};

  explicit split_syntax(std::string_view pattern) : pattern_(pattern) {}

  [[nodiscard]] bool more() const { return at_ < pattern_.size(); }
  [[nodiscard]] char peek() const { return more() ? pattern_[at_] : '\0'; }
  [[nodiscard]] std::string_view rest() const { return pattern_.substr(at_); }

  void refuse(std::string_view what, std::size_t offset) {
    if (complaint_.empty()) complaint_ = concat("has ", what, " at offset ", offset, ", which is not supported");
  }

  void read_part() {
    const std::size_t start = at_;
    const char c = pattern_[at_++];
    switch (c) {
      case '(':
        return open_group(start);
      case ')':
        if (depth_-- == 0) return refuse("a ')' without '('", start);
        last_ = part::group;
        return;
      case '|':
        last_ = part::nothing;
        return;
      case '*':
      case '+':
      case '?':
        if (last_ == part::nothing || last_ == part::quantified) return refuse("a misplaced quantifier", start);
        if (peek() == '?' || peek() == '+') ++at_;
        last_ = part::quantified;
        return;
      case '{':
        return read_count(start);
      case '[':
        read_set(start);
        break;
      case '\\':
        read_escape(start);
        break;
      case '^':
      case '$':
      case ']':
      case '}':
        return refuse(concat("an unescaped '", c, "'"), start);
      default:
        break;
    }
    last_ = part::single;
  }

  void open_group(std::size_t start) {
    if (++depth_ > deepest) return refuse("groups that are nested too deeply", start);
    last_ = part::nothing;
    if (peek() != '?') return;
    for (const auto known : group_starts) {
      if (rest().starts_with(known)) {
        at_ += known.size();
        return;
      }
    }
    refuse("a kind of group other than (…), (?:…), (?i:…), (?=…), (?!…), (?<=…), (?<!…), (?>…)", start);
  }

  /// {n}, {n,}, {n,m}. Repeated groups could hide an astronomical number of steps.
  void read_count(std::size_t start) {
    const auto read_number = [this] {
      const std::size_t first = at_;
      while (peek() >= '0' && peek() <= '9') ++at_;
      return at_ - first;
    };
    const std::size_t lowest = read_number();
    std::size_t highest = 0;
    if (peek() == ',') {
      ++at_;
      highest = read_number();
    }
    const bool closed = peek() == '}';
    if (closed) ++at_;
    if (last_ != part::single || !closed || lowest == 0 || lowest > longest_count || highest > longest_count ||
        peek() == '+' || peek() == '?')
      return refuse("a repeat count other than {n}, {n,}, {n,m} after a single character or set", start);
    last_ = part::quantified;
  }

  void read_set(std::size_t start) {
    if (peek() == '^') ++at_;
    auto before = member::start;
    for (bool first = true; more(); first = false) {
      const std::size_t offset = at_;
      const char c = pattern_[at_++];
      if (U8_IS_TRAIL(static_cast<unsigned char>(c))) continue;  // belongs to the character before it
      if (c == ']' && !first) return;
      if (c == '[' || c == ']' || (c == '&' && peek() == '&'))
        return refuse("a set inside a set, an empty set or '&&'", offset);
      if (c == '-' && !first && peek() != ']') {
        if (before != member::literal || !read_range_end(offset)) return refuse("a misplaced '-' in a set", offset);
        before = member::range;
      } else {
        before = c == '\\' ? read_escape(offset) : member::literal;
      }
      if (!complaint_.empty()) return;
    }
    refuse("a set that is not closed", start);
  }

  bool read_range_end(std::size_t offset) {
    const char c = peek();
    if (!more() || c == '-' || c == '[' || c == '&') return false;
    ++at_;
    return c != '\\' || read_escape(offset) == member::literal;
  }

  /// Behind the backslash.
  member read_escape(std::size_t start) {
    const char c = peek();
    if (more()) ++at_;
    constexpr std::string_view controls = "rntf";
    constexpr std::string_view categories = "sSdD";
    if (c == 'p' || c == 'P') return read_property(start);
    if (c == 'u') return read_code_point(start);
    if (categories.find(c) != std::string_view::npos && c != '\0') return member::category;
    const bool punctuation = c > ' ' && c < '\x7f' && u_isalnum(c) == 0;
    if (!punctuation && (c == '\0' || controls.find(c) == std::string_view::npos))
      refuse("an escape other than \\r \\n \\t \\f \\s \\S \\d \\D \\p{…} \\P{…} \\uXXXX and punctuation", start);
    return member::literal;
  }

  /// General categories in their short form, and scripts: other names differ in meaning.
  member read_property(std::size_t start) {
    const std::size_t end = rest().find('}');
    if (peek() != '{' || end == std::string_view::npos) {
      refuse("an incomplete \\p{…}", start);
      return member::category;
    }
    const std::string name(rest().substr(1, end - 1));
    const bool category =
        name.size() <= 2 && u_getPropertyValueEnum(UCHAR_GENERAL_CATEGORY_MASK, name.c_str()) != UCHAR_INVALID_CODE;
    const bool script = name.size() > 2 && u_getPropertyValueEnum(UCHAR_SCRIPT, name.c_str()) != UCHAR_INVALID_CODE;
    if (!category && !script) refuse("a property that is neither a general category nor a script", start);
    at_ += end + 1;
    return member::category;
  }

  member read_code_point(std::size_t start) {
    constexpr std::string_view hexadecimal = "0123456789abcdefABCDEF";
    const auto digits = rest().substr(0, 4);
    const bool surrogate = digits.size() == 4 && (digits[0] == 'd' || digits[0] == 'D') && digits[1] > '7';
    if (digits.size() < 4 || digits.find_first_not_of(hexadecimal) != std::string_view::npos || surrogate)
      refuse("an incomplete \\uXXXX", start);
    at_ += digits.size();
    return member::literal;
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  part last_ = part::nothing;
  std::string complaint_;
};

}  // namespace strata
