// A file that the command writes, or none: opened before the work, gone if that is interrupted.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "interrupt.hpp"
#include "strata/report/output_file.hpp"

namespace cli {

class written_file {
 public:
  explicit written_file(const std::optional<std::string>& path) {
    if (!path) return;
    const interrupts_wait together;
    file_ = std::make_unique<strata::output_file>(*path);
    number_ = remove_on_interrupt(file_->part());
  }

  [[nodiscard]] explicit operator bool() const { return file_ != nullptr; }

  void write(std::string_view piece) { file_->write(piece); }

  // Writes what is left, and gives the file its name.
  void commit(std::string_view rest = "") {
    const interrupts_wait together;
    file_->commit(rest);
    forget(number_);
  }

 private:
  std::unique_ptr<strata::output_file> file_;
  std::size_t number_ = 0;
};

}  // namespace cli
