// What the report was measured on and how it was compiled.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#if defined(STRATA_USE_BLAS)
// Of OpenBLAS only; null in a program that is linked with another.
extern "C" [[gnu::weak]] char* openblas_get_config();
#endif

namespace bench {

struct machine {
  std::string processor, compiler, flags, blas;
};

inline std::string processor_name() {
  std::ifstream about("/proc/cpuinfo");
  std::string name = "unknown processor";
  for (std::string line; std::getline(about, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos) {
      name = line.substr(line.find(": ") + 2);
      break;
    }
  return name + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores";
}

// flags: those of the build.
inline machine this_machine(const std::string& flags) {
  machine on{processor_name(), "", flags, "none: Eigen's products"};
#if defined(__clang__)
  on.compiler = __VERSION__;
#else
  on.compiler = std::string("g++ ") + __VERSION__;
#endif
#if defined(STRATA_USE_BLAS)
  on.blas = "a CBLAS";
  if (openblas_get_config != nullptr) on.blas = openblas_get_config();
#endif
#if defined(STRATA_USE_OPENMP)
  on.flags += " OpenMP";
#endif
  return on;
}

}  // namespace bench
