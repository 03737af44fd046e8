// Ctrl-C during the work: gone at once, and no half-written file.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "program.hpp"

using namespace std::chrono_literals;

namespace {

// A trace that takes many seconds.
std::vector<std::string> long_work(const std::string& json) {
  std::string tokens = "5", sizes = "0.0001";
  for (int i = 0; i < 255; ++i) tokens += ",292";
  for (int i = 1; i <= 2000; ++i) sizes += ',' + std::to_string(i / 2000.0);
  return {"trace", "--tokens", tokens, "--sizes", sizes, "--json", json};
}

}  // namespace

TEST_CASE("an interrupt ends the work at once and leaves the folder as it was") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    for (const auto& delay : {0ms, 400ms}) {
      CAPTURE(signal);
      const temporary_folder folder;
      const std::string file = folder.add("trace.json", "old").string();
      program::process work(long_work(file));
      const auto part = file + ".part";
      for (int i = 0; i < 1000 && !std::filesystem::exists(part); ++i) std::this_thread::sleep_for(10ms);
      REQUIRE(std::filesystem::exists(part));
      std::this_thread::sleep_for(delay);
      const auto start = std::chrono::steady_clock::now();
      work.send(signal);
      const program::outcome result = work.wait();
      CHECK(std::chrono::steady_clock::now() - start < 10s);  // at once; the bound leaves room for a busy machine
      CHECK(result.code == 128 + signal);
      CHECK(result.out.empty());
      CHECK(program::content_of(file) == "old");
      CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
    }
  }
}
