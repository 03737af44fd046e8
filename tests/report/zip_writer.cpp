#include "strata/report/zip_writer.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/contract.hpp"
#include "support/read_zip.hpp"

using strata::detail::crc32;
using strata::detail::zip_writer;

namespace {

std::string archive_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string bytes;
  zip_writer archive([&](std::string_view part) { bytes += part; });
  for (const auto& file : files)
    archive.add(file.first, [&](auto to) {
      for (const char c : file.second) to(std::string_view(&c, 1));  // in the smallest parts
    });
  archive.finish();
  return bytes;
}

}  // namespace

TEST_CASE("CRC-32: the published check value, and parts as the whole") {
  crc32 sum;
  CHECK(sum.value() == 0);
  sum.add("1234");
  sum.add("");
  sum.add("56789");
  CHECK(sum.value() == 0xCBF43926);
}

TEST_CASE("what is added is found again, with right sizes, sums and offsets") {
  const std::vector<std::pair<std::string, std::string>> files{
      {"a", ""}, {"folder/b.npy", "content"}, {"c", std::string("\0\xff\x80PK\3\4", 7)}};
  CHECK(read_zip::files(archive_of(files)) == std::map<std::string, std::string>(files.begin(), files.end()));
  CHECK(read_zip::files(archive_of({})).empty());
}

TEST_CASE("an archive of one file, byte by byte") {
  const std::string expected(
      "PK\3\4\x14\0\0\0\0\0\0\0\x21\0\x26\x39\xf4\xcb\x09\0\0\0\x09\0\0\0\1\0\0\0n123456789"
      "PK\1\2\x14\0\x14\0\0\0\0\0\0\0\x21\0\x26\x39\xf4\xcb\x09\0\0\0\x09\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0n"
      "PK\5\6\0\0\0\0\1\0\1\0\x2f\0\0\0\x28\0\0\0\0\0",
      40 + 47 + 22);
  CHECK(archive_of({{"n", "123456789"}}) == expected);
}

TEST_CASE("an archive that would be too large is refused before the first byte of the file that is too much") {
  constexpr std::uint64_t exactly = 40 + 47 + 22;  // one file of 9 bytes with a name of one
  for (const std::uint64_t most : {exactly, exactly - 1}) {
    std::uint64_t written = 0;
    zip_writer archive([&](std::string_view part) { written += part.size(); }, most);
    const auto add = [&] { archive.add("n", [](auto to) { to(std::string_view("123456789")); }); };
    if (most == exactly) {
      add();
      archive.finish();
      CHECK(written == exactly);
    } else {
      CHECK_THROWS_WITH_AS(add(), "the archive would have more than 108 bytes", strata::option_error);
      CHECK(written == 0);
    }
  }
}

TEST_CASE("content that differs the second time is a wrong call") {
  zip_writer archive([](std::string_view) {});
  int calls = 0;
  CHECK_THROWS_AS(archive.add("n", [&](auto to) { to(std::string_view(++calls == 1 ? "a" : "ab")); }),
                  contract_violation);
}
