// What must hold for a file that is mapped and for one that is read. Included by two sources; MAPPED_FILE_KIND tells
// their cases apart.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "support/temporary_folder.hpp"

namespace {

using strata::mapped_file;

std::string_view text_of(const mapped_file& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST_CASE(MAPPED_FILE_KIND ": the bytes of a file, whatever they are") {
  const temporary_folder folder;
  const std::string content("one\r\ntwo\0three\xff\x1a", 16);
  const mapped_file file(folder.add("some file", content));
  CHECK(text_of(file) == content);
  CHECK(file.path() == folder.path() / "some file");
}

TEST_CASE(MAPPED_FILE_KIND ": a file larger than a page") {
  const temporary_folder folder;
  std::string content;
  for (int i = 0; i < 30000; ++i) content += static_cast<char>(i * 7 % 251);
  CHECK(text_of(mapped_file(folder.add("large", content))) == content);
}

TEST_CASE(MAPPED_FILE_KIND ": moving keeps the bytes where they are and leaves an empty object") {
  static_assert(std::is_nothrow_move_constructible_v<mapped_file> && !std::is_copy_constructible_v<mapped_file>);
  const temporary_folder folder;
  mapped_file first(folder.add("a", "first"));
  const std::byte* const place = first.bytes().data();
  mapped_file second(std::move(first));
  CHECK(second.bytes().data() == place);
  CHECK(first.bytes().empty());  // NOLINT: a moved-from file is empty
  CHECK(first.path().empty());
  first = mapped_file(folder.add("b", "other"));
  second = std::move(first);
  CHECK(text_of(second) == "other");
  CHECK(second.path().filename() == "b");
  mapped_file& same = second;
  second = std::move(same);
  CHECK(text_of(second) == "other");
  CHECK(mapped_file().bytes().empty());
}

TEST_CASE(MAPPED_FILE_KIND ": refused files") {
  const temporary_folder folder;
  const auto refused = [&](const std::filesystem::path& path, const std::string& why) {
    CHECK_THROWS_WITH_AS(mapped_file{path}, (path.string() + ": " + why).c_str(), strata::data_error);
  };
  refused(folder.path() / "absent", "no such file");
  refused(folder.add("file", "x") / "below", "no such file");
  refused(folder.path(), "is a directory, expected a file");
  refused(folder.add("empty", ""), "the file is empty");
  refused("", "no such file");

  std::filesystem::create_symlink("loop", folder.path() / "loop");
  CHECK_THROWS_WITH_AS(mapped_file{folder.path() / "loop"}, doctest::Contains("loop: the file cannot be examined"),
                       strata::data_error);
  REQUIRE(::mkfifo((folder.path() / "pipe").c_str(), 0600) == 0);
  refused(folder.path() / "pipe", "is not a regular file");

  const std::filesystem::path secret = folder.add("secret", "x");
  std::filesystem::permissions(secret, std::filesystem::perms::none);
  if (!std::ifstream(secret))  // an administrator may read it all the same
    CHECK_THROWS_WITH_AS(mapped_file{secret}, doctest::Contains("secret: the file cannot be opened"),
                         strata::data_error);
}

}  // namespace
