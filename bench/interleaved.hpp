// Medians of two or more runs taken in turn, so that a busy machine slows all of them alike.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

namespace bench {

// Processor seconds of this process: on a busy machine they count less of the others' work than a clock on the wall.
inline double seconds_of(const std::function<void()>& run) {
  const std::clock_t start = std::clock();
  run();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// Seconds on the wall, for runs in several threads.
inline double wall_seconds_of(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct spread {
  double low, median, high;  // of the quartiles: 25, 50, 75 %
};

inline spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 4], values[values.size() / 2], values[values.size() * 3 / 4]};
}

struct turns {
  double (*seconds)(const std::function<void()>&) = seconds_of;
  bool warm_up = true;               // a first round that does not count: caches, page faults
  std::function<void()> check = {};  // of what the runs of a round have made; not timed
};

// Times of each run, repeated in turn.
inline std::vector<std::vector<double>> in_turn(std::size_t repeats, const std::vector<std::function<void()>>& runs,
                                                const turns& how = {}) {
  std::vector<std::vector<double>> times(runs.size());
  for (std::size_t r = 0; r < runs.size() && how.warm_up; ++r) runs[r]();
  for (std::size_t i = 0; i < repeats; ++i) {
    for (std::size_t r = 0; r < runs.size(); ++r) times[r].push_back(how.seconds(runs[r]));
    if (how.check) how.check();
  }
  return times;
}

// Quotients of runs that stood side by side.
inline spread ratio(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> quotients;
  for (std::size_t i = 0; i < a.size(); ++i) quotients.push_back(a[i] / b[i]);
  return spread_of(quotients);
}

}  // namespace bench
