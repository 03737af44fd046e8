// Ctrl-C: ends at once and leaves no half-written file.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace cli {

namespace detail {
inline char part_of_output[4096];  // of the file that is being written; empty: none

extern "C" inline void leave_at_once(int signal) {  // calls only what a signal handler may
  if (part_of_output[0] != '\0') unlink(part_of_output);
  _exit(128 + signal);
}
}  // namespace detail

// Before the first file is opened.
inline void leave_on_interrupt() {
  struct sigaction action = {};
  action.sa_handler = detail::leave_at_once;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

inline void remove_on_interrupt(const std::string& part) {
  if (part.size() < sizeof detail::part_of_output) std::memcpy(detail::part_of_output, part.c_str(), part.size() + 1);
}

}  // namespace cli
