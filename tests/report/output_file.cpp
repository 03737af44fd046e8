#include "strata/report/output_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/temporary_folder.hpp"

namespace output_file_test {

namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

auto entries(const temporary_folder& folder) {
  return std::distance(std::filesystem::directory_iterator(folder.path()), {});
}

// The sentence of the refusal.
std::string refusal_of(const std::filesystem::path& file) {
  try {
    const strata::output_file opened(file);
  } catch (const strata::data_error& e) {
    return e.what();
  }
  FAIL("was not refused");
  return {};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the file appears with commit, whole, and nothing else stays") {
  const temporary_folder folder;
  const auto file = folder.path() / "out.json";
  {
    strata::output_file output(file);
    CHECK_FALSE(std::filesystem::exists(file));
    CHECK(std::filesystem::exists(output.part()));
    output.commit(std::string("a\0b", 3));
    CHECK(content_of(file) == std::string("a\0b", 3));
  }
  CHECK(content_of(file) == std::string("a\0b", 3));
  CHECK(entries(folder) == 1);
}

TEST_CASE("content comes in parts as well") {
  const temporary_folder folder;
  const auto file = folder.path() / "out";
  strata::output_file output(file);
  const std::string block(std::size_t{1} << 20, 'x');
  output.write("a");
  output.write("");
  output.write(block);
  CHECK_FALSE(std::filesystem::exists(file));
  SUBCASE("ended by a last part") { output.commit("z"); }
  SUBCASE("ended alone") {
    output.write("z");
    output.commit();
  }
  CHECK(content_of(file) == "a" + block + "z");
  CHECK(entries(folder) == 1);
}

TEST_CASE("parts without commit leave nothing") {
  const temporary_folder folder;
  {
    strata::output_file output(folder.path() / "out");
    output.write("a");
  }
  CHECK(entries(folder) == 0);
}

TEST_CASE("an older file is replaced only by commit") {
  const temporary_folder folder;
  const auto file = folder.add("out.json", "a long old content");
  { const strata::output_file output(file); }
  CHECK(content_of(file) == "a long old content");
  CHECK(entries(folder) == 1);
  strata::output_file output(file);
  CHECK(content_of(file) == "a long old content");
  output.commit("new");
  CHECK(content_of(file) == "new");
  CHECK(entries(folder) == 1);
}

TEST_CASE("without commit nothing is left, also where an exception passes") {
  const temporary_folder folder;
  CHECK_THROWS_AS(
      [&] {
        const strata::output_file output(folder.path() / "out");
        throw std::runtime_error("work failed");
      }(),
      std::runtime_error);
  CHECK(entries(folder) == 0);
}

TEST_CASE("a name that is taken is not used as the other name") {
  const temporary_folder folder;
  const auto taken = folder.add("out.part", "somebody's");
  strata::output_file first(folder.path() / "out");
  strata::output_file second(folder.path() / "out");
  CHECK(first.part() != second.part());
  first.commit("first");
  second.commit("second");
  CHECK(content_of(taken) == "somebody's");
  CHECK(content_of(folder.path() / "out") == "second");
  CHECK(entries(folder) == 2);
}

TEST_CASE("folders and places that are not there are refused with a sentence") {
  const temporary_folder folder;
  CHECK(refusal_of(folder.path()) == folder.path().string() + ": is a folder, expected a file to write");
  CHECK(has(refusal_of(folder.path() / ""), "is a folder"));
  CHECK(has(refusal_of(folder.path() / "none/out"), "none/out: cannot be written: No such file"));
  CHECK(has(refusal_of(folder.add("file", "") / "out"), "cannot be written: Not a directory"));
  CHECK(has(refusal_of(folder.path() / std::string(300, 'n')), "cannot be written: File name too long"));
  CHECK(has(refusal_of(""), "no name"));
  CHECK(entries(folder) == 1);
}

TEST_CASE("a file and a folder that may not be written are refused") {
  if (geteuid() == 0) return;  // root may
  const temporary_folder folder;
  const auto file = folder.add("out", "old");
  chmod(file.c_str(), 0400);
  CHECK(has(refusal_of(file), "Permission denied"));
  chmod(folder.path().c_str(), 0500);
  CHECK(has(refusal_of(folder.path() / "new"), "Permission denied"));
  chmod(folder.path().c_str(), 0700);
  CHECK(content_of(file) == "old");
}

TEST_CASE("links stay links, also chains and those to files that are not there yet") {
  const temporary_folder folder, other;
  const auto target = other.add("target", "old");
  std::filesystem::create_symlink(target, folder.path() / "link");
  std::filesystem::create_symlink("link", folder.path() / "chain");
  std::filesystem::create_symlink("later", folder.path() / "dangling");
  strata::output_file(folder.path() / "link").commit("1");
  CHECK(content_of(target) == "1");
  strata::output_file(folder.path() / "chain").commit("2");
  CHECK(content_of(target) == "2");
  strata::output_file(folder.path() / "dangling").commit("3");
  CHECK(content_of(folder.path() / "later") == "3");
  for (const char* name : {"link", "chain", "dangling"}) CHECK(std::filesystem::is_symlink(folder.path() / name));
  CHECK(entries(folder) == 4);
  CHECK(entries(other) == 1);
}

TEST_CASE("links without end and links to folders are refused") {
  const temporary_folder folder;
  std::filesystem::create_symlink("b", folder.path() / "a");
  std::filesystem::create_symlink("a", folder.path() / "b");
  std::filesystem::create_symlink(".", folder.path() / "here");
  CHECK(has(refusal_of(folder.path() / "a"), "leads nowhere"));
  CHECK(has(refusal_of(folder.path() / "here"), "is a folder"));
  CHECK(entries(folder) == 3);
}

// Only through links of our own: a mistake, run as root, must not cost the machine its devices.
TEST_CASE("devices are written in place and never replaced or removed") {
  const temporary_folder folder;
  const auto device = folder.path() / "device";
  std::filesystem::create_symlink("/dev/null", device);
  {
    strata::output_file output(device);
    CHECK(output.part().empty());
    output.commit("text");
  }
  { const strata::output_file dropped(device); }
  CHECK(std::filesystem::is_symlink(device));
  CHECK(std::filesystem::is_character_file(device));
  CHECK(entries(folder) == 1);
}

TEST_CASE("pipes are written in place") {
  const temporary_folder folder;
  const auto pipe = folder.path() / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  strata::output_file(pipe).commit("text");
  char text[8] = {};
  CHECK(read(reader, text, sizeof text) == 4);
  close(reader);
  CHECK(std::string(text) == "text");
  CHECK(std::filesystem::is_fifo(pipe));
  CHECK(entries(folder) == 1);
}

TEST_CASE("a full device is an error that says so") {
  if (!std::filesystem::is_character_file("/dev/full")) return;
  const temporary_folder folder;
  std::filesystem::create_symlink("/dev/full", folder.path() / "full");
  strata::output_file output(folder.path() / "full");
  std::string what;
  try {
    output.commit("text");
  } catch (const strata::data_error& e) {
    what = e.what();
  }
  CHECK(has(what, "full: could not be written: No space left"));
  CHECK(std::filesystem::is_symlink(folder.path() / "full"));
}

TEST_CASE("a part that a full device does not take is an error at once") {
  if (!std::filesystem::is_character_file("/dev/full")) return;
  const temporary_folder folder;
  std::filesystem::create_symlink("/dev/full", folder.path() / "full");
  strata::output_file output(folder.path() / "full");
  const std::string large(std::size_t{1} << 20, 'x');  // more than is kept before it is written
  CHECK_THROWS_AS(output.write(large), strata::data_error);
}

TEST_CASE("a rename that fails leaves neither file") {
  const temporary_folder folder;
  const auto file = folder.path() / "out";
  strata::output_file output(file);
  std::filesystem::create_directory(file);  // somebody was faster
  CHECK_THROWS_AS(output.commit("text"), strata::data_error);
  CHECK(entries(folder) == 1);
}

}  // namespace output_file_test
