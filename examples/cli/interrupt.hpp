// Ctrl-C: ends at once and leaves no half-written file.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace cli {

namespace detail {
inline constexpr std::size_t most_outputs = 8;
inline char parts_of_outputs[most_outputs][4096];  // of the files that are being written; empty: none
inline volatile sig_atomic_t progress_shown = 0;   // whether a progress line stands on stderr

extern "C" inline void leave_at_once(int signal) {  // calls only what a signal handler may
  for (const auto& part : parts_of_outputs)
    if (part[0] != '\0') unlink(part);
  if (progress_shown != 0) static_cast<void>(!write(STDERR_FILENO, "\r\033[K", 4));
  _exit(128 + signal);
}

inline constexpr int interrupts[] = {SIGINT, SIGTERM, SIGHUP};
}  // namespace detail

// Before the first file is opened.
inline void leave_on_interrupt() {
  struct sigaction action = {};
  action.sa_handler = detail::leave_at_once;
  for (const int signal : detail::interrupts) sigaction(signal, &action, nullptr);
}

// Interrupts wait as long as it lives: a file and the note that it has to be removed come and go together.
class interrupts_wait {
 public:
  interrupts_wait() {
    sigset_t waiting;
    sigemptyset(&waiting);
    for (const int signal : detail::interrupts) sigaddset(&waiting, signal);
    sigprocmask(SIG_BLOCK, &waiting, &before_);
  }
  interrupts_wait(const interrupts_wait&) = delete;
  interrupts_wait& operator=(const interrupts_wait&) = delete;
  ~interrupts_wait() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// Call while interrupts wait. Returns the number under which it is forgotten again.
inline std::size_t remove_on_interrupt(const std::string& part) {
  for (std::size_t i = 0; i < detail::most_outputs; ++i) {
    if (detail::parts_of_outputs[i][0] != '\0') continue;
    if (part.size() < sizeof detail::parts_of_outputs[i])
      std::memcpy(detail::parts_of_outputs[i], part.c_str(), part.size() + 1);
    return i;
  }
  return 0;
}

// Call while interrupts wait.
inline void forget(std::size_t number) { detail::parts_of_outputs[number][0] = '\0'; }

}  // namespace cli
