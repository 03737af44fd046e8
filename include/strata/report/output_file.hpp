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
  /// Opens the file under its other name, so that a place that cannot be written shows before the work starts.
  /// Throws: strata::data_error.
  explicit output_file(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path_, ignored))
      raise<data_error>(path_.string(), ": is a folder, expected a file to write");
    if (std::filesystem::is_symlink(path_, ignored)) path_ = std::filesystem::weakly_canonical(path_, ignored);
    in_place_ = std::filesystem::exists(path_, ignored) &&
                !std::filesystem::is_regular_file(path_, ignored);  // a device, a pipe
    part_ = in_place_ ? path_.string() : path_.string() + ".part";
    file_ = std::fopen(part_.c_str(), "wb");
    if (file_ == nullptr) raise<data_error>(path_.string(), ": cannot be written: ", std::strerror(errno));
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

  /// Writes the content and gives the file its name.
  /// Throws: strata::data_error if that fails; then no file is left.
  void commit(std::string_view content) {
    const bool written =
        std::fwrite(content.data(), 1, content.size(), file_) == content.size() && std::fflush(file_) == 0;
    const bool closed = std::fclose(file_) == 0;
    file_ = nullptr;
    if (!written || !closed || (!in_place_ && std::rename(part_.c_str(), path_.string().c_str()) != 0)) {
      const std::string why = std::strerror(errno);
      remove_part();
      raise<data_error>(path_.string(), ": could not be written: ", why);
    }
  }

 private:
  void remove_part() const {
    if (!in_place_) std::remove(part_.c_str());
  }

  std::filesystem::path path_;
  std::string part_;
  bool in_place_ = false;
  std::FILE* file_ = nullptr;
};

}  // namespace strata
