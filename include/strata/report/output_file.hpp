/// A file that appears whole or not at all: written under another name beside its place, then renamed.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "strata/core/error.hpp"

namespace strata {

class output_file {
 public:
  /// Opens the file under its other name, so that a place that cannot be written shows before the work starts. A link
  /// stays and its target is written; a device or pipe is written in place.
  /// Throws: strata::data_error.
  explicit output_file(const std::filesystem::path& path) : path_(behind_links(path)) {
    std::error_code ignored;
    if (path_.empty()) raise<data_error>("the file to write has no name");
    if (std::filesystem::is_directory(path_, ignored) || !path_.has_filename())
      raise<data_error>(path.string(), ": is a folder, expected a file to write");
    const bool exists = std::filesystem::exists(path_, ignored);
    in_place_ = exists && !std::filesystem::is_regular_file(path_, ignored);
    if (in_place_) {
      part_ = path_.string();
      file_ = std::fopen(part_.c_str(), "wb");
    } else if (!exists || may_write(path_)) {
      open_part();
    }
    if (file_ == nullptr) raise<data_error>(path.string(), ": cannot be written: ", std::strerror(errno));
  }
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;

  /// Leaves nothing behind unless commit() was called.
  ~output_file() {
    if (file_ == nullptr) return;
    std::fclose(file_);
    remove_part();
  }

  /// The other name, for a caller that has to remove the file when it is interrupted; empty where there is none.
  [[nodiscard]] std::string part() const { return in_place_ ? std::string() : part_; }

  /// Writes a part of the content; what is longer than memory comes in several.
  /// Throws: strata::data_error if that fails.
  void write(std::string_view part) {
    if (std::fwrite(part.data(), 1, part.size(), file_) == part.size()) return;
    const int why = errno;
    raise<data_error>(path_.string(), could_not, std::strerror(why));
  }

  /// Gives the file its name, with what was written. To be called once.
  /// Throws: strata::data_error if that fails; then what stood in the place before still stands there.
  void commit() {
    const bool written = std::fflush(file_) == 0;
    int why = errno;
    const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
    if (written) why = errno;
    if (written && closed) {
      if (in_place_ || std::rename(part_.c_str(), path_.c_str()) == 0) return;
      why = errno;
    }
    remove_part();
    raise<data_error>(path_.string(), could_not, std::strerror(why));
  }
  void commit(std::string_view content) {
    write(content);
    commit();
  }

 private:
  static constexpr const char* could_not = ": could not be written: ";

  // What links end at, whether or not it exists yet.
  [[nodiscard]] static std::filesystem::path behind_links(const std::filesystem::path& path) {
    constexpr int most = 40;
    std::error_code ignored;
    std::filesystem::path at = path;
    for (int i = 0; i < most; ++i) {
      if (!std::filesystem::is_symlink(at, ignored)) return at;
      if (std::filesystem::is_regular_file(at, ignored)) return std::filesystem::canonical(at, ignored);
      if (std::filesystem::exists(at, ignored)) return at;  // /dev/stdout may be a link whose text is no path
      at = at.parent_path() / std::filesystem::read_symlink(at, ignored);
    }
    raise<data_error>(path.string(), ": is a link that leads nowhere, expected a file to write");
  }

  [[nodiscard]] static bool may_write(const std::filesystem::path& file) {
    std::FILE* opened = std::fopen(file.c_str(), "r+b");
    if (opened != nullptr) std::fclose(opened);
    return opened != nullptr;
  }

  // A name that is not taken: nobody's file is overwritten, and two programs never write the same one.
  void open_part() {
    constexpr int most = 100;
    for (int i = 1; file_ == nullptr && i <= most; ++i) {
      part_ = path_.string() + (i == 1 ? ".part" : concat('.', i, ".part"));
      file_ = std::fopen(part_.c_str(), "wbx");
      if (file_ == nullptr && errno != EEXIST) return;
    }
  }

  void remove_part() const {
    if (!in_place_) std::remove(part_.c_str());
  }

  std::filesystem::path path_;
  std::string part_;
  bool in_place_ = false;
  std::FILE* file_ = nullptr;
};

}  // namespace strata
