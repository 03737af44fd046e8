# Sourced by tests/run.sh, examples/run.sh and bench/run.sh: what a build needs beside these sources.
# shellcheck shell=sh

# missing_packages tests|programs|bench: the Debian and Ubuntu packages that are not there. The compiler is asked for the
# headers, so that a library from elsewhere counts as well.
missing_packages() {
  command -v cmake >/dev/null || echo cmake
  command -v ninja >/dev/null || command -v make >/dev/null || echo make
  command -v g++ >/dev/null || echo g++

  headers='Eigen/Core|eigen3/Eigen/Core libeigen3-dev
    xsimd/xsimd.hpp libxsimd-dev
    nlohmann/json.hpp nlohmann-json3-dev
    unicode/uversion.h libicu-dev
    CLI/CLI.hpp libcli11-dev'
  if [ "${1-}" = tests ]; then
    headers="$headers
    doctest/doctest.h doctest-dev
    cblas.h|openblas/cblas.h libopenblas-dev"
    # for one test; the distribution's Python counts as well as the first in the path
    python3 -c 'import numpy' 2>/dev/null || /usr/bin/python3 -c 'import numpy' 2>/dev/null || echo python3-numpy
    if ! command -v clang++ >/dev/null; then
      echo clang libclang-rt-dev
    elif [ ! -e "$(clang++ --rtlib=compiler-rt -print-libgcc-file-name)" ]; then
      echo "libclang-rt-$(clang++ -dumpversion | cut -d. -f1)-dev"
    fi
  fi
  if [ "${1-}" = bench ]; then
    headers="$headers
    catch2/catch_test_macros.hpp|catch2/catch.hpp catch2"
  fi
  if command -v g++ >/dev/null; then
    echo "$headers" | sed 's/ *\(.*\) \(.*\)/#if !(__has_include(<\1>))\n\2\n#endif/; s/|/>) || __has_include(</' |
      g++ -E -P -x c++ -
  else
    echo "$headers" | sed 's/.* //'
  fi
}

# set_up tests|programs|bench: installs what is missing where that needs no password, else says what to type.
set_up() {
  packages=$(missing_packages "$@" | xargs)
  [ -n "$packages" ] || return 0

  if ! command -v apt-get >/dev/null; then
    echo "strata needs what Debian and Ubuntu call: $packages" >&2
    return 1
  elif [ "$(id -u)" = 0 ]; then
    as_root='env'
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root='sudo -n env'
  else
    echo "sudo apt-get install --no-install-recommends $packages"
    return 1
  fi

  # shellcheck disable=SC2086 # words
  quietly "set-up: installing $packages" install_packages $packages
}

# The update may fail for one source while all that is needed can be had from the others.
install_packages() {
  apt_get update || true
  apt_get install -y --no-install-recommends "$@"
}

apt_get() {
  $as_root DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@"
}

# How many compilers may run: the processors, but 1.5 GiB of free memory for each.
parallel_jobs() {
  jobs=$(nproc)
  if [ -r /proc/meminfo ]; then
    by_memory=$(awk '/^MemAvailable/ { print int($2 / 1572864) }' /proc/meminfo)
    [ "$jobs" -le "$by_memory" ] || jobs=$by_memory
  fi
  [ "$jobs" -ge 1 ] || jobs=1
  echo "$jobs"
}

# quietly STEP command…: one line; the command's output only if it fails.
quietly() {
  echo "$1" >&2
  shift
  log=$("$@" 2>&1) || {
    echo "$log" >&2
    return 1
  }
}

# fast_options: what the compiler can have beside the least: threads, and OpenBLAS for matrix products (but not the one that
# only programs of one thread may call).
fast_options() {
  probe=$(mktemp)
  if echo 'int main() {}' | ${CXX-c++} -fopenmp -x c++ - -o "$probe" 2>/dev/null; then
    echo -DSTRATA_USE_OPENMP=ON
  fi
  if printf '#include <cblas.h>\nint main() { return openblas_get_parallel() == 0; }\n' |
    ${CXX-c++} -x c++ - -o "$probe" -lopenblas 2>/dev/null && "$probe"; then
    echo -DSTRATA_USE_BLAS=ON
  fi
  rm -f "$probe"
}

# Threads that wait for each other give their processor to others: with something else running on the machine, waiting in a
# loop would take many times as long.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY-passive}"

# Where a build folder is new, cmake takes ninja if it is there.
if command -v ninja >/dev/null; then
  export CMAKE_GENERATOR=Ninja
fi
