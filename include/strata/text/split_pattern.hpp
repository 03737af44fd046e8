/// Cuts a piece of text at the matches of a pattern. Letters, numbers and white space are those of ICU's version of
/// Unicode: a character that is newer counts as none of them.
#pragma once

#include <unicode/regex.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/text/split_syntax.hpp"
#include "strata/text/utf8.hpp"

namespace strata {

/// Code units [begin, end) of a text in UTF-16.
struct text_range {
  std::int32_t begin = 0;
  std::int32_t end = 0;
};

/// What becomes of the matches; the texts between them always stay.
enum class split_behavior {
  isolated,              // a match is a piece
  removed,               // a match is dropped
  contiguous,            // neighbouring matches are one piece
  merged_with_previous,  // a match ends the piece before it
  merged_with_next       // a match begins the piece after it
};

/// One splitting step of a pre-tokenizer.
class split_pattern {
 public:
  enum class kind { regex, literal };

  /// The pattern is UTF-8; `invert` exchanges the matches and the texts between them.
  /// Throws: strata::data_error if the pattern is malformed or means something else to ICU (split_syntax.hpp).
  split_pattern(std::string_view pattern, kind pattern_kind, split_behavior behavior, bool invert = false)
      : behavior_(behavior), invert_(invert) {
    std::string complaint = pattern.empty() ? "is empty" : "";
    if (pattern.size() > longest_pattern) complaint = concat("is longer than ", longest_pattern, " bytes");
    if (complaint.empty() && pattern_kind == kind::regex) complaint = split_syntax::complaint(pattern);
    if (!complaint.empty()) raise<data_error>("the pattern \"", whole_characters(pattern, 200), "\" ", complaint);

    UErrorCode status = U_ZERO_ERROR;
    UParseError position{};
    const auto flags = static_cast<std::uint32_t>(pattern_kind == kind::literal ? UREGEX_LITERAL : UREGEX_UNIX_LINES);
    pattern_.reset(icu::RegexPattern::compile(to_utf16(pattern), flags, position, status));
    if (U_FAILURE(status))
      raise<data_error>("the pattern \"", whole_characters(pattern, 200), "\" is refused by ICU at character ",
                        position.offset, ": ", u_errorName(status));
  }

  /// The pieces of each range in order. A range is matched as if it were the whole text.
  /// Throws: strata::data_error if the pattern needs more steps than a text of that length justifies.
  [[nodiscard]] std::vector<text_range> split(const icu::UnicodeString& text,
                                              const std::vector<text_range>& ranges) const {
    UErrorCode status = U_ZERO_ERROR;
    const std::unique_ptr<icu::RegexMatcher> matcher(pattern_->matcher(text, status));
    if (U_FAILURE(status)) raise<data_error>("a pattern cannot be matched: ", u_errorName(status));
    allow(*matcher, text.length());
    std::vector<text_range> pieces;
    std::vector<part> parts;
    for (const auto& range : ranges) {
      find_parts(*matcher, text, range, parts);
      join(parts, pieces);
    }
    return pieces;
  }

 private:
  struct part {
    text_range range;
    bool match = false;
  };

  static constexpr std::size_t longest_pattern = 10'000;

  /// ICU keeps its backtracking stack on the heap (8 MB by default, too little for a long run of spaces) and counts
  /// steps in units of ten thousand; ordinary patterns need less than one unit for a thousand characters.
  static void allow(icu::RegexMatcher& matcher, std::int32_t length) {
    UErrorCode status = U_ZERO_ERROR;
    constexpr std::int64_t largest_stack = 1'000'000'000;  // ICU ignores limits above 2³⁰
    const std::int64_t stack_bytes = (std::int64_t{64} << 20) + std::int64_t{128} * length;
    matcher.setStackLimit(static_cast<std::int32_t>(std::min(stack_bytes, largest_stack)), status);
    matcher.setTimeLimit(100 + length / 100, status);
    if (U_FAILURE(status)) raise<data_error>("ICU refuses the limits of a pattern: ", u_errorName(status));
  }

  /// The matches and the texts between them.
  void find_parts(icu::RegexMatcher& matcher, const icu::UnicodeString& text, text_range range,
                  std::vector<part>& parts) const {
    parts.clear();
    UErrorCode status = U_ZERO_ERROR;
    const auto piece = text.tempSubString(range.begin, range.end - range.begin);  // (?<=…) would look out of a region
    matcher.reset(piece);
    std::int32_t end = range.begin;
    std::int32_t last_match_end = -1;
    while (matcher.find(status)) {
      const text_range match{range.begin + matcher.start(status), range.begin + matcher.end(status)};
      if (match.begin == match.end && match.begin == last_match_end) continue;
      if (end < match.begin) parts.push_back({{end, match.begin}, invert_});
      parts.push_back({match, !invert_});
      end = last_match_end = match.end;
    }
    if (U_FAILURE(status))
      raise<data_error>("a pattern fails on the ", range.end - range.begin, " characters from character ", range.begin,
                        " of a text: ", u_errorName(status));
    if (end < range.end) parts.push_back({{end, range.end}, invert_});
  }

  void join(const std::vector<part>& parts, std::vector<text_range>& pieces) const {
    const std::size_t first = pieces.size();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto [range, match] = parts[i];
      const bool behind_match = i > 0 && parts[i - 1].match;
      if (behavior_ == split_behavior::removed && match) continue;
      const bool joined = i > 0 && ((behavior_ == split_behavior::contiguous && match == behind_match) ||
                                    (behavior_ == split_behavior::merged_with_previous && match && !behind_match) ||
                                    (behavior_ == split_behavior::merged_with_next && !match && behind_match));
      if (joined && pieces.size() > first)
        pieces.back().end = range.end;
      else
        pieces.push_back(range);
    }
    const auto is_empty = [](text_range piece) { return piece.begin == piece.end; };
    pieces.erase(std::remove_if(pieces.begin() + static_cast<std::ptrdiff_t>(first), pieces.end(), is_empty),
                 pieces.end());
  }

  std::shared_ptr<const icu::RegexPattern> pattern_;  // immutable once compiled
  split_behavior behavior_;
  bool invert_;
};

}  // namespace strata
