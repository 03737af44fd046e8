// The program as a process: its exit code and what it wrote, to files or to a pseudo-terminal.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pty.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/temporary_folder.hpp"

namespace program {

inline const std::string example_model = STRATA_SOURCE_DIR "/examples/model";

struct outcome {
  int code = 0;  // −signal if one killed it
  std::string out, err;
};

[[nodiscard]] inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

[[nodiscard]] inline int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

// Texts as execve wants them.
class c_strings {
 public:
  explicit c_strings(std::vector<std::string> texts) : texts_(std::move(texts)) {
    for (std::string& text : texts_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
  }
  [[nodiscard]] char* const* data() const { return pointers_.data(); }

 private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

[[nodiscard]] inline c_strings command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), STRATA_PROGRAM);
  return c_strings(std::move(arguments));
}

// The environment of the tests, but a terminal that knows colours, and what is added.
[[nodiscard]] inline c_strings environment(std::vector<std::string> added) {
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (const std::string_view text = *variable; !text.starts_with("NO_COLOR=") && !text.starts_with("TERM="))
      added.emplace_back(text);
  added.emplace_back("TERM=xterm");
  return c_strings(std::move(added));
}

class process {
 public:
  explicit process(const std::vector<std::string>& arguments, std::string_view input = "",
                   const std::vector<std::string>& variables = {}) {
    const std::string in = folder_.add("in", input).string();
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    constexpr int to_write = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, in.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, (folder_.path() / "out").c_str(), to_write, 0600);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, (folder_.path() / "err").c_str(), to_write, 0600);
    const int failed =
        posix_spawn(&id_, STRATA_PROGRAM, &files, nullptr, command(arguments).data(), environment(variables).data());
    posix_spawn_file_actions_destroy(&files);
    if (failed != 0) throw std::runtime_error("cannot start " STRATA_PROGRAM);
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() {
    if (id_ <= 0) return;
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
  }

  void send(int signal) const { kill(id_, signal); }

  [[nodiscard]] outcome wait() {
    int status = 0;
    waitpid(std::exchange(id_, 0), &status, 0);
    return {code_of(status), content_of(folder_.path() / "out"), content_of(folder_.path() / "err")};
  }

 private:
  temporary_folder folder_;
  pid_t id_ = 0;
};

[[nodiscard]] inline outcome run(const std::vector<std::string>& arguments, std::string_view input = "") {
  return process(arguments, input).wait();
}

// Runs on a pseudo-terminal; outcome.out holds what the terminal was sent. With a file, standard output goes there.
[[nodiscard]] inline outcome run_on_terminal(const std::vector<std::string>& arguments,
                                             const std::vector<std::string>& variables = {},
                                             const std::string& out_file = {}, unsigned short columns = 80) {
  const c_strings to_run = command(arguments), with = environment(variables);
  winsize size{};
  size.ws_row = 24;
  size.ws_col = columns;
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  if (child < 0) throw std::runtime_error("no pseudo-terminal");
  if (child == 0) {
    if (!out_file.empty()) dup2(open(out_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    execve(STRATA_PROGRAM, to_run.data(), with.data());
    _exit(127);
  }
  outcome result;
  char buffer[4096];
  for (ssize_t count = 0; (count = read(terminal, buffer, sizeof buffer)) > 0;)
    result.out.append(buffer, static_cast<std::size_t>(count));
  close(terminal);
  int status = 0;
  waitpid(child, &status, 0);
  result.code = code_of(status);
  return result;
}

// A trace's JSON; the run must succeed without a word on stderr.
[[nodiscard]] inline nlohmann::json json_of(std::vector<std::string> arguments, std::string_view input = "") {
  const temporary_folder folder;
  const std::string file = (folder.path() / "trace.json").string();
  arguments.insert(arguments.begin(), "trace");
  arguments.insert(arguments.end(), {"--json", file});
  const outcome result = run(arguments, input);
  REQUIRE(result.code == 0);
  CHECK(result.err.empty());
  CHECK_FALSE(result.out.empty());
  return nlohmann::json::parse(content_of(file));
}

// It said no: this exit code, nothing on stdout, one sentence on stderr that has this in it.
inline void check_refused(const outcome& result, int code, std::string_view part) {
  CAPTURE(result.err);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  CHECK(result.err.starts_with("strata: "));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(result.err.ends_with("\n"));
  CHECK(result.err.find(part) != std::string::npos);
  for (const char* never : {"terminate called", "what()", "Assertion", "std::", "basic_", "Sanitizer"})
    CHECK(result.err.find(never) == std::string::npos);
}

// A copy of the example model, to be broken.
struct model_copy {
  model_copy() {
    for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"})
      std::filesystem::copy_file(example_model + '/' + name, folder.path() / name);
  }

  [[nodiscard]] std::string path() const { return folder.path().string(); }
  void remove(const std::string& name) const { std::filesystem::remove(folder.path() / name); }
  [[nodiscard]] outcome trace() const { return run({"trace", "--model", path(), "--text", "Once upon a time"}); }

  void set_config(const std::string& key, const nlohmann::json& value) const {
    auto config = nlohmann::json::parse(content_of(folder.path() / "config.json"));
    config[key] = value;
    folder.add("config.json", config.dump());
  }

  // Writes bfloat16 bits over values of a tensor.
  void set_weights(const std::string& tensor, std::size_t first, std::size_t count, std::uint16_t bits) const {
    const auto file = folder.path() / "model.safetensors";
    std::string bytes = content_of(file);
    std::uint64_t length = 0;
    std::copy_n(bytes.data(), sizeof length, reinterpret_cast<char*>(&length));
    const auto header = nlohmann::json::parse(bytes.substr(8, length));
    REQUIRE(header[tensor]["dtype"] == "BF16");
    std::size_t at = 8 + length + header[tensor]["data_offsets"][0].get<std::size_t>() + 2 * first;
    for (std::size_t i = 0; i < count; ++i) {
      bytes.at(at++) = static_cast<char>(bits & 0xFF);
      bytes.at(at++) = static_cast<char>(bits >> 8);
    }
    folder.add("model.safetensors", bytes);
  }

  temporary_folder folder;
};

}  // namespace program
