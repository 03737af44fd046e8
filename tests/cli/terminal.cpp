// What goes to a person and what goes to a pipe: colours, progress, lines.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "program.hpp"

namespace terminal_test {

namespace {

const std::vector<std::string> arguments{"trace", "--text", "The old man looked round and saw a"};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

int lines_with(const std::string& text, std::string_view part) {
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line);) count += has(line, part) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("no colours and no progress where there is no terminal") {
  const auto result = program::run(arguments);
  CHECK(result.code == 0);
  CHECK_FALSE(has(result.out, "\033"));
  CHECK(result.err.empty());
}

TEST_CASE("colours and progress on a terminal") {
  const auto result = program::run_on_terminal(arguments);
  CHECK(result.code == 0);
  CHECK(has(result.out, "\033[1m"));
  CHECK(has(result.out, "\033[36m"));
  CHECK(has(result.out, "evaluating 0 %"));
}

TEST_CASE("NO_COLOR, unless it is empty, and a terminal that knows no colours") {
  for (const char* variable : {"NO_COLOR=1", "NO_COLOR=0", "TERM=dumb"}) {
    const auto result = program::run_on_terminal(arguments, {variable});
    CHECK(result.code == 0);
    CHECK_FALSE(has(result.out, "\033[1m"));
    CHECK_FALSE(has(result.out, "\033[36m"));
    CHECK(has(result.out, "evaluating"));
  }
  CHECK(has(program::run_on_terminal(arguments, {"NO_COLOR="}).out, "\033[36m"));
}

TEST_CASE("progress goes to the terminal and the result without colours to a file") {
  const temporary_folder folder;
  const std::string file = (folder.path() / "out").string();
  const auto terminal = program::run_on_terminal(arguments, {}, file);
  CHECK(has(terminal.out, "evaluating"));
  CHECK_FALSE(has(terminal.out, "Density"));
  CHECK(program::content_of(file) == program::run(arguments).out);
}

TEST_CASE("an error on a terminal is a sentence of its own line") {
  const auto result = program::run_on_terminal({"trace", "--tokens", "5000"});
  CHECK(result.code == 2);
  CHECK(has(result.out, "strata: token 0 is 5000"));
}

TEST_CASE("sizes that reach no input share a line, the others have one each") {
  const auto trace = program::json_of({arguments[1], arguments[2]});
  const auto& curve = trace["curve"];
  const auto reaching =
      std::count_if(curve.begin(), curve.end(), [](const auto& point) { return bool(point["reaches_input"]); });
  const std::string out = program::run(arguments).out;
  CHECK(lines_with(out, "reaches no input: every token is equally likely") == 1);
  CHECK(lines_with(out, "  yes  ") + lines_with(out, "  no   ") == reaching);
}

TEST_CASE("sizes that all reach no input, and a single size, say no nonsense") {
  const std::string none = program::run({"trace", "--tokens", "5", "--sizes", "0.0001,0.001"}).out;
  CHECK(lines_with(none, "reaches no input") == 1);
  CHECK(has(none, "No trace of these sizes is faithful"));
  CHECK(has(none, "1 token,"));
  const std::string one = program::run({arguments[0], arguments[1], arguments[2], "--sizes", "1"}).out;
  CHECK_FALSE(has(one, "Density"));
  CHECK(has(one, "Smallest faithful trace"));
  CHECK_FALSE(has(none, "nan"));
  const std::string part = program::run({arguments[0], arguments[1], arguments[2], "--sizes", "0.01,0.1"}).out;
  CHECK(has(part, " of 1: the area"));
  CHECK(lines_with(part, "from size") == 0);
}

TEST_CASE("a long prompt is broken between tokens, within the terminal's columns") {
  std::string tokens = "5";
  for (int i = 0; i < 99; ++i) tokens += ",292";
  const auto result =
      program::run_on_terminal({"trace", "--tokens", tokens, "--sizes", "0.5,1"}, {"NO_COLOR=1"}, {}, 60);
  CHECK(result.code == 0);
  std::istringstream lines(result.out.substr(result.out.find("prompt")));
  int broken = 0;
  for (std::string line; std::getline(lines, line) && !has(line, "100 tokens");) {
    CHECK(line.size() <= 61);  // with the carriage return
    ++broken;
  }
  CHECK(broken > 5);
}

TEST_CASE("bytes that are no text, and controls, are shown as escapes") {
  const std::string out = program::run({"trace", "--tokens", "132,5,170", "--sizes", "1"}).out;
  CHECK(has(out, "\\x"));
  for (const char c : out) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
  const std::string lines = program::run({"trace", "--text", "a\nb\033[31m\u009B!", "--sizes", "1"}).out;
  CHECK(has(lines, "\\n"));
  CHECK_FALSE(has(lines, "\033"));
}

}  // namespace terminal_test
