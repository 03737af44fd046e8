// Total variation by size as a table: one line for each search, or each control of one.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "on_screen.hpp"
#include "strata/measure/paired_difference.hpp"
#include "terminal.hpp"

namespace cli {

class comparison_table {
 public:
  comparison_table(std::vector<double> sizes, palette colours) : sizes_(std::move(sizes)), c_(colours) {}

  // The line of names. `first`: of the first column; differs: whether areas have differences, and searches times.
  void head(const std::string& first, bool differs) const {
    std::printf("%s%s", c_.bold, padded(first, name_columns).c_str());
    for (const double size : sizes_) std::printf(" %6s", size_text(size).c_str());
    std::printf("   area%s%s\n", differs ? "   - first ± error  passes" : "", c_.off);
  }

  void row(const std::string& name, const std::vector<double>& variation, double area) const {
    begin(name, variation, area);
    std::printf("\n");
  }

  // difference: null for the search that the others are compared with.
  void row(const std::string& name, const std::vector<double>& variation, double area,
           const std::optional<strata::mean_and_error>& difference, double passes) const {
    begin(name, variation, area);
    std::string text = "       ";
    if (difference) text = number("%+.3f", difference->mean);
    if (difference && !std::isnan(difference->error)) text += number(" ± %.3f", difference->error);
    std::printf("   %s  %6.1f\n", padded(text, 15).c_str(), passes);
  }

 private:
  static constexpr std::size_t name_columns = 20;

  void begin(const std::string& name, const std::vector<double>& variation, double area) const {
    std::printf("%s", padded(name, name_columns).c_str());
    for (const double value : variation) std::printf(" %6.3f", value);
    std::printf("  %s%5.3f%s", c_.accent, area, c_.off);
  }

  std::vector<double> sizes_;
  palette c_;
};

}  // namespace cli
