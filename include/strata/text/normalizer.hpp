/// What happens to a text before it is cut into words: a normal form of Unicode, marks for the spaces.
#pragma once

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/text/utf8.hpp"

namespace strata {

enum class normal_form { nfc, nfd, nfkc, nfkd };

/// Step that puts something before a text that is not empty.
struct prepend_text {
  std::string text;
};

/// Step that replaces each occurrence, from left to right.
struct replace_text {
  std::string pattern;  // not empty
  std::string content;
};

/// Steps that are applied in order to a whole text, or to the text between two added tokens.
class normalizer {
 public:
  using step = std::variant<normal_form, prepend_text, replace_text>;

  normalizer() = default;
  explicit normalizer(std::vector<step> steps) : steps_(std::move(steps)) {}

  [[nodiscard]] bool empty() const { return steps_.empty(); }

  /// Requires: valid UTF-8 of at most longest_text bytes.
  /// Throws:   strata::option_error if the result is longer than that; strata::data_error if the steps make the text
  ///           many times longer.
  [[nodiscard]] std::string operator()(std::string_view text) const {
    std::string out(text);
    for (const auto& next : steps_) {
      out = std::visit([&](const auto& kind) { return apply(kind, out, largest(text)); }, next);
      require_at_most(out.size(), largest(text));
    }
    return out;
  }

 private:
  /// NFKD makes at most 11 bytes of one, the mark of a space has 3: what is longer comes from a hostile file.
  static std::size_t largest(std::string_view text) { return 16 * (text.size() + 64); }

  static void require_at_most(std::size_t size, std::size_t largest) {
    if (size > largest) raise<data_error>("the normalizer makes a text more than sixteen times as long");
    if (size > longest_text)
      raise<option_error>("the text has ", size, " bytes after normalization, at most ", longest_text,
                          " are taken at once");
  }

  static const icu::Normalizer2* instance(normal_form form, UErrorCode& status) {
    switch (form) {
      case normal_form::nfc:
        return icu::Normalizer2::getNFCInstance(status);
      case normal_form::nfd:
        return icu::Normalizer2::getNFDInstance(status);
      case normal_form::nfkc:
        return icu::Normalizer2::getNFKCInstance(status);
      case normal_form::nfkd:
        return icu::Normalizer2::getNFKDInstance(status);
    }
    return nullptr;
  }

  static std::string apply(normal_form form, const std::string& text, std::size_t) {
    std::string out;
    UErrorCode status = U_ZERO_ERROR;
    icu::StringByteSink<std::string> sink(&out);
    const icu::StringPiece source(text.data(), static_cast<std::int32_t>(text.size()));
    if (const auto* form_of = instance(form, status); form_of != nullptr && U_SUCCESS(status))
      form_of->normalizeUTF8(0, source, sink, nullptr, status);
    if (U_FAILURE(status)) raise<data_error>("the text has no normal form: ", u_errorName(status));
    return out;
  }

  static std::string apply(const prepend_text& prefix, const std::string& text, std::size_t) {
    return text.empty() ? text : prefix.text + text;
  }

  static std::string apply(const replace_text& replace, const std::string& text, std::size_t largest) {
    std::string out;
    std::size_t done = 0;
    for (auto at = text.find(replace.pattern); at != std::string::npos; at = text.find(replace.pattern, done)) {
      out.append(text, done, at - done).append(replace.content);
      require_at_most(out.size(), largest);
      done = at + replace.pattern.size();
    }
    return out.append(text, done);
  }

  std::vector<step> steps_;
};

}  // namespace strata
