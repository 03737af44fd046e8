// One line of the report: a value with its quartiles, and the bound that it is to reach.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "interleaved.hpp"
#include "machine.hpp"

namespace bench {

enum class bound { below, at_most, at_least };

struct reach {
  bound is = bound::at_most;
  double value = 0;
};

struct figure {
  std::string name;
  std::string unit;  // what the value is
  spread value{};
  std::optional<reach> wanted;  // none: told beside the others
  std::size_t tokens = 0;
  std::size_t threads = 1;

  [[nodiscard]] bool ok() const {
    if (!wanted) return true;
    if (wanted->is == bound::at_least) return value.median >= wanted->value;
    return wanted->is == bound::below ? value.median < wanted->value : value.median <= wanted->value;
  }
};

inline std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value != 0 && std::abs(value) < 0.01 ? "%.1e" : "%.3f", value);
  return text;
}

inline std::string name_of(bound is) {
  return is == bound::below ? "below" : is == bound::at_most ? "at most" : "at least";
}

// A row of a Markdown table, so that it can be read on the screen and shown in the documentation as it is.
inline void print_heading() { std::printf("| figure | median (quartiles) | reach | |\n|---|---|---|---|\n"); }

inline void print(const figure& f) {
  std::string range;
  if (f.value.low < f.value.high) range = " (" + number(f.value.low) + " to " + number(f.value.high) + ")";
  const std::string wanted = f.wanted ? name_of(f.wanted->is) + " " + number(f.wanted->value) : "";
  std::printf("| %s | %s%s | %s | %s |\n", f.name.c_str(), number(f.value.median).c_str(), range.c_str(),
              wanted.c_str(),
              !f.wanted ? ""
              : f.ok()  ? "yes"
                        : "no");
  std::fflush(stdout);
}

inline nlohmann::ordered_json json_of(const figure& f, const machine& on) {
  nlohmann::ordered_json object{{"name", f.name},       {"value", f.value.median}, {"reach", nullptr},
                                {"ok", nullptr},        {"reach_is", nullptr},     {"low", f.value.low},
                                {"high", f.value.high}, {"unit", f.unit},          {"tokens", f.tokens},
                                {"threads", f.threads}, {"machine", on.processor}, {"compiler", on.compiler},
                                {"flags", on.flags},    {"blas", on.blas}};
  if (f.wanted) {
    object["reach"] = f.wanted->value;
    object["ok"] = f.ok();
    object["reach_is"] = name_of(f.wanted->is);
  }
  return object;
}

}  // namespace bench
