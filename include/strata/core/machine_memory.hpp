/// How much memory this machine has, as far as its files tell.
#pragma once

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <limits>
#include <string>

namespace strata {

/// Bytes of memory, or the bound that a container sets; the largest number where neither is known.
/// Source:   /proc/meminfo and the memory.max of control groups (Linux).
[[nodiscard]] inline std::size_t machine_memory() {
  std::size_t bytes = std::numeric_limits<std::size_t>::max();
  std::ifstream machine("/proc/meminfo");
  for (std::string word; machine >> word;)
    if (std::size_t kibibytes = 0; word == "MemTotal:" && machine >> kibibytes) {
      bytes = kibibytes * 1024;
      break;
    }
  for (const char* file : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream group(file);
    if (std::size_t bound = 0; group >> bound && bound > 0) bytes = std::min(bytes, bound);
  }
  return bytes;
}

/// What expanded weights may take where nobody says: 60 % of the machine's memory.
[[nodiscard]] inline std::size_t default_weight_memory() { return machine_memory() / 5 * 3; }

/// What a trace may take beside the weights where nobody says: 30 % of the machine's memory.
[[nodiscard]] inline std::size_t default_trace_memory() { return machine_memory() / 10 * 3; }

}  // namespace strata
