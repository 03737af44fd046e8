// What goes to stderr while a command runs: warnings, and how far it is.
#pragma once

#include <cstdio>
#include <string>

#include "interrupt.hpp"
#include "on_screen.hpp"
#include "strata/model/decoder_config.hpp"
#include "strata/trace_options.hpp"

namespace cli {

inline void print_warnings(const strata::decoder_config& config) {
  for (const std::string& warning : config.warnings)
    std::fprintf(stderr, "strata: warning: %s\n", one_line(warning).c_str());
}

inline bool show_progress(const strata::trace_progress& progress) {
  if (progress.stage == "evaluate" && progress.done == progress.total) {
    cli::detail::progress_shown = 0;
    std::fprintf(stderr, "\r\033[K");
    return true;
  }
  cli::detail::progress_shown = 1;
  if (progress.stage == "evaluate") {
    std::fprintf(stderr, "\r\033[Kevaluating %zu %%", 100 * progress.done / progress.total);
  } else {
    std::fprintf(stderr, "\r\033[K%s",
                 progress.stage == "check"    ? "checking the forward pass"
                 : progress.stage == "record" ? "recording"
                                              : "ordering the edges");
  }
  return true;
}

}  // namespace cli
