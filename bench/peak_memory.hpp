// How much memory a process takes that loads a model and traces a prompt, beyond the expanded weights (Linux).
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "real_prompt.hpp"
#include "strata/core/error.hpp"
#include "strata/model/decoder.hpp"
#include "strata/trace.hpp"
#include "traced_prompt.hpp"

namespace bench {

// The sum of the lines "key   123 kB" of a file below /proc that follow a line with `after`, in bytes.
inline double bytes_in(const char* file, const std::string& key, const std::string& after = "") {
  std::ifstream in(file);
  double bytes = 0;
  bool counts = after.empty();
  for (std::string line; std::getline(in, line);) {
    if (!after.empty() && line.find('-') < line.find(' ')) counts = line.find(after) != std::string::npos;
    if (counts && line.starts_with(key)) bytes += 1024 * std::atof(line.c_str() + key.size());
  }
  return bytes;
}

// In the child: the peak of the resident memory (VmHWM), less 4 bytes for each weight, less what of the mapped file is
// resident after loading and still is at the end: loading reads all of it, and the peak comes later.
inline double peak_beyond_weights(const std::string& model_file, std::size_t tokens) {
  auto model = strata::decoder<float>::load(model_file);
  const std::string name = model_file.substr(model_file.rfind('/') + 1);
  const auto of_file = [&] { return bytes_in("/proc/self/smaps", "Rss:", name); };
  const double loaded = of_file();
  const auto trace = strata::trace(model, real_prompt(model_file, tokens), whole_trace());
  require(trace.curve.back().measured.kl == 0, "the trace of all edges is the whole model");
  return bytes_in("/proc/self/status", "VmHWM:") - 4 * static_cast<double>(model.parameters()) -
         std::min(loaded, of_file());
}

// Runs this program again with --peak-memory, which is to print peak_beyond_weights. None: there is no /proc.
inline std::optional<double> peak_memory_of_child(const std::string& model_file, std::size_t tokens) {
  if (access("/proc/self/smaps", R_OK) != 0) return std::nullopt;
  int ends[2];
  if (pipe(ends) != 0) strata::raise<strata::data_error>("no pipe to a child process can be had");
  const std::string count = std::to_string(tokens);
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    execl("/proc/self/exe", "bench_report", "--model", model_file.c_str(), "--peak-memory", count.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string printed;
  char text[64];
  for (ssize_t n = 0; (n = read(ends[0], text, sizeof text)) > 0;) printed.append(text, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
    strata::raise<strata::data_error>("the child process that measures memory did not succeed");
  return std::atof(printed.c_str());
}

}  // namespace bench
