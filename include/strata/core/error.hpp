/// Errors about data that comes from outside: files, text, options, a plugged-in forward pass.
/// Every message is a sentence that says what, where, what was expected and what was found.
#pragma once

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#if defined(__cpp_exceptions)
#define STRATA_HAS_EXCEPTIONS 1
#else
#define STRATA_HAS_EXCEPTIONS 0
#endif

/// Called with the message (const char*) where the library is compiled without exceptions; must not return.
#ifndef STRATA_ERROR_HANDLER
#define STRATA_ERROR_HANDLER(message) (std::fprintf(stderr, "strata: %s\n", message), std::abort())
#endif

namespace strata {

/// Base of all errors of the library.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file or a text is missing, malformed or unsupported.
class data_error : public error {
 public:
  using error::error;
};

/// An option or an input is outside its range (sizes, token ids, prompt length).
class option_error : public error {
 public:
  using error::error;
};

/// NaN or an infinity where a finite number is needed.
class numeric_error : public error {
 public:
  using error::error;
};

/// A plugged-in forward pass breaks the contract of forward/hooks.hpp.
class contract_error : public error {
 public:
  using error::error;
};

/// The caller's progress callback asked to stop.
class cancelled : public error {
 public:
  using error::error;
};

/// Joins texts and numbers: concat("layer ", 3, ": error ", 0.5) is "layer 3: error 0.5".
template <class... Parts>
[[nodiscard]] std::string concat(const Parts&... parts) {
  std::string out;
  const auto append = [&out](const auto& part) {
    using P = std::decay_t<decltype(part)>;
    if constexpr (std::is_same_v<P, char>) {
      out += part;
    } else if constexpr (std::is_floating_point_v<P>) {
      char digits[48];  // to_chars: the same in every locale
      out.append(
          digits,
          std::to_chars(digits, digits + sizeof digits, static_cast<double>(part), std::chars_format::general, 6).ptr);
    } else if constexpr (std::is_integral_v<P>) {
      out += std::to_string(part);
    } else {
      out += std::string_view(part);
    }
  };
  (append(parts), ...);
  return out;
}

/// Throws Error with the joined message; without exceptions calls STRATA_ERROR_HANDLER.
template <class Error, class... Parts>
[[noreturn]] void raise(const Parts&... parts) {
#if STRATA_HAS_EXCEPTIONS
  throw Error(concat(parts...));
#else
  STRATA_ERROR_HANDLER(concat(parts...).c_str());
  std::abort();
#endif
}

}  // namespace strata
