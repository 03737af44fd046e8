// Options, prompts and output files that cannot be: one sentence, exit code 2 for wrong use and 1 for what failed.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "program.hpp"

using program::check_refused;
using program::run;

namespace {

// What a trace says with these arguments added.
program::outcome trace_with(const std::vector<std::string>& added, bool with_prompt = true) {
  std::vector<std::string> arguments{"trace"};
  if (with_prompt) arguments.insert(arguments.end(), {"--text", "Once upon a time"});
  arguments.insert(arguments.end(), added.begin(), added.end());
  return run(arguments);
}

}  // namespace

TEST_CASE("no command, an unknown one, an unknown option") {
  check_refused(run({}), 2, "strata --help");
  check_refused(run({"paint"}), 2, "strata --help");
  check_refused(trace_with({"--colour"}), 2, "--colour");
  check_refused(trace_with({"word"}), 2, "word");
  check_refused(run({"info", "--text", "a"}), 2, "--text");
  check_refused(trace_with({"--json"}), 2, "--json");
}

TEST_CASE("exactly one prompt; without one the sentence shows how to give it") {
  check_refused(trace_with({}, false), 2, "--text \"Once upon a time");
  check_refused(trace_with({"--tokens", "1"}), 2, "one of three ways");
  check_refused(trace_with({"--file", "-"}), 2, "one of three ways");
  check_refused(trace_with({"--text", "again"}), 2, "--text");
}

TEST_CASE("empty prompts") {
  const temporary_folder folder;
  check_refused(trace_with({"--text", ""}, false), 2, "the prompt is empty");
  check_refused(trace_with({"--tokens", ""}, false), 2, "--tokens");
  check_refused(trace_with({"--file", folder.add("empty", "").string()}, false), 2, "the prompt is empty");
  check_refused(trace_with({"--file", folder.add("line", "\r\n").string()}, false), 2, "the prompt is empty");
  check_refused(trace_with({"--file", "-"}, false), 2, "the prompt is empty");
}

TEST_CASE("prompts from files that cannot be read") {
  const temporary_folder folder;
  check_refused(trace_with({"--file", (folder.path() / "none").string()}, false), 1, "cannot be read");
  check_refused(trace_with({"--file", folder.path().string()}, false), 1, "is a folder");
  check_refused(trace_with({"--file", ""}, false), 2, "--file");
}

TEST_CASE("text that is not UTF-8") {
  check_refused(trace_with({"--text", "a\xFF"}, false), 1, "not valid UTF-8");
  const temporary_folder folder;
  check_refused(trace_with({"--file", folder.add("cut", "caf\xC3").string()}, false), 1, "offset 3");
}

TEST_CASE("token ids that are none") {
  for (const char* wrong : {"2048", "-1", "1,2,99999"})
    check_refused(trace_with({"--tokens", wrong}, false), 2, "outside the vocabulary of 2048");
  for (const char* wrong : {"x", "1,", ",1", "1,,2", "1 2", "1.5", "99999999999", "+1"})
    check_refused(trace_with({"--tokens", wrong}, false), 2, "--tokens: ");
  check_refused(trace_with({"--target", "2048"}), 2, "outside the vocabulary");
  check_refused(trace_with({"--target", "-1"}), 2, "outside the vocabulary");
  check_refused(trace_with({"--target", "word"}), 2, "--target: ");
}

TEST_CASE("a prompt that is longer than the context") {
  std::string tokens = "1";
  for (int i = 1; i < 257; ++i) tokens += ",1";
  check_refused(trace_with({"--tokens", tokens}, false), 2, "257 tokens, the model's context is 256");
  check_refused(run({"trace", "--tokens", "1,2", "--max-memory", "much"}), 2, "--max-memory");
  check_refused(run({"trace", "--tokens", "1,2", "--max-memory", "G"}), 2, "--max-memory");
  check_refused(run({"trace", "--tokens", "1,2", "--max-memory=-1G"}), 2,
                "expected a number of bytes such as 500M or 8G");
  check_refused(run({"trace", "--tokens", "1,2,3", "--max-memory", "100K"}), 2, "a trace of 3 tokens takes ");
  check_refused(run({"trace", "--tokens", "1,2,3", "--max-memory", "100K"}), 2,
                " beside the weights, the bound is 1 MB");
  check_refused(run({"info", "--max-memory", "much"}), 2, "--max-memory");
  check_refused(run({"info", "--max-size", "much"}), 2, "--max-size");
  check_refused(run({"trace", "--tokens", "1,2", "--bos"}), 2, "--tokens are taken as they are");
  check_refused(run({"trace", "--text", "a", "--bos", "--no-bos"}), 2, "--no-bos");
  check_refused(run({"info", "--tokens", "257"}), 2, "256");
  check_refused(run({"info", "--tokens", "0"}), 2, "--tokens");
  check_refused(run({"info", "--tokens", "many"}), 2, "--tokens");
}

TEST_CASE("threads and largest sizes that cannot be had") {
  for (const char* wrong : {"0", "-1", "x", "1.5", ""}) check_refused(trace_with({"--threads", wrong}), 2, "threads: ");
  for (const char* wrong : {"x", ""}) check_refused(trace_with({"--max-size", wrong}), 2, "--max-size: ");
  check_refused(trace_with({"--max-size", "0"}), 2, "the largest size wanted is 0, below all of the sizes");
}

TEST_CASE("sizes outside (0, 1] or not rising") {
  for (const char* wrong : {"0", "-0.1", "1.5", "0.1,2", "nan", "inf", "0.2,0.1", "0.1,0.1"})
    check_refused(trace_with({"--sizes", wrong}), 2, "size ");
  for (const char* wrong : {"", "a", "0.1,", "0.1;0.2"}) check_refused(trace_with({"--sizes", wrong}), 2, "--sizes: ");
}

TEST_CASE("an unknown way to mask attention lists the ways") {
  for (const char* wrong : {"softmax", "", "0"}) {
    check_refused(trace_with({"--attention-mask", wrong}), 2, "after_softmax");
    check_refused(trace_with({"--attention-mask", wrong}), 2, "before_softmax");
  }
}

TEST_CASE("a file that cannot be written is refused before anything else is looked at") {
  const temporary_folder folder;
  const auto with = [&](const std::string& file) { return trace_with({"--model", "/none", "--json", file}); };
  check_refused(with((folder.path() / "none/trace.json").string()), 1, "none/trace.json: cannot be written");
  check_refused(with(folder.path().string()), 1, "is a folder");
  check_refused(with((folder.path() / "file").string()), 1, "/none: no such folder");  // this place is good
  check_refused(with(""), 2, "--json");
  std::filesystem::create_symlink("loop", folder.path() / "loop");
  check_refused(with((folder.path() / "loop").string()), 1, "loop");
  std::filesystem::remove(folder.path() / "loop");
  CHECK(std::filesystem::is_empty(folder.path()));
  std::filesystem::create_symlink("/dev/full", folder.path() / "full");
  check_refused(trace_with({"--json", (folder.path() / "full").string()}), 1, "No space left");
  CHECK(std::filesystem::is_symlink(folder.path() / "full"));
}

TEST_CASE("a trace that fails leaves an older file as it was") {
  const temporary_folder folder;
  const std::string file = folder.add("trace.json", "old").string();
  check_refused(trace_with({"--tokens", "5000", "--json", file}, false), 2, "5000");
  CHECK(program::content_of(file) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("control characters in a name stay out of the terminal") {
  check_refused(trace_with({"--model", "/no\n\033[31mne"}), 1, "no such folder");
}
