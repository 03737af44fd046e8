/// A file's bytes, mapped into memory and read-only: weights are paged in when they are first used. The only file of
/// the library that makes a system call; -DSTRATA_NO_MMAP, or a platform without mmap, reads the file instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "strata/core/error.hpp"

#if !defined(STRATA_NO_MMAP) && (defined(__unix__) || defined(__APPLE__))
#define STRATA_DETAIL_MMAP 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#else
#define STRATA_DETAIL_MMAP 0
#include <fstream>
#include <vector>
#endif

namespace strata {

/// The bytes stay where they are when the object is moved. A file that somebody truncates while it is mapped cannot be
/// guarded against: the operating system then ends the program at the next access.
class mapped_file {
 public:
  mapped_file() = default;

  /// Throws:   strata::data_error if the file is missing, not a regular file, unreadable or empty.
  explicit mapped_file(std::filesystem::path path) : path_(std::move(path)) {
    require_regular_file();
    open();
  }

  mapped_file(mapped_file&& other) noexcept { swap(other); }
  mapped_file& operator=(mapped_file&& other) noexcept {
    mapped_file(std::move(other)).swap(*this);
    return *this;
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  ~mapped_file() {
#if STRATA_DETAIL_MMAP
    if (data_ != nullptr) ::munmap(data_, size_);
#endif
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

#if STRATA_DETAIL_MMAP
  [[nodiscard]] std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }
#else
  [[nodiscard]] std::span<const std::byte> bytes() const { return content_; }
#endif

  void swap(mapped_file& other) noexcept {
    path_.swap(other.path_);
#if STRATA_DETAIL_MMAP
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
#else
    content_.swap(other.content_);
#endif
  }

 private:
  [[noreturn]] void refuse(const char* what) const { raise<data_error>(path_.string(), ": ", what); }
  [[noreturn]] void refuse(const char* what, std::error_code why) const {
    raise<data_error>(path_.string(), ": ", what, " (", why.message(), ")");
  }

  // Before opening, because opening a pipe would wait for its other end.
  void require_regular_file() const {
    std::error_code why;
    const auto status = std::filesystem::status(path_, why);
    if (status.type() == std::filesystem::file_type::not_found) refuse("no such file");
    if (why) refuse("the file cannot be examined", why);
    if (std::filesystem::is_directory(status)) refuse("is a directory, expected a file");
    if (!std::filesystem::is_regular_file(status)) refuse("is not a regular file");
  }

#if STRATA_DETAIL_MMAP
  void open() {
    const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) refuse("the file cannot be opened", {errno, std::generic_category()});
    struct ::stat status {};
    const bool examined = ::fstat(descriptor, &status) == 0;
    if (examined && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      void* const mapping = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
      if (mapping != MAP_FAILED) data_ = mapping;
    }
    const std::error_code why(errno, std::generic_category());
    ::close(descriptor);
    if (examined && status.st_size == 0) refuse("the file is empty");
    if (data_ == nullptr) refuse("the file cannot be mapped into memory", why);
  }
#else
  void open() {
    std::error_code why;
    const std::uintmax_t size = std::filesystem::file_size(path_, why);
    if (why) refuse("the file cannot be examined", why);
    if (size == 0) refuse("the file is empty");
    std::ifstream stream(path_, std::ios::binary);
    if (!stream) refuse("the file cannot be opened");
    content_.resize(static_cast<std::size_t>(size));
    stream.read(reinterpret_cast<char*>(content_.data()), static_cast<std::streamsize>(size));
    if (!stream) refuse("the file cannot be read to its end");
  }
#endif

  std::filesystem::path path_;
#if STRATA_DETAIL_MMAP
  void* data_ = nullptr;
  std::size_t size_ = 0;
#else
  std::vector<std::byte> content_;
#endif
};

}  // namespace strata
