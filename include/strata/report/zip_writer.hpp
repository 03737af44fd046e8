/// A ZIP archive whose files are stored as they are: what numpy calls NPZ.
/// Source: PKWARE, .ZIP File Format Specification (APPNOTE.TXT), §4.3 and §4.4.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"

namespace strata::detail {

/// The CRC-32 of ISO-HDLC, polynomial 0xEDB88320 (reversed), of parts that follow one another.
class crc32 {
 public:
  void add(std::string_view part) {
    for (const char c : part) state_ = table[(state_ ^ static_cast<unsigned char>(c)) & 0xFF] ^ (state_ >> 8);
  }
  [[nodiscard]] std::uint32_t value() const { return ~state_; }

 private:
  static constexpr std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t byte = 0; byte < made.size(); ++byte) {
      made[byte] = byte;
      for (int bit = 0; bit < 8; ++bit) made[byte] = (made[byte] >> 1) ^ ((made[byte] & 1) != 0 ? 0xEDB88320U : 0U);
    }
    return made;
  }();

  std::uint32_t state_ = 0xFFFFFFFF;
};

/// Appends the number's bytes, the lowest first.
template <std::integral Number>
void append_little_endian(std::string& bytes, Number number) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) bytes += static_cast<char>(number >> (8 * i) & 0xFF);
}

/// Hands the archive to sink(std::string_view), part by part.
template <std::invocable<std::string_view> Sink>
class zip_writer {
 public:
  /// The largest archive of the form that has no 64-bit fields.
  static constexpr std::uint64_t most_bytes = std::numeric_limits<std::uint32_t>::max();

  explicit zip_writer(Sink sink, std::uint64_t most = most_bytes) : sink_(std::move(sink)), most_(most) {}

  /// Adds a file. produce(to) hands its content to to(std::string_view), part by part; it is called twice and must do the
  /// same again, since size and checksum stand before the content.
  /// Throws: strata::option_error where the archive would be larger than `most`.
  template <class Produce>
  void add(std::string name, Produce produce) {
    std::uint64_t size = 0;
    crc32 sum;
    produce([&](std::string_view part) {
      size += part.size();
      sum.add(part);
    });
    entries_.push_back({std::move(name), sum.value(), size, offset_});
    const entry& added = entries_.back();
    directory_bytes_ += directory_header + added.name.size();
    if (offset_ + local_header + added.name.size() + size + directory_bytes_ + end_record > most_)
      raise<option_error>("the archive would have more than ", most_, " bytes");
    std::string header("PK\3\4");
    append_shared_fields(header, added);
    write(header + added.name);
    const std::uint64_t begin = offset_;
    produce([&](std::string_view part) { write(part); });
    STRATA_ASSERT(offset_ - begin == size, "zip_writer::add: the content has another size the second time");
  }

  /// Writes the directory, which ends the archive.
  void finish() {
    const std::uint64_t begin = offset_;
    for (const entry& e : entries_) {
      std::string header("PK\1\2");
      append_little_endian(header, version);  // made by
      append_shared_fields(header, e);
      header.append(10, '\0');  // no comment, disk 0, no attributes
      append_little_endian(header, static_cast<std::uint32_t>(e.offset));
      write(header + e.name);
    }
    const auto count = static_cast<std::uint16_t>(entries_.size());
    std::string end("PK\5\6");
    end.append(4, '\0');  // disk 0
    append_little_endian(end, count);
    append_little_endian(end, count);
    append_little_endian(end, static_cast<std::uint32_t>(offset_ - begin));
    append_little_endian(end, static_cast<std::uint32_t>(begin));
    end.append(2, '\0');  // no comment
    write(end);
  }

 private:
  static constexpr std::uint16_t version = 20;
  static constexpr std::size_t local_header = 30, directory_header = 46, end_record = 22;

  struct entry {
    std::string name;
    std::uint32_t sum = 0;
    std::uint64_t size = 0, offset = 0;
  };

  // What the header before the content and the one in the directory have in common.
  static void append_shared_fields(std::string& header, const entry& e) {
    constexpr std::uint32_t stored = 0;              // no flags, no compression
    constexpr std::uint32_t first_day = 0x00210000;  // 1980-01-01: the same input gives the same bytes
    append_little_endian(header, version);           // needed to extract
    append_little_endian(header, stored);
    append_little_endian(header, first_day);
    append_little_endian(header, e.sum);
    append_little_endian(header, static_cast<std::uint32_t>(e.size));  // compressed
    append_little_endian(header, static_cast<std::uint32_t>(e.size));
    append_little_endian(header, static_cast<std::uint16_t>(e.name.size()));
    append_little_endian(header, std::uint16_t{0});  // no extra field
  }

  void write(std::string_view part) {
    sink_(part);
    offset_ += part.size();
  }

  Sink sink_;
  std::uint64_t most_;
  std::uint64_t offset_ = 0, directory_bytes_ = 0;
  std::vector<entry> entries_;
};

}  // namespace strata::detail
