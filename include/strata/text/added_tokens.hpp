/// Tokens that are recognised in the text itself before it is cut into words: "<|endoftext|>", chat marks.
#pragma once

#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/text/utf8.hpp"

namespace strata {

struct added_token {
  std::int32_t id = 0;
  std::string content;       // UTF-8, as it stands in the text
  bool special = false;      // a mark of the model, not a word
  bool normalized = false;   // is looked for in the normalised text
  bool single_word = false;  // only where no letter, digit or '_' touches it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space behind it
};

/// A part of a text: an added token, or text between added tokens.
struct text_segment {
  std::string_view text;
  std::int32_t id = -1;  // of the added token; negative for text
};

namespace detail {

/// Letters, marks, decimal digits, '_' and the like.
inline bool is_word_character(std::int32_t point) {
  constexpr std::uint32_t categories = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return u_isUAlphabetic(point) || (U_MASK(u_charType(point)) & categories) != 0 ||
         u_hasBinaryProperty(point, UCHAR_JOIN_CONTROL);
}

inline bool word_ends_at(std::string_view text, std::size_t offset) {
  return offset > 0 && is_word_character(previous_code_point(text, offset));
}

inline bool word_starts_at(std::string_view text, std::size_t offset) {
  return offset < text.size() && is_word_character(next_code_point(text, offset));
}

}  // namespace detail

/// Finds added tokens in a text: at each place the longest one, from left to right (a trie of their bytes).
class added_token_matcher {
 public:
  /// Longest content that is taken, in bytes; bounds the work for each byte of a text.
  static constexpr std::size_t longest_content = 1024;

  added_token_matcher() = default;

  /// Requires: contents that are not empty, at most longest_content bytes, each once.
  explicit added_token_matcher(std::vector<added_token> tokens) : tokens_(std::move(tokens)) {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const auto& content = tokens_[i].content;
      STRATA_ASSERT(!content.empty() && content.size() <= longest_content,
                    "added_token_matcher: a content is empty or too long");
      starts_[static_cast<unsigned char>(content.front())] = true;
      std::uint32_t node = root;
      for (const char c : content) node = children_.try_emplace(edge(node, c), ++nodes_).first->second;
      ends_[node] = i;
    }
  }

  [[nodiscard]] bool empty() const { return tokens_.empty(); }

  /// Segments that are not empty, in order; together they are the text. Only white space may occur twice, or not be a
  /// token of its own: where it stands between two tokens that both claim it, the ids are those for which models were
  /// trained.
  /// Requires: valid UTF-8 of at most longest_text bytes.
  [[nodiscard]] std::vector<text_segment> split(std::string_view text) const {
    std::vector<text_segment> segments;
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const auto* token = longest_at(text, at);
      if (token == nullptr) {
        ++at;
        continue;
      }
      std::size_t begin = at;
      std::size_t end = at + token->content.size();
      at = end;
      if (token->single_word && (detail::word_ends_at(text, begin) || detail::word_starts_at(text, end))) continue;
      if (token->lstrip) begin = std::max(done, skip_space_before(text, begin, done));
      if (token->rstrip) end = skip_space_after(text, end);
      if (done < begin) segments.push_back({text.substr(done, begin - done)});
      if (begin < end) segments.push_back({text.substr(begin, end - begin), token->id});
      done = end;
    }
    if (done < text.size()) segments.push_back({text.substr(done)});
    return segments;
  }

 private:
  static constexpr std::uint32_t root = 0;

  static std::uint64_t edge(std::uint32_t node, char byte) {
    return std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
  }

  [[nodiscard]] const added_token* longest_at(std::string_view text, std::size_t at) const {
    const added_token* longest = nullptr;
    if (!starts_[static_cast<unsigned char>(text[at])]) return longest;
    for (std::uint32_t node = root; at < text.size(); ++at) {
      const auto child = children_.find(edge(node, text[at]));
      if (child == children_.end()) break;
      node = child->second;
      if (const auto end = ends_.find(node); end != ends_.end()) longest = &tokens_[end->second];
    }
    return longest;
  }

  static std::size_t skip_space_before(std::string_view text, std::size_t offset, std::size_t first) {
    for (std::size_t before = offset; before > first; offset = before)
      if (!u_isUWhiteSpace(previous_code_point(text, before))) break;
    return offset;
  }

  static std::size_t skip_space_after(std::string_view text, std::size_t offset) {
    for (std::size_t behind = offset; behind < text.size(); offset = behind)
      if (!u_isUWhiteSpace(next_code_point(text, behind))) break;
    return offset;
  }

  std::vector<added_token> tokens_;
  std::array<bool, 256> starts_{};                             // is this byte the first one of a token?
  std::unordered_map<std::uint64_t, std::uint32_t> children_;  // (node, byte) → node
  std::unordered_map<std::uint32_t, std::size_t> ends_;        // node → the token that ends there
  std::uint32_t nodes_ = root;
};

}  // namespace strata
