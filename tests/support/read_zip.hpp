// A strict reader of ZIP archives with stored files: each field has the expected value, and no byte is left over.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace read_zip {

// Bit by bit, unlike the writer's.
inline std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t state = 0xFFFFFFFF;
  for (const char c : bytes)
    for (unsigned bit = 0; bit < 8; ++bit) {
      const bool low = ((state ^ (static_cast<unsigned char>(c) >> bit)) & 1) != 0;
      state = (state >> 1) ^ (low ? 0xEDB88320U : 0U);
    }
  return ~state;
}

class cursor {
 public:
  explicit cursor(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t number(std::size_t width) {
    std::uint64_t value = 0;
    const std::string_view raw = text(width);
    for (std::size_t i = width; i-- > 0;) value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }
  std::string_view text(std::size_t length) {
    REQUIRE(at_ + length <= bytes_.size());
    at_ += length;
    return bytes_.substr(at_ - length, length);
  }
  std::size_t at() const { return at_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

/// Name → content.
inline std::map<std::string, std::string> files(std::string_view archive) {
  constexpr std::size_t end_record = 22;
  REQUIRE(archive.size() >= end_record);
  cursor end(archive.substr(archive.size() - end_record));
  CHECK(end.text(4) == "PK\5\6");
  CHECK(end.number(4) == 0);  // disks
  const std::uint64_t count = end.number(2);
  CHECK(end.number(2) == count);
  const std::uint64_t directory_size = end.number(4);
  const std::uint64_t directory_begin = end.number(4);
  CHECK(end.number(2) == 0);  // comment
  REQUIRE(directory_begin + directory_size + end_record == archive.size());

  std::map<std::string, std::string> files;
  cursor directory(archive.substr(directory_begin, directory_size));
  std::size_t expected_offset = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    CHECK(directory.text(4) == "PK\1\2");
    CHECK(directory.number(2) == 20);
    const std::string_view shared = directory.text(26);
    cursor fields(shared);
    CHECK(fields.number(2) == 20);
    CHECK(fields.number(2) == 0);       // flags
    CHECK(fields.number(2) == 0);       // stored
    CHECK(fields.number(2) == 0);       // midnight
    CHECK(fields.number(2) == 0x0021);  // 1 January 1980
    const std::uint64_t sum = fields.number(4), size = fields.number(4);
    CHECK(fields.number(4) == size);
    const std::uint64_t name_length = fields.number(2);
    CHECK(fields.number(2) == 0);      // extra
    CHECK(directory.number(10) == 0);  // comment, disk, attributes
    const std::uint64_t offset = directory.number(4);
    CHECK(offset == expected_offset);
    const std::string name(directory.text(name_length));

    cursor local(archive.substr(0, directory_begin));
    local.text(offset);
    CHECK(local.text(4) == "PK\3\4");
    CHECK(local.text(26) == shared);
    CHECK(local.text(name_length) == name);
    const std::string content(local.text(size));
    CHECK(crc32(content) == sum);
    CHECK(files.emplace(name, content).second);
    expected_offset = local.at();
  }
  CHECK(directory.at() == directory_size);
  CHECK(expected_offset == directory_begin);
  return files;
}

}  // namespace read_zip
