/// Cuts a text into the words that byte-pair encoding then treats one by one.
#pragma once

#include <unicode/unistr.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "strata/text/split_pattern.hpp"

namespace strata {

/// GPT-2's words: English contractions, then runs of letters, of numbers and of other signs, each with the space before
/// it; the other white space.
inline constexpr std::string_view gpt2_words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// A text in UTF-16 and its pieces in order.
struct text_pieces {
  icu::UnicodeString text;
  std::vector<text_range> ranges;
};

/// Step that puts a space before each piece that does not begin with one.
struct prefix_space {
  [[nodiscard]] text_pieces apply(const text_pieces& pieces) const {
    constexpr char16_t space = u' ';
    text_pieces out;
    out.ranges.reserve(pieces.ranges.size());
    for (const auto& [begin, end] : pieces.ranges) {
      const std::int32_t start = out.text.length();
      if (pieces.text.charAt(begin) != space) out.text.append(space);
      out.text.append(pieces.text, begin, end - begin);
      out.ranges.push_back({start, out.text.length()});
    }
    return out;
  }
};

/// Step that writes "▁" for each space and puts one before pieces that do not begin with it.
struct mark_spaces {
  enum class prefix { never, first, always };  // first: only before a piece that begins the whole text
  prefix where = prefix::always;

  [[nodiscard]] text_pieces apply(const text_pieces& pieces, bool begins_text) const {
    constexpr char16_t space = u' ';
    constexpr char16_t mark = u'\u2581';
    text_pieces out;
    out.ranges.reserve(pieces.ranges.size());
    for (const auto& [begin, end] : pieces.ranges) {
      const std::int32_t start = out.text.length();
      const char16_t first = pieces.text.charAt(begin);
      const bool may_prefix = where == prefix::always || (where == prefix::first && begins_text && begin == 0);
      if (may_prefix && first != space && first != mark) out.text.append(mark);
      for (std::int32_t i = begin; i < end; ++i)
        out.text.append(pieces.text.charAt(i) == space ? mark : pieces.text.charAt(i));
      out.ranges.push_back({start, out.text.length()});
    }
    return out;
  }
};

/// Steps that are applied in order, each to the pieces that the one before it left.
class pre_tokenizer {
 public:
  using step = std::variant<split_pattern, prefix_space, mark_spaces>;

  pre_tokenizer() = default;
  explicit pre_tokenizer(std::vector<step> steps) : steps_(std::move(steps)) {}

  /// `begins_text`: is this the beginning of the whole text, or behind an added token?
  /// Requires: valid UTF-8 of at most longest_text bytes.
  /// Throws:   strata::data_error if a pattern needs too many steps.
  [[nodiscard]] text_pieces split(std::string_view text, bool begins_text = true) const {
    text_pieces pieces{to_utf16(text), {}};
    if (!pieces.text.isEmpty()) pieces.ranges.push_back({0, pieces.text.length()});
    for (const auto& next : steps_) {
      if (const auto* pattern = std::get_if<split_pattern>(&next))
        pieces.ranges = pattern->split(pieces.text, pieces.ranges);
      else if (const auto* marks = std::get_if<mark_spaces>(&next))
        pieces = marks->apply(pieces, begins_text);
      else
        pieces = std::get<prefix_space>(next).apply(pieces);
    }
    return pieces;
  }

 private:
  std::vector<step> steps_;
};

}  // namespace strata
