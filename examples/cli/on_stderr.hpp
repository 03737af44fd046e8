// What goes to stderr while a command runs: warnings, and how far it is.
#pragma once

#include <cstdio>
#include <string>

#include "interrupt.hpp"
#include "on_screen.hpp"
#include "strata/core/error.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/trace_options.hpp"

namespace cli {

inline void print_warnings(const strata::decoder_config& config) {
  for (const std::string& warning : config.warnings)
    std::fprintf(stderr, "strata: warning: %s\n", one_line(warning).c_str());
}

// One line that the next one replaces; an empty one leaves nothing.
inline void show_line(const std::string& text) {
  detail::progress_shown = text.empty() ? 0 : 1;
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
}

inline bool show_progress(const strata::trace_progress& progress) {
  if (progress.stage == "evaluate")
    show_line(progress.done == progress.total
                  ? ""
                  : strata::concat("evaluating ", 100 * progress.done / progress.total, " %"));
  else
    show_line(progress.stage == "check"    ? "checking the forward pass"
              : progress.stage == "record" ? "recording"
              : progress.stage == "controls"
                  ? strata::concat("controls, run ", progress.done + 1, " of at most ", progress.total, ", twice")
              : progress.stage == "search"
                  ? strata::concat("searching, run ", progress.done + 1, " of at most ", progress.total)
                  : "ordering the edges");
  return true;
}

}  // namespace cli
